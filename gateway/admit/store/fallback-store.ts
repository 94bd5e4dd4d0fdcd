import { chargeable } from './charges.ts';
import { MemoryStore, type MemoryStoreOptions } from './memory/memory-store.ts';
import type { SharedStore } from './redis/redis-store.ts';
import { type Charge, type Counter, type CounterState, type CounterStore, type Decision, type Hold, StoreUnavailable } from './store.ts';

export interface FallbackStoreOptions extends MemoryStoreOptions {
  readonly shared: SharedStore;
  /** Part of a limit that this replica may grant by itself, 0 to 1; 1 / replicas keeps the limit. @default 0.5 */
  readonly share?: number;
}

/**
 * What becomes of requests while the shared store cannot be asked, by the failure modes of their counts.
 *
 * One count with `closed` that can refuse: {@link StoreUnavailable}. Otherwise the counts are kept here, each with `share` of its limit, and what
 * is used is charged to the shared store when it is back, once, as of the time of its request.
 *
 * Bound: while the shared store is away, each replica grants at most `share × limit` in a window (and 1, where that is less), on top of what
 * was granted before; several absences within one window share that. What a process has not charged yet when it dies is forgotten.
 */
export class FallbackStore implements CounterStore {
  readonly #shared: SharedStore;
  readonly #local: MemoryStore;
  readonly #share: number;
  readonly #now: () => number;
  #decidedHere = 0;

  constructor({ shared, share = 0.5, ...memory }: FallbackStoreOptions) {
    this.#shared = shared;
    this.#local = new MemoryStore(memory);
    this.#share = share;
    this.#now = memory.now ?? Date.now;
  }

  /** Decisions that were made without the shared store. */
  get decidedHere(): number {
    return this.#decidedHere;
  }

  reserve(charges: readonly Charge[]): Decision | Promise<Decision> {
    try {
      const decision = this.#shared.reserve(charges);
      return decision instanceof Promise ? decision.catch((error: unknown) => this.#decideHere(charges, error)) : decision;
    } catch (error) {
      return this.#decideHere(charges, error);
    }
  }

  states(counters: readonly Counter[]): readonly CounterState[] | Promise<readonly CounterState[]> {
    return this.#shared.states(counters);
  }

  async close(): Promise<void> {
    await this.#shared.close();
  }

  /** @throws the error where a count has to be asked for */
  #decideHere(charges: readonly Charge[], error: unknown): Decision {
    if (!(error instanceof StoreUnavailable)) throw error;
    if (charges.some(({ failureMode, shadow }) => failureMode === 'closed' && !shadow)) throw error;
    this.#decidedHere++;
    const at = this.#now();
    const decision = this.#local.reserve(charges.map((charge) => ({ ...charge, counter: this.#shareOf(charge.counter) })));
    const states = decision.states.map((state, i) => ({ ...state, limit: charges[i]!.counter.limit }));
    if (!decision.admitted) return { ...decision, states };
    return { admitted: true, hold: new FallbackHold(this.#shared, decision.hold, charges, at), states };
  }

  #shareOf(counter: Counter): Counter {
    return { ...counter, limit: Math.min(counter.limit, Math.max(1, Math.floor(counter.limit * this.#share))) };
  }
}

class FallbackHold implements Hold {
  readonly granted: readonly number[];
  readonly #shared: SharedStore;
  readonly #local: Hold;
  readonly #charges: readonly Charge[];
  readonly #at: number;
  #settled = false;

  constructor(shared: SharedStore, local: Hold, charges: readonly Charge[], at: number) {
    this.granted = local.granted;
    this.#shared = shared;
    this.#local = local;
    this.#charges = charges;
    this.#at = at;
  }

  settle(used: readonly number[]): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#local.settle(used);
    const counters = this.#charges.map(({ counter }) => counter);
    const units = this.granted.map((granted, i) => chargeable(used[i], granted));
    this.#shared.charge(counters, units, this.#at);
  }
}
