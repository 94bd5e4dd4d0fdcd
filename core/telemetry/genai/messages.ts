import type { SeenMessage, SeenPart } from '../trace/content/model.ts';

/** Base64 is never told here: the convention has no limit for it, and a trace is no store of pictures. */
function uriOf(url: string): object {
  if (!url.startsWith('data:')) return { uri: url };
  return { mime_type: url.slice(5, Math.max(5, url.indexOf(';'))), uri: 'data:' };
}

/** A part as `gen_ai.input.messages` has it. @see https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-input-messages.json */
function partOf(part: SeenPart): object {
  switch (part.type) {
    case 'text':
      return { type: 'text', content: part.text };
    case 'reasoning':
      return { type: 'reasoning', content: part.text };
    case 'tool_call':
      return { type: 'tool_call', id: part.id, name: part.name, arguments: part.arguments };
    case 'tool_result':
      return { type: 'tool_call_response', id: part.id, response: part.text };
    case 'image':
    case 'audio':
      return { type: 'uri', modality: part.type, ...uriOf(part.url) };
    case 'file':
      return { type: 'file', file_id: part.name };
    case 'other':
      return { type: part.kind };
  }
}

function isSystem({ role }: SeenMessage): boolean {
  return role === 'system' || role === 'developer';
}

/** Messages but the instructions; undefined: there are none. */
export function messageJson(messages: readonly SeenMessage[]): string | undefined {
  const told = messages.filter((message) => !isSystem(message));
  if (told.length === 0) return undefined;
  return JSON.stringify(told.map(({ role, name, parts, finish }) => ({ role, name, parts: parts.map(partOf), finish_reason: finish })));
}

export function systemJson(messages: readonly SeenMessage[]): string | undefined {
  const parts = messages.filter(isSystem).flatMap((message) => message.parts.map(partOf));
  return parts.length === 0 ? undefined : JSON.stringify(parts);
}
