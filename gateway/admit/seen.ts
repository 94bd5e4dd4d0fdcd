import type { Item } from './items.ts';
import { END_OF_TIME } from '#core/money/calendar';

import type { Counts } from './counts.ts';
import type { Counter, CounterState } from './store/store.ts';

/** Counts that are remembered. Those that were not asked for longest are forgotten; the store goes on counting them. */
const MOST = 10_000;

/** How one count stands, for an operator. */
export interface CountReport extends CounterState {
  /** Whose count: the limit or budget. */
  readonly name: string;
  /** Within the limit: a client, a value of a header; empty where all share one. */
  readonly subject: string;
  readonly unit: string;
  readonly shadow: boolean;
  /** ISO date at which something, in a calendar window all, comes free. */
  readonly resets: string;
}

interface Seen {
  readonly counter: Counter;
  readonly name: string;
  readonly subject: string;
  readonly unit: string;
  readonly shadow: boolean;
  readonly shared: boolean;
}

/** The counts that requests have lately gone to, so that an operator can ask how they stand. */
export class SeenCounts {
  readonly #seen = new Map<string, Seen>();

  add({ charge: { counter }, name, subject, unit, shadow, shared }: Item): void {
    const { key } = counter;
    // A limit that was changed is another counter of the same key.
    if (this.#seen.get(key)?.counter.limit === counter.limit) return;
    this.#seen.delete(key);
    if (this.#seen.size >= MOST) this.#seen.delete(this.#seen.keys().next().value!);
    this.#seen.set(key, { counter, name, subject, unit, shadow, shared });
  }

  /** @throws StoreUnavailable */
  async report(counts: Counts, wanted: (seen: { name: string; subject: string; unit: string }) => boolean): Promise<CountReport[]> {
    const seen = [...this.#seen.values()].filter(wanted);
    const states = await counts.states(seen);
    const now = Date.now();
    return seen.map(({ name, subject, unit, shadow }, index) => {
      const state = states[index]!;
      return {
        name,
        subject,
        unit,
        shadow,
        ...state,
        resets: now + state.resetMs < END_OF_TIME ? new Date(now + state.resetMs).toISOString() : 'never',
      };
    });
  }
}
