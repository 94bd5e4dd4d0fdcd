/** What the example upstream says: always that it is one. */
import type { Conversation } from './conversation.ts';
import { isObject, type JsonObject } from './http.ts';
import { exampleFor } from './tools.ts';

/** `text`: prose; `json`: any JSON object; an object: JSON Schema that the answer must fit. */
export type Format = 'text' | 'json' | JsonObject;

const SOURCE = 'the bundled example upstream; there is no model behind it';
/** Whole characters, not halves of surrogate pairs. */
const QUOTED = /^.{0,200}/su;

/** The full answer, before stop sequences and limits shorten it. */
export function answerText(model: string, conversation: Conversation, format: Format): string {
  if (isObject(format)) return JSON.stringify(exampleFor(format));
  const heard = conversation.toolResult ?? conversation.question ?? '';
  if (format === 'json') return JSON.stringify({ source: SOURCE, model, heard: quote(heard) });
  const sentences = [`This answer comes from ${SOURCE}.`, `It was asked for as ${model}.`];
  if (conversation.toolResult !== null) sentences.push(`The tool answered: "${quote(heard)}".`);
  else if (conversation.question !== null) sentences.push(`You said: "${quote(heard)}".`);
  if (conversation.images > 0) sentences.push(`Images received: ${conversation.images}.`);
  if (conversation.files > 0) sentences.push(`Files received: ${conversation.files}.`);
  return sentences.join(' ');
}

function quote(text: string): string {
  const start = QUOTED.exec(text)?.[0] ?? '';
  return start.length === text.length ? text : `${start}…`;
}
