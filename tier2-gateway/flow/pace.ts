/** Weight of the newest interval. */
const NEWEST = 0.1;
const LONGEST_S = 60;
/** A pool that has no endpoint needs time to start one. */
const EMPTY_POOL_S = 10;

/** How fast the queue moves, to tell those who are turned away when to come again. */
export class Pace {
  #intervalMs: number | undefined;
  #last = 0;

  /** The first request waits: what passed before says nothing about the queue. */
  begins(now: number): void {
    this.#last = now;
  }

  /** A request that waited was let through. */
  passed(now: number): void {
    const interval = now - this.#last;
    this.#intervalMs = this.#intervalMs === undefined ? interval : this.#intervalMs + NEWEST * (interval - this.#intervalMs);
    this.#last = now;
  }

  /** Whole seconds, 1–60, in which as many requests as wait now may have passed. */
  retryAfterS(waiting: number, endpoints: number): number {
    if (endpoints === 0) return EMPTY_POOL_S;
    const seconds = Math.ceil(((this.#intervalMs ?? 0) * (waiting + 1)) / 1000);
    return Math.min(LONGEST_S, Math.max(1, seconds));
  }
}
