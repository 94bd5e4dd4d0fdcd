import { describe, expect, test } from 'vitest';

import { sliding, type Window } from '#core/limits/window';

import { admitted, charge, refused, standing } from '../store.fixture.ts';
import { StoreUnavailable } from '../store.ts';
import { MemoryStore, type MemoryStoreOptions } from './memory-store.ts';

const START = 1_700_000_000_000 - (1_700_000_000_000 % 60_000);

function storeAt(now: number, options: MemoryStoreOptions = {}): { store: MemoryStore; clock: { now: number } } {
  const clock = { now };
  return { store: new MemoryStore({ ...options, now: () => clock.now }), clock };
}

const HOURS: Window = {
  kind: 'calendar',
  at(now) {
    const start = now - (now % 3_600_000);
    return { start, end: start + 3_600_000 };
  },
};

describe('a decision', () => {
  test('sets aside, and settling puts what was used in its place', async () => {
    const { store } = storeAt(START);
    const hold = admitted(store.reserve([charge({ amount: 6 })]));
    expect(hold.granted).toEqual([6]);
    expect(await standing(store)).toEqual([0, 6, 4]);
    hold.settle([2]);
    expect(await standing(store)).toEqual([2, 0, 8]);
    hold.settle([10]);
    expect(await standing(store)).toEqual([2, 0, 8]);
  });

  test('takes what is left, down to the least', () => {
    const { store } = storeAt(START);
    admitted(store.reserve([charge({ amount: 7 })]));
    expect(admitted(store.reserve([charge({ amount: 5, least: 2 })])).granted).toEqual([3]);
    expect(refused(store.reserve([charge({ amount: 5, least: 0 })])).refusedBy).toBe(0);
  });

  test('is of all counts or of none', async () => {
    const { store } = storeAt(START);
    admitted(store.reserve([charge({ key: 'full', amount: 10 })]));
    const { refusedBy, states } = refused(store.reserve([charge({ key: 'a' }), charge({ key: 'full' }), charge({ key: 'b' })]));
    expect(refusedBy).toBe(1);
    expect(states.map(({ remaining }) => remaining)).toEqual([10, 0, 10]);
    expect(await standing(store, { key: 'a' })).toEqual([0, 0, 10]);
  });

  test('counts the same count twice', async () => {
    const { store } = storeAt(START);
    refused(store.reserve([charge({ amount: 6 }), charge({ amount: 6 })]));
    expect(await standing(store)).toEqual([0, 0, 10]);
    admitted(store.reserve([charge({ amount: 6 }), charge({ amount: 4 })])).settle([1, 2]);
    expect(await standing(store)).toEqual([3, 0, 7]);
  });

  test('names the count that waits longest, and never for more than the limit', () => {
    const { store, clock } = storeAt(START);
    const short = { key: 'short', window: sliding(1000), limit: 1 };
    const long = { key: 'long', limit: 1 };
    admitted(store.reserve([charge(short), charge(long)]));
    clock.now += 50;
    expect(refused(store.reserve([charge(short), charge(long)]))).toMatchObject({ refusedBy: 1, retryAfterMs: 66_000 - 50 });
    expect(refused(store.reserve([charge({ key: 'x', amount: 11 }), charge(long)]))).toMatchObject({
      refusedBy: 0,
      retryAfterMs: undefined,
    });
    expect(refused(store.reserve([charge({ limit: 0, least: 0 })])).retryAfterMs).toBeUndefined();
  });

  test('a shadow count counts and refuses nothing', async () => {
    const { store } = storeAt(START);
    expect(admitted(store.reserve([charge({ amount: 25, shadow: true })])).granted).toEqual([25]);
    expect(await standing(store)).toEqual([0, 25, 0]);
  });

  test('what is used beyond what was granted is charged', async () => {
    const { store } = storeAt(START);
    admitted(store.reserve([charge({ amount: 1 })])).settle([15]);
    expect(await standing(store)).toEqual([15, 0, 0]);
  });

  test('numbers that no count could take are the fault of the caller, or leave what was set aside', async () => {
    const { store } = storeAt(START);
    for (const wrong of [
      { amount: NaN, least: 0 },
      { amount: -1, least: -1 },
      { amount: 1, least: 2 },
      { limit: 1.5 },
      { key: 'k'.repeat(513) },
    ]) {
      expect(() => store.reserve([charge(wrong)])).toThrow(RangeError);
    }
    admitted(store.reserve([charge({ amount: 3 })])).settle([NaN]);
    admitted(store.reserve([charge({ amount: 3 })])).settle([-1]);
    admitted(store.reserve([charge({ amount: 3 })])).settle([0.2]);
    expect(await standing(store)).toEqual([7, 0, 3]);
  });
});

describe('a sliding window', () => {
  test('brings units back one slot after its length, slot by slot', async () => {
    const { store, clock } = storeAt(START);
    admitted(store.reserve([charge({ amount: 4 })])).settle([4]);
    clock.now += 6_000;
    admitted(store.reserve([charge({ amount: 6 })])).settle([6]);
    expect(store.states([charge().counter])[0]).toMatchObject({ used: 10, resetMs: 60_000 });
    clock.now = START + 65_999;
    refused(store.reserve([charge()]));
    clock.now = START + 66_000;
    expect(await standing(store)).toEqual([6, 0, 4]);
    clock.now = START + 72_000;
    expect(await standing(store)).toEqual([0, 0, 10]);
  });

  test('charges the slot of the request, and nothing once that has passed', async () => {
    const { store, clock } = storeAt(START);
    const inTime = admitted(store.reserve([charge({ amount: 2 })]));
    const late = admitted(store.reserve([charge({ amount: 2 })]));
    clock.now += 60_000;
    inTime.settle([3]);
    expect(await standing(store)).toEqual([3, 2, 5]);
    clock.now += 6_000;
    expect(await standing(store)).toEqual([0, 0, 10]);
    late.settle([9]);
    expect(await standing(store)).toEqual([0, 0, 10]);
  });

  test('a clock that is set back brings nothing back, and one that was far ahead does not stop the count', async () => {
    const { store, clock } = storeAt(START);
    admitted(store.reserve([charge({ amount: 10 })])).settle([10]);
    clock.now -= 50_000;
    expect(await standing(store)).toEqual([10, 0, 0]);
    clock.now = START + 10_000_000;
    admitted(store.reserve([charge({ amount: 10 })]));
    clock.now = START;
    expect(await standing(store)).toEqual([0, 0, 10]);
  });
});

describe('a period of the calendar', () => {
  test('ends, and with it all that was used and set aside in it', async () => {
    const { store, clock } = storeAt(HOURS.kind === 'calendar' ? HOURS.at(START).start + 1000 : 0);
    const wanted = { window: HOURS };
    const hold = admitted(store.reserve([charge({ ...wanted, amount: 10 })]));
    expect(refused(store.reserve([charge(wanted)])).retryAfterMs).toBe(3_599_000);
    clock.now += 3_599_000;
    expect(await standing(store, wanted)).toEqual([0, 0, 10]);
    hold.settle([10]);
    expect(await standing(store, wanted)).toEqual([0, 0, 10]);
    admitted(store.reserve([charge({ ...wanted, amount: 10 })])).settle([9]);
    clock.now -= 10;
    expect(await standing(store, wanted)).toEqual([9, 0, 1]);
  });
});

describe('what is kept', () => {
  test('idle counts are forgotten while others are asked for', () => {
    const { store, clock } = storeAt(START);
    for (let i = 0; i < 1000; i++)
      admitted(store.reserve([charge({ key: `tenant ${i}`, window: i % 2 === 0 ? HOURS : sliding(1000) })])).settle([1]);
    expect(store.size).toBe(1000);
    clock.now += 7_200_000;
    for (let i = 0; i < 600; i++) store.reserve([charge({ key: 'one' })]);
    expect(store.size).toBe(1);
  });

  test('there are at most so many counts, and idle ones make room', () => {
    const { store, clock } = storeAt(START, { maxCounters: 2 });
    admitted(store.reserve([charge({ key: 'a' }), charge({ key: 'b' })]));
    expect(() => store.reserve([charge({ key: 'c' })])).toThrow(StoreUnavailable);
    clock.now += 66_000;
    // A count that this very decision asks for again makes no room for itself.
    expect(admitted(store.reserve([charge({ key: 'a' }), charge({ key: 'c', amount: 2 })])).granted).toEqual([1, 2]);
    expect(store.states([charge({ key: 'a' }).counter, charge({ key: 'c' }).counter]).map(({ reserved }) => reserved)).toEqual([1, 2]);
  });

  test('a row that went to another count is not charged for the one before', async () => {
    const { store, clock } = storeAt(START, { maxCounters: 1 });
    const from = (hours: number): Window => ({ kind: 'calendar', at: () => ({ start: START, end: START + hours * 3_600_000 }) });
    const hold = admitted(store.reserve([charge({ key: 'a', window: from(1) })]));
    clock.now += 3_600_000;
    admitted(store.reserve([charge({ key: 'b', window: from(9) })]));
    hold.settle([5]);
    expect(await standing(store, { key: 'b', window: from(9) })).toEqual([0, 1, 9]);
  });

  test('a hold that nobody settles comes back, and is charged all the same', async () => {
    const { store, clock } = storeAt(START, { maxHoldMs: 5000 });
    const hold = admitted(store.reserve([charge({ amount: 4 })]));
    clock.now += 6000;
    admitted(store.reserve([charge({ key: 'other' })]));
    expect(await standing(store)).toEqual([0, 0, 10]);
    hold.settle([3]);
    expect(await standing(store)).toEqual([3, 0, 7]);
  });

  test('a key whose window changes starts anew', async () => {
    const { store } = storeAt(START);
    const hold = admitted(store.reserve([charge({ amount: 4 })]));
    for (const window of [sliding(1000), HOURS]) {
      admitted(store.reserve([charge({ window, amount: 10 })])).settle([10]);
      hold.settle([4]);
      expect(await standing(store, { window })).toEqual([10, 0, 0]);
    }
  });
});
