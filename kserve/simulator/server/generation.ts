import { mixNumbers, Random } from '../engine/random.ts';
import { contextLengthError } from './errors.ts';
import { valueOf } from './schema-value.ts';
import { tokenText, tokenize } from './tokenizer.ts';
import { sentences } from './words.ts';

/** What an answer is. */
export type Reply =
  | { readonly kind: 'text' }
  | { readonly kind: 'json'; readonly schema: unknown }
  | { readonly kind: 'tool'; readonly name: string; readonly parameters: unknown; readonly named: boolean };

/** A request of any API, read. */
export interface Generation {
  readonly model: string;
  readonly prompt: readonly number[];
  readonly reply: Reply;
  readonly n: number;
  /** undefined: as much as the context leaves. */
  readonly maxTokens: number | undefined;
  readonly minTokens: number;
  readonly ignoreEos: boolean;
  readonly stop: readonly string[];
  readonly includeStop: boolean;
  readonly seed: number;
  readonly salt: string | undefined;
  readonly priority: number | undefined;
  /** Alternatives for each token; undefined: no log probabilities. */
  readonly logprobs: number | undefined;
  readonly remotePrefill: boolean;
  readonly remoteDecode: boolean;
}

/** An answer, known before it is given: the engine only decides when each token comes. */
export interface Answer {
  readonly tokens: readonly number[];
  /** What the client sees after each token: the stop text is cut off. Lengths into `text`. */
  readonly shown: readonly number[];
  readonly text: string;
  readonly ends: 'stop' | 'length';
  readonly stopReason: string | null;
}

/** Tokens of an answer that nobody limits, from and to. */
export interface AnswerLength {
  readonly least: number;
  readonly most: number;
}

const BYTES_PER_TOKEN = 3.2;

/**
 * Plans the answers of a request. The same prompt gets the same answer, from whatever pod.
 * @throws ApiError 400 if prompt and answer do not fit the context
 */
export function planAnswers(request: Generation, maxModelLen: number, length: AnswerLength): Answer[] {
  const room = maxModelLen - request.prompt.length;
  if (room < 1 || (request.maxTokens ?? 1) > room) {
    throw contextLengthError(maxModelLen, request.prompt.length, request.maxTokens ?? 1);
  }
  return Array.from({ length: request.n }, (_, index) => planAnswer(request, Math.min(request.maxTokens ?? room, room), length, index));
}

function planAnswer(request: Generation, limit: number, length: AnswerLength, index: number): Answer {
  const seed = mixNumbers(request.seed, [mixNumbers(0, request.prompt), index]);
  const random = new Random(seed);
  const natural = length.least + random.integer(Math.max(1, length.most - length.least));
  const wanted = request.ignoreEos ? limit : Math.max(natural, request.minTokens);
  const whole = tokensOf(request.reply, seed, wanted, request.ignoreEos || natural < request.minTokens);
  const tokens = whole.slice(0, limit);
  const pieces = tokens.map(tokenText);
  const written = pieces.join('');
  const stop = firstStop(written, request.stop);
  const text = stop === undefined ? written : written.slice(0, request.includeStop ? stop.at + stop.text.length : stop.at);
  const shown: number[] = [];
  let end = 0;
  for (const piece of pieces) {
    end += piece.length;
    shown.push(Math.min(end, text.length));
    if (stop !== undefined && end >= stop.at + stop.text.length) break;
  }
  const cut = stop === undefined && tokens.length < whole.length;
  // With `ignore_eos` only the limit ends an answer.
  const ends = stop === undefined && (cut || request.ignoreEos) ? 'length' : 'stop';
  return { tokens: tokens.slice(0, shown.length), shown, text, ends, stopReason: stop?.text ?? null };
}

/** @param more whether the text must go on until there are `wanted` tokens; else it ends with a sentence at about that length */
function tokensOf(reply: Reply, seed: number, wanted: number, more: boolean): number[] {
  if (reply.kind === 'text') {
    for (let characters = wanted * BYTES_PER_TOKEN; ; characters *= 1.5) {
      const tokens = tokenize(sentences(seed, characters));
      if (!more || tokens.length >= wanted) return tokens;
    }
  }
  const schema = reply.kind === 'tool' ? (reply.parameters ?? { type: 'object' }) : (reply.schema ?? { type: 'object' });
  const tokens = tokenize(JSON.stringify(valueOf(schema, String(seed))));
  return tokens;
}

function firstStop(text: string, stops: readonly string[]): { readonly at: number; readonly text: string } | undefined {
  let first: { at: number; text: string } | undefined;
  for (const stop of stops) {
    const at = stop === '' ? -1 : text.indexOf(stop);
    // Of several, the one that is complete first ends the answer.
    if (at >= 0 && (first === undefined || at + stop.length < first.at + first.text.length)) first = { at, text: stop };
  }
  return first;
}

/** A log probability, and alternatives for a token: invented, the same every time, best first. */
export function logprobsOf(token: number, position: number, alternatives: number): { readonly token: number; readonly logprob: number }[] {
  const random = new Random(mixNumbers(position, [token]));
  const own = -random.next() * 0.7;
  const found = [{ token, logprob: own }];
  let logprob = own;
  for (let i = 1; i < alternatives; i++) {
    logprob -= 0.3 + random.next();
    found.push({ token: tokenize(` ${String.fromCharCode(97 + ((position * 7 + i) % 26))}`)[0]!, logprob });
  }
  return found;
}
