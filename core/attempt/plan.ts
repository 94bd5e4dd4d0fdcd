import type { Serving } from './backend.ts';

/** One backend at one place of a rule. */
export interface Target {
  /** `namespace/backend/route/route/rule/i/ref/j`, as the reference names it. */
  readonly id: string;
  readonly backend: Serving;
  readonly weight: number;
  /** 0 is tried first. */
  readonly priority: number;
  /**
   * Attempts that one request may make here, one after the other, each at another endpoint.
   * @default 1
   */
  readonly tries?: number;
}

/** When and how often a failed attempt is followed by another one. */
export interface RetryPolicy {
  /** Attempts at most, the first one included; undefined: each backend of the rule once. */
  readonly maxAttempts: number | undefined;
  /** Attempts at one priority before the next one; undefined: as long as it has backends that were not tried. */
  readonly attemptsPerPriority: number | undefined;
  /** Statuses of an answer that count as failure. */
  readonly statuses: ReadonlySet<number>;
  /** Whether a failure to connect, a reset, a time-out is followed by another attempt. */
  readonly onConnectFailure: boolean;
  readonly onReset: boolean;
  /** An attempt at a backend that was tried before waits; full jitter between 0 and base·2ⁿ. */
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /**
   * Time before every further attempt, at whichever backend; the jitter comes on top of it.
   * @default 0
   */
  readonly pauseMs?: number;
  /** Time for one attempt up to the first token; undefined: only the request's time counts. */
  readonly perTryTimeoutMs: number | undefined;
}

/** 401 and 403 mean our credential, not the client's: another backend has another one. 408 is RFC 9110's invitation to try again. */
const DEFAULT_STATUSES = [401, 403, 408, 429, 500, 502, 503, 504, 529];

export const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: undefined,
  attemptsPerPriority: undefined,
  statuses: new Set(DEFAULT_STATUSES),
  onConnectFailure: true,
  onReset: true,
  backoffBaseMs: 25,
  backoffMaxMs: 250,
  perTryTimeoutMs: undefined,
};

/** Everything about the attempts of a rule that is known before a request comes. */
export interface Plan<T extends Target = Target> {
  readonly targets: readonly T[];
  readonly retry: RetryPolicy;
  /** Time for the whole request up to the first token; 0: none. */
  readonly requestTimeoutMs: number;
  /** Whether {@link requestTimeoutMs} was asked for: then it ends a running stream as well. */
  readonly requestTimeoutIsTotal: boolean;
  /** Silence of an upstream that ends an attempt; 0: none. */
  readonly streamIdleTimeoutMs: number;
  /** Interval of comments to a client whose stream has not begun; 0: none. */
  readonly keepAliveMs: number;
  /** Time that an answer is read on when its client has left, for the usage that only its end tells; 0: the backend is cancelled at once. */
  readonly drainMs: number;
  /** Bytes of an answer that is held in memory until it is whole. */
  readonly maxAnswerBytes: number;
}
