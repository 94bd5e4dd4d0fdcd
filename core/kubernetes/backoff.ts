export interface BackoffSettings {
  /** Longest pause after a first failure. @default 250 */
  readonly baseMs?: number | undefined;
  /** Longest pause at all, but for a Retry-After. @default 30000 */
  readonly capMs?: number | undefined;
  /** From 0 up to 1. */
  readonly random?: (() => number) | undefined;
}

/** A Retry-After longer than this is taken for a slip. */
const LONGEST_RETRY_AFTER_MS = 120_000;

/**
 * Exponential back-off with full jitter: any pause between none and a bound that doubles, so that the gateways of one cluster do not
 * come back all at once.
 * @see https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor({ baseMs = 250, capMs = 30_000, random = Math.random }: BackoffSettings = {}) {
    this.#baseMs = baseMs;
    this.#capMs = capMs;
    this.#random = random;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** Counts a failure. @returns the pause before the next try. A server's Retry-After is the least of it. */
  failed(retryAfterMs = 0): number {
    const bound = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    const jittered = this.#random() * bound;
    if (retryAfterMs <= 0) return jittered;
    return Math.max(jittered, Math.min(retryAfterMs, LONGEST_RETRY_AFTER_MS) + this.#random() * this.#baseMs);
  }
}
