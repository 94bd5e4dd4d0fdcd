import type { Decision } from './decisions.ts';
import type { PromptDigest } from './digest.ts';

/** One model server, as discovery sees it. */
export interface EndpointInfo {
  /** `ip:port`. */
  readonly id: string;
  readonly pod: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ready: boolean;
  /** The pod is terminating: it finishes what it has and gets nothing new. */
  readonly draining: boolean;
  /** When the model server started, in ms of the picker's clock. A change means that its cache is gone. */
  readonly startedAt?: number;
}

/** What a scrape of the model server said (model server protocol, GAIE proposal 003). */
export interface EndpointMetrics {
  readonly running: number;
  readonly waiting: number;
  /** Share of the KV blocks that running requests hold, 0 to 1. */
  readonly kvUsage: number;
  /** Tokens in a KV block. */
  readonly blockSize?: number;
  readonly numBlocks?: number;
  readonly maxLora?: number;
  readonly runningLoras: readonly string[];
  readonly waitingLoras: readonly string[];
  /** Counters since the server started; one that falls means a restart. */
  readonly prefixQueries?: number;
  readonly prefixHits?: number;
}

export interface PickRequest {
  readonly id: string;
  readonly model: string;
  /** The adapter, when the model is one. */
  readonly lora?: string;
  /** Salt of the prefix index: prompts of two tenants never match. */
  readonly tenant: string;
  readonly prompt: PromptDigest;
  readonly inputTokens: number;
  /** Tokens that the answer will probably have, where somebody knows; else the picker goes by what answers of the model usually have. */
  readonly expectedOutput?: number;
  /** Tokens that the client allows (`max_tokens`). */
  readonly maxOutput?: number;
  /** Recorded with the decision; admission and order are the flow control's. */
  readonly priority: number;
  readonly session?: string;
  /**
   * False when the answer comes in one piece: its first token cannot be seen then, and is presumed when it is due.
   *
   * @default true
   */
  readonly streaming?: boolean;
  readonly sloTtftMs?: number;
  readonly sloTpotMs?: number;
  /** Only these may serve: `ip:port`, or `ip` for all ports of it. */
  readonly subset?: readonly string[];
}

/**
 * Why an attempt ended without an answer. `aborted` (the client left) and `client-error` (a 4xx answer) say nothing against the
 * endpoint; the others make it less wanted for a while.
 */
export type FailReason = 'connect' | 'reset' | 'timeout' | 'server-error' | 'overloaded' | 'client-error' | 'aborted';

export interface RankedEndpoint {
  readonly id: string;
  /** The smaller the better for a cost, the larger the better for a weighted score: compare only within one list. */
  readonly score: number;
  /** Undefined where the policy estimates none. */
  readonly estTtftMs?: number;
  readonly matchedTokens: number;
}

/** What is known when an answer is complete. */
export interface Outcome {
  readonly inputTokens?: number;
  /** `usage.prompt_tokens_details.cached_tokens`; undefined where the server does not report it. */
  readonly cachedTokens?: number;
  readonly outputTokens?: number;
  /** The answer's text as the next turn repeats it, or the digest of the prompt continued with it. */
  readonly output?: string | Uint8Array | PromptDigest;
  /** When the answer ended; now by default. */
  readonly at?: number;
}

/**
 * One request's reservation. Exactly one of `end` and `fail` closes it; what is called afterwards has no effect. A ticket that nobody
 * closes expires (`Policy.sweep`).
 */
export interface Ticket {
  /** All candidates, best first; empty when none may serve. The reservation is on the first. */
  readonly ranked: readonly RankedEndpoint[];
  /** Where the reservation is; undefined when there is none. */
  readonly endpoint: string | undefined;
  /** The request goes to another endpoint. False if that one is unknown: then nothing is reserved any more. */
  moveTo(id: string, reason?: FailReason): boolean;
  firstToken(at: number): void;
  /** `count` more output tokens arrived, up to `at`. */
  tokens(count: number, at: number): void;
  end(outcome?: Outcome): void;
  fail(reason: FailReason): void;
}

/** Chooses endpoints. Pure logic: time and chance are injected, nothing is scheduled. */
export interface Policy {
  setEndpoints(endpoints: readonly EndpointInfo[]): void;
  /** @param at when the scrape was taken, ms */
  observeMetrics(id: string, metrics: EndpointMetrics, at: number): void;
  metricsFailed(id: string, at: number): void;
  pick(request: PickRequest): Ticket;
  /** Frees what expired; call it every few seconds. @returns how many tickets had been forgotten */
  sweep(now: number): number;
  /** One of the last decisions, if the policy keeps them. */
  explain(requestId: string): Decision | undefined;
}

export interface Surroundings {
  /** Milliseconds, never going back. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Whether a subset entry (`ip:port`, or `ip` for every port) names the endpoint. */
export function inSubset(id: string, subset: readonly string[] | undefined): boolean {
  if (subset === undefined) return true;
  return subset.some((entry) => id === entry || (id.startsWith(entry) && /^:\d+$/.test(id.slice(entry.length))));
}
