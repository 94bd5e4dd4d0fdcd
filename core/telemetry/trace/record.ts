import type { Outcome } from '../../attempt/call.ts';
import type { Cost } from '../../money/cost.ts';
import type { Usage } from '../../llm/usage.ts';
import type { Told } from '../../providers/translated.ts';
import type { Accumulator } from './accumulate.ts';
import type { Shown } from './shown.ts';

/** Why a request is told of: chosen at its start, or kept for what happened to it. */
export type KeptFor = 'sampled' | 'error' | 'limited' | 'fallback' | 'slow';

/** A body, or that there was one which is too large to be looked into: it is not held for that. */
export type HeldBody = Buffer | 'too large';

/** Larger bodies are not looked into: the event loop would stand still for it. */
export const MOST_PARSED = 2 * 1024 * 1024;

/** What a translation to `api` could not say. */
export type TranslationTold = Told & { readonly api: string };

/** One request, when it is over: all that its spans are built from. Bodies are references; nothing has been parsed yet. */
export interface CallRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly keptFor: KeptFor;
  /** Whether this is the span of the model call, with its tokens and its content: else another gateway's is. */
  readonly counts: boolean;
  /** Which sides of the conversation are told. */
  readonly shown: Shown;
  readonly requestId: string;
  readonly operation: string;
  readonly path: string;
  readonly clientId: string | undefined;
  readonly route: string | undefined;
  /** As the headers of the request have them. */
  readonly headers: readonly (readonly [attribute: string, value: string])[];
  /** Model that the client asked for. */
  readonly model: string | undefined;
  /** Model that the last backend was asked for. */
  readonly upstreamModel: string | undefined;
  /** Model that the backend says it ran. */
  readonly responseModel: string | undefined;
  /** API of the backend that was asked last. */
  readonly schema: string | undefined;
  readonly backend: string | undefined;
  readonly host: string | undefined;
  readonly stream: boolean;
  /** Unix milliseconds, with a fraction. */
  readonly startMs: number;
  readonly endMs: number;
  readonly identifiedMs: number | undefined;
  readonly admittedMs: number | undefined;
  readonly firstTokenMs: number | undefined;
  readonly status: number;
  readonly clientGone: boolean;
  readonly complete: boolean;
  readonly error: CallError | undefined;
  readonly usage: Usage | undefined;
  readonly cost: Cost | undefined;
  readonly budgets: readonly string[];
  /** Where the backend speaks another API than the client: what could not be said in it. */
  readonly told: TranslationTold | undefined;
  readonly requestBody: HeldBody | undefined;
  readonly answer: HeldBody | Accumulator | undefined;
  readonly answerBytes: number;
  /** Whether the answer holds a secret of the gateway. */
  readonly leaks: (text: Buffer) => boolean;
  readonly attempts: readonly AttemptView[];
  readonly passes: readonly PoolPass[];
}

/** What went wrong, in our own words. */
export interface CallError {
  /** As the label of the metrics. */
  readonly type: string;
  /** `TK_…`, where the answer is ours. */
  readonly code: string | undefined;
  readonly message: string;
  readonly status: number;
  /** What the provider said. */
  readonly body?: Buffer | undefined;
}

export interface AttemptView {
  readonly spanId: string;
  readonly backend: string;
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly status: number | undefined;
  /** `ok`, `client_gone`, or the reason of the failure. */
  readonly ended: string;
  readonly errorType: string | undefined;
  readonly message: string | undefined;
}

/** One request's way through a pool of tier two. */
export interface PoolPass {
  readonly pool: string;
  /** Unix milliseconds. */
  readonly startMs: number;
  /** When it had its endpoint, or knew that it gets none. */
  readonly endMs: number;
  readonly queueMs: number;
  /** Why there was none. */
  readonly failure: string | undefined;
  /** Best first, and not more than {@link MOST_CANDIDATES}. */
  readonly candidates: readonly PoolCandidate[];
  readonly candidateCount: number;
  readonly pod: string | undefined;
  readonly endpoint: string | undefined;
  /** The picker's, in words. */
  readonly reason: string | undefined;
}

/** Tells of a way through a pool, where that is wanted. */
export interface PassSource {
  /** @param at Unix milliseconds of a time of `performance.now()`. @param endedAt when the request ended */
  view(at: (perf: number) => number, endedAt: number): PoolPass;
}

export interface PoolCandidate {
  readonly id: string;
  readonly score: number;
  readonly estTtftMs: number | undefined;
  readonly matchedTokens: number;
}

export const MOST_CANDIDATES = 16;

/** What a request is kept for; undefined: nothing. A client that leaves is no error of anybody's. */
export function keptFor(
  request: { readonly sampled: boolean; readonly status: number; readonly errorCode: string | undefined; readonly slow: boolean },
  outcome: Outcome | undefined,
): KeptFor | undefined {
  const { sampled, status, errorCode, slow } = request;
  if (errorCode === 'TK_RATE_LIMITED' || errorCode === 'TK_BUDGET') return 'limited';
  const gone = outcome?.clientGone === true;
  if ((status >= 400 && !gone) || (outcome?.failure !== undefined && !gone)) return 'error';
  if (outcome !== undefined && outcome.attempts.length > 1) return 'fallback';
  if (slow) return 'slow';
  return sampled ? 'sampled' : undefined;
}
