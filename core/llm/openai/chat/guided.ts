import type { ResponseFormat } from '../../conversation.ts';
import { badRequest, type Fields } from '../../fields.ts';

const NAMES = ['guided_json', 'guided_choice', 'guided_regex'] as const;

/**
 * What an answer has to keep to, as vLLM calls it, and as Envoy AI Gateway hands it on. A pattern stays with what only some backends have.
 * @see https://docs.vllm.ai/en/latest/features/structured_outputs.html
 * @param isFormatted the request has a format already: two would be one that is not kept to
 */
export function guidedIn(request: Fields, isFormatted: boolean): ResponseFormat | undefined {
  const found = NAMES.filter((name) => request.has(name));
  const [name, other] = found;
  if (name === undefined) return undefined;
  if (isFormatted || other !== undefined)
    throw badRequest(other ?? name, `cannot stand beside ${other === undefined ? 'response_format' : name}: an answer has one format`);
  if (name === 'guided_json') return { type: 'json_schema', name: 'answer', schema: schemaIn(request), strict: undefined };
  return name === 'guided_choice' ? { type: 'choice', choices: choicesIn(request), at: name } : undefined;
}

/** It may be a text. */
function schemaIn(request: Fields): object {
  const value = request.raw('guided_json');
  let schema = value;
  try {
    if (typeof value === 'string') schema = JSON.parse(value);
  } catch {
    schema = undefined;
  }
  if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return schema;
  throw badRequest('guided_json', 'must be a JSON Schema, or the text of one');
}

function choicesIn(request: Fields): readonly string[] {
  const choices = request.list('guided_choice') ?? [];
  if (choices.length > 0 && choices.every((each) => typeof each === 'string')) return choices;
  throw badRequest('guided_choice', 'must be a list of texts, of one or more');
}
