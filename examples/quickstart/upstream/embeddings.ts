/**
 * `POST /v1/embeddings`. A vector is the sum of one hash per word, so texts that share words lie closer; nothing else is known
 * about their meaning.
 * @see https://platform.openai.com/docs/api-reference/embeddings
 */
import { createHash } from 'node:crypto';
import type OpenAI from 'openai';
import { type Answer, badField, type Incoming, json, readInteger, readJson } from './http.ts';
import { readTexts } from './inputs.ts';
import { readModel } from './models.ts';

const DEFAULT_DIMENSIONS = 256;
const MAX_DIMENSIONS = 3072;

export function embeddings(request: Incoming): Answer {
  const body = readJson(request);
  const model = readModel(body, 'embed');
  const inputs = readTexts(body['input'], 'input');
  const dimensions = readInteger(body, 'dimensions', 1) ?? DEFAULT_DIMENSIONS;
  if (dimensions > MAX_DIMENSIONS) throw badField('dimensions', `must be at most ${MAX_DIMENSIONS}`);
  const format = body['encoding_format'] ?? 'float';
  if (format !== 'float' && format !== 'base64') throw badField('encoding_format', 'must be float or base64');

  const data = inputs.map(({ text }, index) => {
    const vector = embed(text, dimensions);
    return { object: 'embedding' as const, index, embedding: format === 'float' ? Array.from(vector) : base64(vector) };
  });
  const tokens = inputs.reduce((sum, input) => sum + input.tokens, 0);
  // The SDK's type knows only the form that it decodes to, a list of numbers.
  const answer: Omit<OpenAI.CreateEmbeddingResponse, 'data'> & { data: typeof data } = {
    object: 'list',
    data,
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
  return json(answer);
}

/** A vector of length one, the same for the same words in any order. */
export function embed(text: string, dimensions: number): Float32Array {
  const sum = new Float64Array(dimensions);
  for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [text]) {
    const hash = createHash('shake256', { outputLength: dimensions }).update(word).digest();
    for (const [index, byte] of hash.entries()) sum[index] = (sum[index] ?? 0) + byte - 127.5;
  }
  const length = Math.hypot(...sum);
  return Float32Array.from(sum, (value) => value / length);
}

/** Little-endian 32-bit floats, on any machine. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}
