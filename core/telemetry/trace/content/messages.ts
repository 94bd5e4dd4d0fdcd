import { plainText } from './chat.ts';
import { type Fields, fields, items, text } from './fields.ts';
import type { SeenAnswer, SeenMessage, SeenPart, SeenRequest } from './model.ts';

/** Request to POST /v1/messages. What stands in `system` is the first message. */
export function messagesRequest(body: Fields): SeenRequest {
  const system = blocks(body['system']);
  return {
    messages: [
      ...(system.length === 0 ? [] : [{ role: 'system', parts: system }]),
      ...items(body['messages']).map((message): SeenMessage => {
        const { role, content } = fields(message);
        return { role: text(role) ?? 'user', parts: blocks(content) };
      }),
    ],
    tools: items(body['tools']).map((tool) => ({ schema: JSON.stringify(tool) })),
  };
}

export function messagesAnswer(body: Fields): SeenAnswer {
  const finish = text(body['stop_reason']);
  return {
    id: text(body['id']),
    messages: [{ role: text(body['role']) ?? 'assistant', parts: blocks(body['content']), finish }],
    finishReasons: finish === undefined ? [] : [finish],
  };
}

function blocks(content: unknown): SeenPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return items(content).map((block) => partOf(fields(block)));
}

function partOf(block: Fields): SeenPart {
  const type = text(block['type']) ?? '';
  switch (type) {
    case 'text':
      return { type: 'text', text: text(block['text']) ?? '' };
    case 'thinking':
      return { type: 'reasoning', text: text(block['thinking']) ?? '', signature: text(block['signature']) };
    case 'image':
      return { type: 'image', url: sourceUrl(fields(block['source'])) };
    case 'document':
      return { type: 'file', name: text(block['title']) };
    case 'tool_use':
    case 'server_tool_use':
      return { type: 'tool_call', id: text(block['id']), name: text(block['name']) ?? '', arguments: JSON.stringify(block['input'] ?? {}) };
    case 'tool_result':
      return { type: 'tool_result', id: text(block['tool_use_id']), text: plainText(block['content']) };
    default:
      return { type: 'other', kind: type };
  }
}

function sourceUrl(source: Fields): string {
  const url = text(source['url']) ?? text(source['file_id']);
  return url ?? `data:${text(source['media_type']) ?? 'image/png'};base64,${text(source['data']) ?? ''}`;
}
