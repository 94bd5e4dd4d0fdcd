import type { Item } from './items.ts';
import {
  type Charge,
  type Counter,
  type CounterState,
  type CounterStore,
  type Decision,
  type Hold,
  StoreUnavailable,
} from './store/store.ts';

/**
 * The counts of this process, and those that all replicas keep together. A request that goes to both sets aside here first, which costs
 * nothing to take back.
 */
export class Counts {
  readonly #own: CounterStore;
  readonly #shared: CounterStore;

  /** @param shared the same store where there are no other replicas */
  constructor(own: CounterStore, shared: CounterStore = own) {
    this.#own = own;
    this.#shared = shared;
  }

  /** As {@link CounterStore.reserve}, of the charges of the items. */
  reserve(items: readonly Item[]): Decision | Promise<Decision> {
    const charges = items.map(({ charge }) => charge);
    if (this.#own === this.#shared) return this.#here(charges);
    const shared = placesOf(items, true);
    if (shared.length === items.length) return this.#shared.reserve(charges);
    const own = placesOf(items, false);
    const here = this.#here(own.map((place) => charges[place]!));
    if (here instanceof Promise) return here.then((decision) => this.#further(items, own, shared, decision));
    return this.#further(items, own, shared, here);
  }

  /** In this process. Where its store is full of counts that clients made up, limits that may stand open do not count. */
  #here(charges: readonly Charge[]): Decision | Promise<Decision> {
    try {
      return this.#own.reserve(charges);
    } catch (error) {
      if (!(error instanceof StoreUnavailable) || charges.some(({ failureMode, shadow }) => failureMode === 'closed' && !shadow))
        throw error;
      return { admitted: true, hold: new NoHold(charges), states: charges.map(untouched) };
    }
  }

  #further(items: readonly Item[], own: readonly number[], shared: readonly number[], here: Decision): Decision | Promise<Decision> {
    if (shared.length === 0) return here;
    if (!here.admitted) return { ...here, refusedBy: own[here.refusedBy]!, states: spread(items, own, here.states) };
    const back = (): void => here.hold.settle(own.map(() => 0));
    const both = (there: Decision): Decision => {
      if (there.admitted) {
        const hold = new TwoHolds(items.length, [own, here.hold], [shared, there.hold]);
        return { admitted: true, hold, states: spread(items, own, here.states, shared, there.states) };
      }
      back();
      return { ...there, refusedBy: shared[there.refusedBy]!, states: spread(items, own, here.states, shared, there.states) };
    };
    let there;
    try {
      there = this.#shared.reserve(shared.map((place) => items[place]!.charge));
    } catch (error) {
      back();
      throw error;
    }
    if (!(there instanceof Promise)) return both(there);
    return there.then(both, (error: unknown) => {
      back();
      throw error;
    });
  }

  /** How counts stand. @throws StoreUnavailable */
  async states(counters: readonly { readonly counter: Counter; readonly shared: boolean }[]): Promise<readonly CounterState[]> {
    const [own, shared] = [false, true].map((wanted) => counters.filter((each) => each.shared === wanted).map(({ counter }) => counter));
    const [here, there] = await Promise.all([this.#own.states(own!), this.#shared.states(shared!)]);
    let [atHere, atThere] = [0, 0];
    return counters.map((each) => (each.shared ? there[atThere++]! : here[atHere++]!));
  }

  async close(): Promise<void> {
    await Promise.all(this.#own === this.#shared ? [this.#own.close()] : [this.#own.close(), this.#shared.close()]);
  }
}

function placesOf(items: readonly Item[], shared: boolean): number[] {
  const places: number[] = [];
  for (let at = 0; at < items.length; at++) if (items[at]!.shared === shared) places.push(at);
  return places;
}

function untouched({ counter: { limit } }: Charge): CounterState {
  return { limit, used: 0, reserved: 0, remaining: limit, resetMs: 0 };
}

/** States in the order of the items. What was not asked any more, as another one refused before, counts as untouched. */
function spread(
  items: readonly Item[],
  own: readonly number[],
  here: readonly CounterState[],
  shared: readonly number[] = [],
  there: readonly CounterState[] = [],
): CounterState[] {
  const states = items.map(({ charge }) => untouched(charge));
  for (const [at, place] of own.entries()) states[place] = here[at]!;
  for (const [at, place] of shared.entries()) states[place] = there[at]!;
  return states;
}

type Part = readonly [places: readonly number[], hold: Hold];

class TwoHolds implements Hold {
  readonly granted: readonly number[];
  readonly #parts: readonly Part[];

  constructor(length: number, ...parts: readonly Part[]) {
    const granted = Array.from({ length }, () => 0);
    for (const [places, hold] of parts) for (const [at, place] of places.entries()) granted[place] = hold.granted[at]!;
    this.granted = granted;
    this.#parts = parts;
  }

  settle(used: readonly number[]): void {
    for (const [places, hold] of this.#parts) hold.settle(places.map((place) => used[place]!));
  }
}

/** Nothing was set aside. */
class NoHold implements Hold {
  readonly granted: readonly number[];

  constructor(charges: readonly Charge[]) {
    this.granted = charges.map(({ amount }) => amount);
  }

  settle(): void {
    // Nothing is counted.
  }
}
