import type { IncomingHttpHeaders } from 'node:http';

import type { Identity } from '../identify/identity.ts';
import type { Window } from './window.ts';

/** Tokens that a cost is worked out of (an absent count is 0), and where they were used. */
export interface CostFacts {
  readonly inputTokens: number;
  readonly cachedInputTokens: number;
  readonly cacheCreationInputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly reasoningTokens: number;
  /** Model as the backend calls it. */
  readonly model: string;
  /** Backend, `name.namespace`. */
  readonly backend: string;
  /** Route, `name.namespace`. */
  readonly routeName: string;
}

/** What one request counts: tokens of a kind, or an expression over them. */
export interface Cost {
  /** For messages and the log. */
  readonly text: string;
  /** A whole number of at least 0. @throws CostError when an expression gives none */
  of(facts: CostFacts): number;
}

/** An expression gives no cost for these numbers. */
export class CostError extends Error {
  override readonly name = 'CostError';
  /** Without the expression. */
  readonly reason: string;

  constructor(text: string, reason: string) {
    super(`the cost ${JSON.stringify(text)} is none: ${reason}`);
    this.reason = reason;
  }
}

/** What limits look at in a request. */
export interface LimitedRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** From `?` on, or empty. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  /** Address of the client, after trusted proxies. */
  readonly address: string;
  /** Of the body: rules see it as the header x-ai-eg-model. Undefined where no model is asked for. */
  readonly model: string | undefined;
  readonly identity: Identity;
}

/** Where nothing limits. */
export const NO_LIMIT_RULES: readonly LimitRule[] = Object.freeze([]);
/** Where nothing is worked out of a usage. */
export const NO_COSTS: ReadonlyMap<string, Cost> = new Map();

/** Id and subject together name a count in at most 512 bytes. */
export const MAX_ID_BYTES = 200;
export const MAX_SUBJECT_BYTES = 300;

/** One limit of a policy, for the requests that it selects. */
export interface LimitRule {
  /**
   * The same after a reload while the policy is the same: `BackendTrafficPolicy/default/p/global/0/HTTPRoute/default/r`.
   * At most {@link MAX_ID_BYTES}.
   */
  readonly id: string;
  /** For people: `rule 0 of BackendTrafficPolicy default/p`. */
  readonly name: string;
  /** Whether all replicas count together (global), or each for itself (local). */
  readonly shared: boolean;
  /** Counts and tells, and refuses nothing. */
  readonly shadow: boolean;
  /** What counts: requests, or something that the answer tells. For messages: `requests`, `tokens`, the metadata key. */
  readonly unit: string;
  readonly window: Window;
  /**
   * Of the rules with one such name that apply to a request, one that has room is enough, and all of them count it (the mode `Shared` of a
   * QuotaPolicy). Absent: the rule holds for itself.
   */
  readonly anyOf?: string | undefined;
  /** Whether answers say nothing of how this count stands (xRateLimitHeaders `Off`). */
  readonly silent?: boolean;
  /**
   * Whose count a request goes to: the empty string where all share one; undefined where the rule does not apply. At most
   * {@link MAX_SUBJECT_BYTES}: what is longer is hashed.
   */
  subject(request: LimitedRequest): string | undefined;
  /** Units in a window; 0 lets nothing through. */
  limit(request: LimitedRequest): number;
  /** Units that count when the request is admitted, whatever becomes of it. */
  readonly requestCost: number;
  /** Units that count by what was used; undefined: none. */
  readonly responseCost: Cost | undefined;
}
