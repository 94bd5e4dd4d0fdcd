import type { Stuck } from './stuck.ts';

export interface Verdict {
  /** Lines that are to be told: each cause once. */
  readonly news: readonly Stuck[];
  /** Waiting has been long enough, and does not help. */
  readonly isOver: boolean;
}

/** What lasts shorter is no news: a Secret that is made a moment after the pod, an event that overtakes another. */
const TELL_MS = 10_000;

interface Seen {
  readonly firstMs: number;
  /** Since when it is of those that do not heal. */
  readonly lastingMs: number | undefined;
}

/** Watches how long each trouble has been there without a break. */
export class Patience {
  readonly #patienceMs: number;
  readonly #told = new Set<string>();
  #seen = new Map<string, Seen>();

  /** @param patienceMs how long a trouble that does not heal may last; 0: for ever */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** @param stuck all there is now @param nowMs of a clock that never goes back */
  observe(stuck: readonly Stuck[], nowMs: number): Verdict {
    const seen = new Map<string, Seen>();
    for (const { key, mayHeal } of stuck) {
      const before = this.#seen.get(key);
      // Of several pods with one trouble each has to be one that does not heal.
      const heals = mayHeal || (seen.has(key) && seen.get(key)!.lastingMs === undefined);
      seen.set(key, { firstMs: before?.firstMs ?? nowMs, lastingMs: heals ? undefined : (before?.lastingMs ?? nowMs) });
    }
    this.#seen = seen;
    return {
      news: stuck.filter((each) => this.#isNews(each, nowMs)),
      isOver: [...seen.values()].some((each) => this.#isOver(each, nowMs)),
    };
  }

  #isNews({ key, cause }: Stuck, nowMs: number): boolean {
    const tellMs = this.#patienceMs === 0 ? TELL_MS : Math.min(TELL_MS, this.#patienceMs);
    if (this.#told.has(cause) || nowMs - this.#seen.get(key)!.firstMs < tellMs) return false;
    this.#told.add(cause);
    return true;
  }

  #isOver({ lastingMs }: Seen, nowMs: number): boolean {
    return this.#patienceMs > 0 && lastingMs !== undefined && nowMs - lastingMs >= this.#patienceMs;
  }
}
