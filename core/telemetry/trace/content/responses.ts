import { plainText } from './chat.ts';
import { type Fields, fields, items, text } from './fields.ts';
import type { SeenAnswer, SeenMessage, SeenPart, SeenRequest } from './model.ts';

/** Request to POST /v1/responses. What stands in `instructions` is the first message. */
export function responsesRequest(body: Fields): SeenRequest {
  const { input } = body;
  const instructions = text(body['instructions']);
  return {
    messages: [
      ...(instructions === undefined ? [] : [{ role: 'system', parts: [{ type: 'text' as const, text: instructions }] }]),
      ...(typeof input === 'string' ? [{ role: 'user', parts: [{ type: 'text' as const, text: input }] }] : items(input).map(messageOf)),
    ],
    tools: items(body['tools']).map((tool) => ({ schema: JSON.stringify(tool) })),
  };
}

export function responsesAnswer(body: Fields): SeenAnswer {
  const reason = text(fields(body['incomplete_details'])['reason']) ?? text(body['status']);
  return {
    id: text(body['id']),
    messages: items(body['output']).map(messageOf),
    finishReasons: reason === undefined ? [] : [reason],
  };
}

/** One item of the conversation: a message, or something that stands beside messages. */
function messageOf(item: unknown): SeenMessage {
  const said = fields(item);
  const type = text(said['type']) ?? 'message';
  switch (type) {
    case 'message':
      return { role: text(said['role']) ?? 'assistant', parts: contentOf(said['content']) };
    case 'function_call':
    case 'custom_tool_call': {
      const given = text(said['arguments']) ?? text(said['input']) ?? '';
      const call = { type: 'tool_call' as const, id: text(said['call_id']), name: text(said['name']) ?? '', arguments: given };
      return { role: 'assistant', parts: [call] };
    }
    case 'function_call_output':
    case 'custom_tool_call_output':
      return { role: 'tool', parts: [{ type: 'tool_result', id: text(said['call_id']), text: plainText(said['output']) }] };
    case 'reasoning':
      return { role: 'assistant', parts: [{ type: 'reasoning', text: plainText(said['summary']) }] };
    default:
      return { role: text(said['role']) ?? 'assistant', parts: [{ type: 'other', kind: type }] };
  }
}

function contentOf(content: unknown): SeenPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return items(content).map((part) => partOf(fields(part)));
}

function partOf(part: Fields): SeenPart {
  const type = text(part['type']) ?? '';
  switch (type) {
    case 'input_text':
    case 'output_text':
      return { type: 'text', text: text(part['text']) ?? '' };
    case 'refusal':
      return { type: 'text', text: text(part['refusal']) ?? '' };
    case 'input_image':
      return { type: 'image', url: text(part['image_url']) ?? text(part['file_id']) ?? '' };
    case 'input_audio': {
      const { data, format } = fields(part['input_audio']);
      return { type: 'audio', url: `data:audio/${text(format) ?? 'wav'};base64,${text(data) ?? ''}` };
    }
    case 'input_file':
      return { type: 'file', name: text(part['filename']) ?? text(part['file_id']) };
    default:
      return { type: 'other', kind: type };
  }
}
