import { mixNumbers, Random } from '../engine/random.ts';
import { ApiError } from './errors.ts';
import { cut, type Exchange } from './exchange.ts';
import { text, whole, wrong } from './fields.ts';
import { sendJson } from './reply.ts';
import { tokenize } from './tokenizer.ts';

const DEFAULT_DIMENSIONS = 64;
const MAX_DIMENSIONS = 8192;

/** `POST /v1/embeddings`. Vectors of length 1, the same for the same input, and of no meaning. */
export function embeddings(exchange: Exchange): void {
  const { body, response, runner, id, served } = exchange;
  const model = text(body, 'model') ?? '';
  const lora = runner.loraOf(model, served);
  const inputs = readInputs(body['input']);
  const dimensions = whole(body, 'dimensions', 1, MAX_DIMENSIONS) ?? DEFAULT_DIMENSIONS;
  const format = text(body, 'encoding_format') ?? 'float';
  if (format !== 'float' && format !== 'base64') {
    throw new ApiError(400, `encoding_format must be float or base64, got ${format}.`, { param: 'encoding_format' });
  }
  const runs = inputs.map((tokens, index) => runner.pool(`${id}-${index}`, tokens, lora));
  response.once('close', () => {
    if (!response.writableFinished) for (const run of runs) run.abort();
  });
  void Promise.all(runs.map(({ done }) => done)).then((all) => {
    if (!all.every(Boolean)) {
      cut(response);
      return;
    }
    const tokens = inputs.reduce((sum, { length }) => sum + length, 0);
    sendJson(response, 200, {
      id: `embd-${id}`,
      object: 'list',
      created: Math.floor(Date.now() / 1000),
      model,
      data: inputs.map((input, index) => ({ index, object: 'embedding', embedding: encode(vector(input, dimensions), format) })),
      usage: { prompt_tokens: tokens, total_tokens: tokens, completion_tokens: 0, prompt_tokens_details: null },
    });
  });
}

function readInputs(input: unknown): (readonly number[])[] {
  const inputs: unknown[] = Array.isArray(input) && typeof input[0] !== 'number' ? input : [input];
  if (inputs.length === 0) throw new ApiError(400, 'input must not be empty', { param: 'input' });
  return inputs.map((one) => {
    const tokens = typeof one === 'string' ? tokenize(one) : one;
    if (!Array.isArray(tokens) || !tokens.every((id): id is number => typeof id === 'number')) {
      throw wrong('input', 'text, a list of texts, or token ids', one);
    }
    if (tokens.length === 0) throw new ApiError(400, 'input must not be empty', { param: 'input' });
    return tokens;
  });
}

function vector(tokens: readonly number[], dimensions: number): Float32Array {
  const random = new Random(mixNumbers(0, tokens));
  const values = Float32Array.from({ length: dimensions }, () => random.next() - 0.5);
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}

function encode(values: Float32Array, format: 'float' | 'base64'): number[] | string {
  return format === 'float' ? [...values] : Buffer.from(values.buffer).toString('base64');
}
