import { expect, test } from 'vitest';

import { FallbackStore } from './fallback-store.ts';
import { MemoryStore } from './memory/memory-store.ts';
import type { SharedStore } from './redis/redis-store.ts';
import { admitted, charge, refused } from './store.fixture.ts';
import { type Charge, type Counter, type Decision, StoreUnavailable } from './store.ts';

const NOW = 1_700_000_000_000;

/** A shared store that can be away, and then either throws or rejects. */
class Shared extends MemoryStore implements SharedStore {
  away: 'throws' | 'rejects' | undefined;
  failure: Error = new StoreUnavailable('away');
  readonly charged: [key: string, used: number, at: number][] = [];

  override reserve(charges: readonly Charge[]): Decision {
    if (this.away === 'throws') throw this.failure;
    if (this.away === 'rejects') return Promise.reject(this.failure) as unknown as Decision;
    return super.reserve(charges);
  }

  charge(counters: readonly Counter[], used: readonly number[], at: number): void {
    counters.forEach(({ key }, i) => this.charged.push([key, used[i]!, at]));
  }
}

function stores(share?: number): { shared: Shared; store: FallbackStore } {
  const shared = new Shared();
  return { shared, store: new FallbackStore({ shared, now: () => NOW, ...(share !== undefined && { share }) }) };
}

const open = { failureMode: 'open' } as const;

test('asks the shared store while it is there', async () => {
  const { shared, store } = stores();
  admitted(await store.reserve([charge({ ...open, amount: 10 })]));
  refused(await store.reserve([charge(open)]));
  expect([store.decidedHere, shared.charged]).toEqual([0, []]);
});

test.each(['throws', 'rejects'] as const)('away (%s): each count has its share, and use is charged later, once', async (away) => {
  const { shared, store } = stores();
  shared.away = away;
  const first = admitted(await store.reserve([charge({ ...open, amount: 3 }), charge({ ...open, key: 'other' })]));
  expect(admitted(await store.reserve([charge({ ...open, amount: 7, least: 1 })])).granted).toEqual([2]);
  const { states } = refused(await store.reserve([charge(open)]));
  expect(states[0]).toMatchObject({ limit: 10, reserved: 5, remaining: 0 });
  first.settle([1, NaN]);
  first.settle([9, 9]);
  // What came back may be given again.
  expect(admitted(await store.reserve([charge({ ...open, amount: 7, least: 1 })])).granted).toEqual([2]);
  expect(shared.charged).toEqual([
    ['k', 1, NOW],
    ['other', 1, NOW],
  ]);
  expect(store.decidedHere).toBe(4);
});

test('several absences within a window have one share together', async () => {
  const { shared, store } = stores();
  for (let i = 0; i < 5; i++) {
    shared.away = 'throws';
    admitted(await store.reserve([charge(open)])).settle([1]);
    shared.away = undefined;
    admitted(await store.reserve([charge(open)])).settle([0]);
  }
  shared.away = 'throws';
  refused(await store.reserve([charge(open)]));
  expect(shared.charged).toHaveLength(5);
});

test('a share is at least one unit, and at most the limit', async () => {
  const { shared, store } = stores(0.01);
  shared.away = 'throws';
  expect(admitted(await store.reserve([charge({ ...open, amount: 5, least: 1 })])).granted).toEqual([1]);
  expect(refused(await store.reserve([charge({ ...open, key: 'none', limit: 0, least: 0 })])).retryAfterMs).toBeUndefined();
});

test('one count that is closed refuses the request, unless it is only counted', async () => {
  const { shared, store } = stores();
  shared.away = 'rejects';
  await expect(store.reserve([charge(open), charge({ key: 'closed' })])).rejects.toThrow(StoreUnavailable);
  shared.away = 'throws';
  expect(() => store.reserve([charge({ key: 'closed' }), charge(open)])).toThrow(StoreUnavailable);
  admitted(await store.reserve([charge({ ...open, amount: 5 }), charge({ key: 'closed', shadow: true })]));
});

test('other errors are not taken for an absence', () => {
  const { shared, store } = stores();
  shared.away = 'throws';
  shared.failure = new RangeError('a fault');
  expect(() => store.reserve([charge(open)])).toThrow(RangeError);
});
