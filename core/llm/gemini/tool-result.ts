import type { Json } from '../given.ts';
import { jsonObject } from '../json-object.ts';

interface Result {
  readonly texts: readonly string[];
  readonly isError: boolean;
}

/**
 * `response` of a functionResponse, which is an object. Several texts are the content of a tool's result as MCP has it.
 * @see https://ai.google.dev/api/caching#FunctionResponse
 */
export function responseOf({ texts, isError }: Result): Json {
  if (texts.length > 1) return { content: texts.map((text) => ({ type: 'text', text })), ...(isError ? { isError } : {}) };
  const [text = ''] = texts;
  if (isError) return { error: text };
  const object = jsonObject(text);
  return object?.isExact === true ? (object.value as Json) : { result: text };
}

/** What another API is told of a `response`: a text where it is one, else its JSON. */
export function resultIn(response: Json): Result {
  const [name, ...others] = Object.keys(response);
  const value = name === undefined ? undefined : response[name];
  const isAlone = others.length === 0;
  if (isAlone && (name === 'result' || name === 'output') && typeof value === 'string') return { texts: textsOf(value), isError: false };
  if (isAlone && name === 'error' && value !== null)
    return { texts: textsOf(typeof value === 'string' ? value : JSON.stringify(value)), isError: true };
  return contentIn(response) ?? { texts: [JSON.stringify(response)], isError: false };
}

function textsOf(text: string): readonly string[] {
  return text === '' ? [] : [text];
}

function contentIn({ content, isError = false, ...others }: Json): Result | undefined {
  if (!Array.isArray(content) || content.length === 0 || typeof isError !== 'boolean' || Object.keys(others).length > 0) return undefined;
  const texts = content.map(onlyText);
  return texts.includes(undefined) ? undefined : { texts: texts as readonly string[], isError };
}

function onlyText(item: unknown): string | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  const { type, text, ...others } = item as Json;
  return type === 'text' && typeof text === 'string' && Object.keys(others).length === 0 ? text : undefined;
}
