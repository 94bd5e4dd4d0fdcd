import type { RedisLink } from './link.ts';
import { SETTLE } from './scripts.ts';

/** A change to one count: something that was set aside goes, in part or whole, and use is charged. */
export interface Posting {
  readonly place: Place;
  /** Name of the count, for `onLost`. */
  readonly name: string;
  /** What to take out of the set-aside; empty: nothing. */
  readonly member: string;
  /** What takes its place; empty: nothing. */
  readonly successor: string;
  readonly back: number;
  readonly used: number;
}

/** Where units of a count lie in Redis. */
export interface Place {
  readonly counts: string;
  readonly holds: string;
  /** 0: a period of the calendar, whose only slot is 0. */
  readonly slotMs: number;
  readonly slot: number;
  /** Of the period; 0 for a sliding window. */
  readonly end: number;
}

export interface SettleQueueOptions {
  /** Changes that wait while Redis is away; the oldest go first when there are more. @default 100,000 */
  readonly maxQueued?: number;
  /** Told what could not be charged: the name of the count, and units. */
  readonly onLost?: (count: string, units: number) => void;
}

/** A batch keeps Redis busy for some 2 ms. */
const BATCH = 500;
const RETRY_MS = 50;
/** How long Redis remembers the number of the last batch of a process. */
const MEMORY_MS = 24 * 3_600_000;

/**
 * Changes on their way to Redis, in order, in batches: one for each turn of the event loop, one at a time. A batch is sent until Redis has
 * answered it, with the same number, so it counts once even where an answer was lost, for as long as Redis is back within 24 hours.
 */
export class SettleQueue {
  readonly #link: RedisLink;
  readonly #key: string;
  readonly #maxQueued: number;
  readonly #onLost: (count: string, units: number) => void;
  #waiting: Posting[] = [];
  #batch: readonly Posting[] = [];
  #number = 0;
  #sending = false;
  #scheduled = false;
  #closed = false;
  readonly #emptyListeners: (() => void)[] = [];

  /** @param key of the number of the last batch, for this process alone */
  constructor(link: RedisLink, key: string, { maxQueued = 100_000, onLost = () => {} }: SettleQueueOptions) {
    this.#link = link;
    this.#key = key;
    this.#maxQueued = maxQueued;
    this.#onLost = onLost;
    link.onUp(() => this.#schedule());
  }

  /** Changes that Redis has not confirmed. */
  get size(): number {
    return this.#waiting.length + this.#batch.length;
  }

  push(posting: Posting): void {
    if (this.#closed) return this.#lose(posting);
    // Dropping a tenth at once keeps the drop cheap.
    if (this.#waiting.length >= this.#maxQueued) this.#waiting.splice(0, Math.ceil(this.#maxQueued / 10)).forEach((old) => this.#lose(old));
    this.#waiting.push(posting);
    this.#schedule();
  }

  /** Waits until all is in Redis, at most so long; what is not then is lost, and told. */
  async close(withinMs: number): Promise<void> {
    if (this.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#emptyListeners.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.#closed = true;
    for (const posting of [...this.#batch, ...this.#waiting]) this.#lose(posting);
    this.#batch = [];
    this.#waiting = [];
  }

  #lose({ name, used }: Posting): void {
    if (used > 0) this.#onLost(name, used);
  }

  #schedule(): void {
    if (this.#scheduled || this.#sending || this.#closed || !this.#link.up || this.size === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (this.#sending || this.#closed || !this.#link.up) return;
    if (this.#batch.length === 0) {
      this.#batch = this.#waiting.splice(0, BATCH);
      this.#number++;
    }
    if (this.#batch.length === 0) return;
    const keys = [this.#key];
    const args: (string | number)[] = [this.#number, MEMORY_MS];
    for (const { place, member, successor, back, used } of this.#batch) {
      keys.push(place.counts, place.holds);
      args.push(member, successor, place.slotMs, place.slot, place.end, back, used);
    }
    this.#sending = true;
    const batch = this.#batch;
    this.#link.run(SETTLE, keys, args).then(
      (failed) => {
        this.#sending = false;
        for (const index of failed as number[]) this.#lose(batch[index]!);
        this.#batch = [];
        if (this.size > 0) return this.#schedule();
        for (const listener of this.#emptyListeners.splice(0)) listener();
      },
      () => {
        this.#sending = false;
        // Where the breaker has opened, the link says when to go on.
        setTimeout(() => this.#schedule(), RETRY_MS).unref();
      },
    );
  }
}
