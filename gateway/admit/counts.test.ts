import { describe, expect, test } from 'vitest';

import { sliding } from '#core/limits/window';

import { Counts } from './counts.ts';
import type { Item } from './items.ts';
import { MemoryStore } from './store/memory/memory-store.ts';
import { type Charge, type CounterStore, type Decision, StoreUnavailable } from './store/store.ts';

const HOUR = sliding(3_600_000);

function item(key: string, limit: number, shared: boolean, amount = 1): Item {
  const charge: Charge = { counter: { key, window: HOUR, limit }, amount, least: amount, shadow: false, failureMode: 'closed' };
  return { charge, name: key, subject: '', unit: 'requests', shared, shadow: false, silent: false, amount: String, used: () => amount };
}

/** A store that answers later, as Redis does. */
class Later implements CounterStore {
  readonly inner = new MemoryStore();
  up = true;

  async reserve(charges: readonly Charge[]): Promise<Decision> {
    await Promise.resolve();
    if (!this.up) throw new StoreUnavailable('away');
    return this.inner.reserve(charges);
  }

  async states(...args: Parameters<CounterStore['states']>) {
    return this.inner.states(...args);
  }

  async close(): Promise<void> {
    await this.inner.close();
  }
}

function stores() {
  const own = new MemoryStore();
  const shared = new Later();
  const counts = new Counts(own, shared);
  const used = async (items: readonly Item[]) => {
    const states = await counts.states(items.map(({ charge, shared: isShared }) => ({ counter: charge.counter, shared: isShared })));
    return states.map((state) => [state.used, state.reserved]);
  };
  return { counts, shared, used };
}

describe('counts of this process and of all replicas', () => {
  test('each goes to its store, and the answer is in the order of the items', async () => {
    const { counts, used } = stores();
    const items = [item('a', 10, true, 2), item('b', 10, false, 3), item('c', 10, true, 4)];
    const decision = await counts.reserve(items);
    if (!decision.admitted) throw new Error('refused');
    expect(decision.hold.granted).toEqual([2, 3, 4]);
    expect(decision.states.map(({ remaining }) => remaining)).toEqual([8, 7, 6]);
    decision.hold.settle([1, 2, 3]);
    expect(await used(items)).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
  });

  test('what the shared store refuses is given back here', async () => {
    const { counts, used } = stores();
    const items = [item('own', 10, false), item('full', 0, true)];
    const decision = await counts.reserve(items);
    expect(decision).toMatchObject({ admitted: false, refusedBy: 1 });
    expect(await used(items)).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test('what is refused here does not go to the shared store', async () => {
    const { counts, used } = stores();
    const items = [item('shared', 10, true), item('full', 0, false)];
    expect(await counts.reserve(items)).toMatchObject({ admitted: false, refusedBy: 1 });
    expect(await used(items)).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test('what was set aside here comes back when the shared store is away', async () => {
    const { counts, shared, used } = stores();
    const items = [item('own', 10, false), item('shared', 10, true)];
    shared.up = false;
    await expect(counts.reserve(items)).rejects.toThrow(StoreUnavailable);
    shared.up = true;
    expect(await used(items)).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test('a store that is full of other counts refuses only what must hold', async () => {
    const counts = new Counts(new MemoryStore({ maxCounters: 1 }));
    const open = (key: string): Item => ({ ...item(key, 10, false), charge: { ...item(key, 10, false).charge, failureMode: 'open' } });
    expect(await counts.reserve([item('first', 10, false)])).toMatchObject({ admitted: true });
    expect(() => counts.reserve([item('second', 10, false)])).toThrow(StoreUnavailable);
    expect(counts.reserve([open('third')])).toMatchObject({ admitted: true, states: [{ remaining: 10 }] });
  });

  test('with one store there is nothing to wait for', () => {
    const decision = new Counts(new MemoryStore()).reserve([item('a', 1, true), item('b', 1, false)]);
    expect(decision).toMatchObject({ admitted: true });
  });
});
