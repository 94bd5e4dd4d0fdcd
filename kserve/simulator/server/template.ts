import { hashText } from '../engine/random.ts';
import { ApiError } from './errors.ts';
import { type Fields, isFields, wrong } from './fields.ts';
import { specialToken, tokenize } from './tokenizer.ts';

/** One turn of a conversation, as text. */
export interface Turn {
  readonly role: string;
  readonly content: string;
}

const START = specialToken('<|im_start|>');
const END = specialToken('<|im_end|>');
const TOOL = specialToken('<|tool|>');

/**
 * A conversation as tokens, in the manner of ChatML, with an open assistant turn at the end. An answer that the client sends back in the
 * next turn gives the tokens that were generated, so it is found in the prefix cache.
 */
export function chatTokens(turns: readonly Turn[], tools: readonly unknown[] = [], generationPrompt = true): number[] {
  const ids: number[] = [];
  if (tools.length > 0) ids.push(TOOL, ...tokenize(JSON.stringify(tools)), END);
  for (const { role, content } of turns) {
    ids.push(START);
    for (const id of tokenize(`${role}\n`)) ids.push(id);
    for (const id of tokenize(content)) ids.push(id);
    ids.push(END);
  }
  if (generationPrompt) ids.push(START, ...tokenize('assistant\n'));
  return ids;
}

/** Reads `messages` of the chat API. @throws ApiError 400 */
export function readTurns(messages: unknown): Turn[] {
  if (!Array.isArray(messages)) throw wrong('messages', 'a list', messages);
  if (messages.length === 0) throw new ApiError(400, 'messages must not be empty', { param: 'messages' });
  return messages.map((message: unknown, index) => {
    if (!isFields(message)) throw wrong(`messages[${index}]`, 'an object', message);
    const { role } = message;
    if (typeof role !== 'string') throw wrong(`messages[${index}].role`, 'a string', role);
    return { role, content: contentText(message['content'], `messages[${index}].content`) + callsText(message) };
  });
}

/** Text of a content that is a string or a list of parts, of any of the APIs. Images and files stand as a hash. */
export function contentText(content: unknown, where: string): string {
  if (content === undefined || content === null) return '';
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) throw wrong(where, 'a string or a list of parts', content);
  return content.map((part: unknown, index) => partText(part, `${where}[${index}]`)).join('');
}

function partText(part: unknown, where: string): string {
  if (typeof part === 'string') return part;
  if (!isFields(part)) throw wrong(where, 'an object', part);
  if (typeof part['text'] === 'string') return part['text'];
  if (part['type'] === 'tool_result') return contentText(part['content'], `${where}.content`);
  return `[${String(part['type'])} ${hashText(JSON.stringify(part)).toString(36)}]`;
}

function callsText(message: Fields): string {
  const calls = message['tool_calls'];
  if (!Array.isArray(calls)) return '';
  return calls.map((call: unknown) => (isFields(call) ? JSON.stringify(call['function'] ?? null) : '')).join('');
}
