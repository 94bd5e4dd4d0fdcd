/** The input of completions and embeddings: a text, a list of texts, a list of token ids, or a list of such lists. */
import { badField } from './http.ts';
import { countTokens } from './tokens.ts';

export interface TextInput {
  /** Token ids stand as their numbers: the example upstream has no vocabulary to turn them back. */
  readonly text: string;
  readonly tokens: number;
}

/** At most this many inputs in one request, as in the embeddings API. */
const MAX_INPUTS = 2048;

export function readTexts(value: unknown, path: string): TextInput[] {
  if (typeof value === 'string') return [textInput(value, path)];
  if (isIds(value)) return [idsInput(value)];
  if (!Array.isArray(value) || value.length === 0) throw badField(path, 'must be a string, a list of strings or lists of token ids');
  if (value.length > MAX_INPUTS) throw badField(path, `holds ${value.length} inputs, more than ${MAX_INPUTS}`);
  return value.map((item: unknown, index) => {
    if (typeof item === 'string') return textInput(item, `${path}[${index}]`);
    if (isIds(item)) return idsInput(item);
    throw badField(`${path}[${index}]`, 'must be a string or a list of token ids');
  });
}

function textInput(text: string, path: string): TextInput {
  if (text === '') throw badField(path, 'must not be empty');
  return { text, tokens: countTokens(text) };
}

function idsInput(ids: readonly number[]): TextInput {
  return { text: ids.join(' '), tokens: ids.length };
}

function isIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => Number.isInteger(item));
}
