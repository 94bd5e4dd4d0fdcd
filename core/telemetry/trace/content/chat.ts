import { type Fields, fields, items, text } from './fields.ts';
import type { SeenAnswer, SeenMessage, SeenPart, SeenRequest } from './model.ts';

/** Request to POST /v1/chat/completions. */
export function chatRequest(body: Fields): SeenRequest {
  return {
    messages: items(body['messages']).map((message) => chatMessage(fields(message))),
    tools: items(body['tools']).map((tool) => ({ schema: JSON.stringify(tool) })),
  };
}

export function chatAnswer(body: Fields): SeenAnswer {
  const choices = items(body['choices']).map(fields);
  return {
    id: text(body['id']),
    messages: choices.flatMap((choice) =>
      choice['message'] === undefined ? [] : { ...chatMessage(fields(choice['message'])), finish: text(choice['finish_reason']) },
    ),
    finishReasons: choices.flatMap((choice) => text(choice['finish_reason']) ?? []),
  };
}

function chatMessage(message: Fields): SeenMessage {
  const parts: SeenPart[] = [];
  const role = text(message['role']) ?? 'assistant';
  const reasoning = text(message['reasoning_content']) ?? text(message['reasoning']);
  if (reasoning !== undefined) parts.push({ type: 'reasoning', text: reasoning });
  const content = message['content'];
  if (role === 'tool' || role === 'function') {
    parts.push({ type: 'tool_result', id: text(message['tool_call_id']), text: plainText(content) });
  } else if (typeof content === 'string') parts.push({ type: 'text', text: content });
  else parts.push(...items(content).map((part) => chatPart(fields(part))));
  const refusal = text(message['refusal']);
  if (refusal !== undefined) parts.push({ type: 'text', text: refusal });
  for (const item of items(message['tool_calls'])) {
    const call = fields(item);
    const { name, arguments: given } = fields(call['function']);
    parts.push({ type: 'tool_call', id: text(call['id']), name: text(name) ?? '', arguments: text(given) ?? '' });
  }
  return { role, name: text(message['name']), parts };
}

/** The text of a content that is a string or a list of parts. */
export function plainText(content: unknown): string {
  if (typeof content === 'string') return content;
  return items(content)
    .flatMap((part) => text(fields(part)['text']) ?? [])
    .join('\n');
}

function chatPart(part: Fields): SeenPart {
  const type = text(part['type']) ?? '';
  switch (type) {
    case 'text':
    case 'refusal':
      return { type: 'text', text: text(part[type]) ?? '' };
    case 'image_url': {
      const image = part['image_url'];
      return { type: 'image', url: text(image) ?? text(fields(image)['url']) ?? '' };
    }
    case 'input_audio': {
      const { data, format } = fields(part['input_audio']);
      return { type: 'audio', url: `data:audio/${text(format) ?? 'wav'};base64,${text(data) ?? ''}` };
    }
    case 'file':
      return { type: 'file', name: text(fields(part['file'])['filename']) ?? text(fields(part['file'])['file_id']) };
    default:
      return { type: 'other', kind: type };
  }
}
