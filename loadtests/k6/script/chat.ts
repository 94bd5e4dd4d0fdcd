import http from 'k6/http';

import type { ErrorClass } from '../plan/metrics.ts';
import type { Message } from './prompts.ts';
import { readStream } from './sse.ts';

export interface Question {
  /** Without /v1. */
  readonly url: string;
  readonly key: string | undefined;
  readonly model: string;
  readonly maxTokens: number;
  readonly messages: readonly Message[];
  /** Events with content after which the client goes. @default it stays */
  readonly leaveAfter?: number;
}

export interface Usage {
  readonly prompt_tokens?: number;
  readonly completion_tokens?: number;
  readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null;
}

/** What became of a request. Times are milliseconds since it was sent. */
export interface Answer {
  readonly text: string;
  /** Undefined: a complete answer, or one that the client has left. */
  readonly failure: ErrorClass | undefined;
  readonly left: boolean;
  readonly usage: Usage | undefined;
  readonly totalMs: number;
  /** When each event with content came; empty for whole answers. */
  readonly contentAt: readonly number[];
}

interface Chunk {
  readonly error?: unknown;
  readonly usage?: Usage | null;
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null }; readonly message?: { readonly content?: string } }[];
}

/** A request that takes longer has failed. */
const TIMEOUT_S = 60;
/** k6's code of a request that took too long. */
const K6_TIMEOUT = 1050;

export function askWhole(question: Question): Answer {
  const response = http.post(`${question.url}/v1/chat/completions`, bodyOf(question, false), {
    headers: headersOf(question),
    timeout: `${TIMEOUT_S}s`,
  });
  const answer = response.status === 200 ? parse(response.body ?? '') : undefined;
  const text = answer?.choices?.[0]?.message?.content;
  const failure = classOf(response.status, response.error_code === K6_TIMEOUT) ?? (text === undefined ? 'nonsense' : undefined);
  return {
    text: text ?? '',
    failure,
    left: false,
    usage: answer?.usage ?? undefined,
    totalMs: response.timings.duration,
    contentAt: [],
  };
}

export function askStream(question: Question): Answer {
  const contentAt: number[] = [];
  let text = '';
  let contents = 0;
  let usage: Usage | undefined;
  let end: 'done' | 'told' | 'left' | undefined;
  const request = {
    url: `${question.url}/v1/chat/completions`,
    headers: headersOf(question),
    body: bodyOf(question, true),
    timeoutS: TIMEOUT_S,
  };
  const { status, error, totalMs } = readStream(request, (data, atMs) => {
    if (data === '[DONE]') {
      end = 'done';
      return true;
    }
    const chunk = parse(data);
    if (chunk?.error !== undefined) end = 'told';
    usage = chunk?.usage ?? usage;
    const content = chunk?.choices?.[0]?.delta?.content ?? '';
    if (content === '') return true;
    text += content;
    contents++;
    if (atMs !== undefined) contentAt.push(atMs);
    if (contents !== question.leaveAfter) return true;
    end = 'left';
    return false;
  });
  const failure = classOf(status, /deadline|timeout/i.test(error)) ?? (end === undefined ? 'cut' : end === 'told' ? 'told' : undefined);
  return { text, failure, left: end === 'left', usage, totalMs: contentAt.at(-1) ?? totalMs, contentAt };
}

/** vLLM's: answers of one length, so that tiers can be compared. Off for upstreams that refuse what they do not know. */
const SAME_LENGTH = __ENV['LOAD_IGNORE_EOS'] === 'no' ? {} : { ignore_eos: true };

function bodyOf({ model, maxTokens, messages }: Question, stream: boolean): string {
  const shared = { model, max_tokens: maxTokens, messages, ...SAME_LENGTH };
  return JSON.stringify(stream ? { ...shared, stream, stream_options: { include_usage: true } } : shared);
}

function headersOf({ key }: Question): Record<string, string> {
  const json = { 'content-type': 'application/json' };
  return key === undefined ? json : { ...json, authorization: `Bearer ${key}` };
}

function classOf(status: number, late: boolean): ErrorClass | undefined {
  if (late) return 'timeout';
  if (status === 0) return 'connection';
  if (status === 429) return 'refused';
  if (status >= 500) return 'server';
  return status >= 400 ? 'client' : undefined;
}

function parse(text: string): Chunk | undefined {
  try {
    return JSON.parse(text) as Chunk;
  } catch {
    return undefined;
  }
}
