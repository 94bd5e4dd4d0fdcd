import { type Clock, REAL_CLOCK } from './clock.ts';

export interface GatherSettings {
  /** Quiet after which a bunch is handed on. @default 20 */
  readonly quietMs?: number | undefined;
  /** Time after which it is, even if more comes. @default 100 */
  readonly longestMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** Calls back once for a bunch of things that happen one after the other: an apply of 2,000 objects is one change, or a few. */
export class Gather {
  readonly #quietMs: number;
  readonly #longestMs: number;
  readonly #clock: Clock;
  readonly #run: () => void;
  #cancel: (() => void) | undefined;
  #since = 0;
  #last = 0;

  constructor(run: () => void, { quietMs = 20, longestMs = 100, clock = REAL_CLOCK }: GatherSettings = {}) {
    this.#run = run;
    this.#quietMs = quietMs;
    this.#longestMs = longestMs;
    this.#clock = clock;
  }

  /** Something happened. */
  add(): void {
    this.#last = this.#clock.now();
    if (this.#cancel !== undefined) return;
    this.#since = this.#last;
    this.#wait();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** One timer that is looked at when it ends, not one for each event. */
  #wait(): void {
    const left = Math.min(this.#last + this.#quietMs, this.#since + this.#longestMs) - this.#clock.now();
    if (left > 0) {
      this.#cancel = this.#clock.after(left, () => this.#wait());
      return;
    }
    this.#cancel = undefined;
    this.#run();
  }
}
