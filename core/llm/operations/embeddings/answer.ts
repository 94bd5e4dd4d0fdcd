import type { Fields } from '../../fields.ts';
import type { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { OperationAnswer } from '../../operation.ts';
import type { Usage } from '../../usage.ts';
import type { EmbeddingsRequest } from './request.ts';

/** Numbers of a vector. */
export type Vector = readonly number[];

/** @throws UnacceptableAnswer for what is no list of numbers that float32 holds */
export function vectorIn(value: unknown, path: string): Vector {
  if (!Array.isArray(value) || value.length === 0) throw malformed(path, 'must be a list of numbers');
  const wrong = value.findIndex((each) => typeof each !== 'number' || !Number.isFinite(Math.fround(each)));
  if (wrong !== -1) throw malformed(`${path}[${wrong}]`, 'must be a number of 32 bits');
  return value as Vector;
}

/** @throws UnacceptableAnswer unless there is one a text */
export function vectorsIn(of: Fields, name: string, { texts }: EmbeddingsRequest): readonly Vector[] {
  const list = of.list(name);
  requireOneEach(list, of.at(name), texts.length);
  return list.map((each, index) => vectorIn(each, `${of.at(name)}[${index}]`));
}

export function requireOneEach(list: readonly unknown[] | undefined, path: string, texts: number): asserts list is readonly unknown[] {
  if (list?.length !== texts) throw malformed(path, `must have one vector for each of the ${texts} texts`);
}

export interface Found {
  readonly vectors: readonly Vector[];
  readonly usage: Usage | undefined;
  readonly losses: Losses;
}

/**
 * Writes the answer of the OpenAI API. Its `usage` is left out where the backend does not tell: zero would be a lie.
 *
 * @see https://platform.openai.com/docs/api-reference/embeddings/object
 */
export function embeddingsAnswer({ vectors, usage, losses }: Found, { encoding }: EmbeddingsRequest, model: string): OperationAnswer {
  const data = vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: encoding === 'base64' ? base64Of(vector) : vector,
  }));
  const counts = usage?.input === undefined ? {} : { usage: { prompt_tokens: usage.input, total_tokens: usage.total ?? usage.input } };
  return { body: { object: 'list', data, model, ...counts }, usage, losses: losses.list() };
}

function base64Of(vector: Vector): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}
