/**
 * What this process has in flight at one endpoint. Whole numbers only: what was added is subtracted exactly, so an idle endpoint is at
 * zero.
 */
export class EndpointLoad {
  requests = 0;
  /** Requests without a first token yet. */
  prefills = 0;
  /** Their tokens that are not cached. */
  pendingPrefill = 0;
  /** Requests between first and last token. */
  streams = 0;
  /** KV tokens besides the blocks that the prefix index holds: answers so far, and prompt that is not indexed. */
  looseKv = 0;
  /** Tokens that the requests will probably still write. */
  remainingOutput = 0;
  /** Tokens prefilled since the beginning. */
  prefilled = 0;
  /** When the prefill queue was last known to move, ms. */
  progressAt = 0;

  /** Pending prefill less what the endpoint has probably done since its last first token. */
  prefillLeft(now: number, msPerToken: number): number {
    if (this.pendingPrefill === 0) return 0;
    const done = Math.max(0, now - this.progressAt) / msPerToken;
    // The request at the head is not done, or its first token would be here.
    return this.pendingPrefill - Math.min(done, (0.9 * this.pendingPrefill) / this.prefills);
  }
}

/** One request's share of an endpoint's load, in exactly one of the phases. */
export class Reservation {
  readonly #load: EndpointLoad;
  readonly #uncached: number;
  #looseKv: number;
  #remaining: number;
  #phase: 'prefill' | 'decode' | 'done' = 'prefill';
  #written = 0;

  /**
   * @param uncached tokens to prefill
   * @param looseKv prompt tokens that the index does not hold
   */
  constructor(load: EndpointLoad, uncached: number, looseKv: number, expectedOutput: number, now: number) {
    this.#load = load;
    this.#uncached = uncached;
    this.#looseKv = looseKv;
    this.#remaining = expectedOutput;
    if (load.prefills === 0) load.progressAt = now;
    load.requests++;
    load.prefills++;
    load.pendingPrefill += uncached;
    load.looseKv += looseKv;
    load.remainingOutput += expectedOutput;
  }

  get phase(): 'prefill' | 'decode' | 'done' {
    return this.#phase;
  }

  get uncached(): number {
    return this.#uncached;
  }

  /** Output tokens so far. */
  get written(): number {
    return this.#written;
  }

  /** @returns whether it is the first */
  firstToken(at: number): boolean {
    if (this.#phase !== 'prefill') return false;
    this.#phase = 'decode';
    this.#load.prefills--;
    this.#load.pendingPrefill -= this.#uncached;
    this.#load.prefilled += this.#uncached;
    this.#load.streams++;
    this.#load.progressAt = at;
    return true;
  }

  tokens(count: number): void {
    if (this.#phase === 'done') return;
    const expected = Math.min(count, this.#remaining);
    this.#remaining -= expected;
    this.#load.remainingOutput -= expected;
    this.#looseKv += count;
    this.#load.looseKv += count;
    this.#written += count;
  }

  /** Gives everything back. Calling it again has no effect. */
  release(at: number): void {
    if (this.#phase === 'done') return;
    this.#load.requests--;
    this.#load.looseKv -= this.#looseKv;
    this.#load.remainingOutput -= this.#remaining;
    if (this.#phase === 'decode') {
      this.#load.streams--;
    } else {
      this.#load.prefills--;
      this.#load.pendingPrefill -= this.#uncached;
      this.#load.progressAt = at;
    }
    this.#phase = 'done';
  }
}
