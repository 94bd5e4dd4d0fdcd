import { expect, onTestFinished, test } from 'vitest';

import { sliding } from '#core/limits/window';

import { startRedis, until } from '../redis.fixture.ts';
import { describeReal, ownRedis } from '../redis/real.fixture.ts';
import { RedisStore } from '../redis/redis-store.ts';
import { parseRedisUrl, type RedisSettings } from '../redis/settings.ts';
import { admitted, charge, LONG, refused, standing, type Wanted } from '../store.fixture.ts';
import { StoreUnavailable } from '../store.ts';
import { LeasedStore, type LeasedStoreOptions } from './leased-store.ts';

const BUDGET = { window: LONG, limit: 1000 };

async function opened(options: LeasedStoreOptions): Promise<LeasedStore> {
  const store = new LeasedStore(options);
  onTestFinished(() => store.close());
  expect(await store.connected(5000)).toBe(true);
  return store;
}

/** Requests until one is decided without Redis, so that there is a lease. @returns how many */
async function warm(store: LeasedStore, wanted: Wanted): Promise<number> {
  for (let count = 1; ; count++) {
    const decision = store.reserve([charge(wanted)]);
    admitted(await decision).settle([1]);
    if (!(decision instanceof Promise)) return count;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describeReal('leases', () => {
  const redis = ownRedis();
  let run = 0;
  const replica = (options: Partial<LeasedStoreOptions> = {}, settings: RedisSettings = redis.settings): Promise<LeasedStore> =>
    opened({ settings, prefix: `leases-${run}`, ...options });
  /** What Redis says. */
  const seen = async (wanted: Wanted = BUDGET): Promise<number[]> => {
    const store = new RedisStore({ settings: redis.settings, prefix: `leases-${run}` });
    await store.connected(5000);
    const state = await standing(store, wanted);
    await store.close();
    return state;
  };

  test('under load, decisions need no round trip, and all is charged', async () => {
    run++;
    const store = await replica();
    const wanted = { window: sliding(10_000), limit: 1_000_000 };
    const end = performance.now() + 600;
    let used = 0;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        while (performance.now() < end) {
          admitted(await store.reserve([charge({ ...wanted, amount: 10 }), charge({ ...wanted, key: 'other', window: LONG })])).settle([
            4, 1,
          ]);
          used += 4;
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }),
    );
    const { all, here } = store.decisions;
    expect(here / all).toBeGreaterThan(0.95);
    await store.close();
    expect((await seen(wanted)).slice(0, 2)).toEqual([used, 0]);
    expect((await seen({ ...wanted, key: 'other', window: LONG })).slice(0, 2)).toEqual([used / 4, 0]);
  });

  test('an idle lease goes back; what a request holds of it stays', async () => {
    run++;
    const store = await replica({ idleMs: 100, reportMs: 30 });
    const used = await warm(store, BUDGET);
    const hold = admitted(await store.reserve([charge({ ...BUDGET, amount: 3 })]));
    expect((await seen())[1]).toBeGreaterThan(3);
    await until('it went back', async () => (await seen())[1] === 3);
    expect(await seen()).toEqual([used, 3, 1000 - used - 3]);
    hold.settle([2]);
    await until('it is settled', async () => (await seen())[1] === 0);
    expect(await seen()).toEqual([used + 2, 0, 1000 - used - 2]);
  });

  test('the last units are found, in a lease and outside of it', async () => {
    run++;
    const store = await replica({ share: 0.5, horizonMs: 1_000_000 });
    const used = await warm(store, BUDGET);
    const all = admitted(await store.reserve([charge({ ...BUDGET, amount: 5000, least: 1000 - used })]));
    expect(all.granted).toEqual([1000 - used]);
    refused(await store.reserve([charge({ ...BUDGET, least: 0 })]));
    all.settle([7]);
    await until('it is settled', () => store.unsettled === 0);
    expect(admitted(await store.reserve([charge({ ...BUDGET, amount: 5000, least: 1 })])).granted).toEqual([1000 - used - 7]);
  });

  test('a limit that changes is asked for anew; 0 refuses at once', async () => {
    run++;
    const store = await replica();
    await warm(store, BUDGET);
    expect(refused(await store.reserve([charge({ ...BUDGET, limit: 0, least: 0 })])).retryAfterMs).toBeUndefined();
    refused(await store.reserve([charge({ ...BUDGET, limit: 2, amount: 2 })]));
  });

  test('a lease takes its share of what is left, and no more', async () => {
    run++;
    const store = await replica({ share: 0.1, horizonMs: 1_000_000 });
    await warm(store, BUDGET);
    expect((await seen())[1]).toBeLessThanOrEqual(100);
    run++;
    const bounded = await replica({ share: 0.5, horizonMs: 1_000_000, maxUnits: 20 });
    await warm(bounded, BUDGET);
    expect((await seen())[1]).toBeLessThanOrEqual(20);
  });

  test('a lease is given out only in the slot in which Redis counts it', async () => {
    run++;
    const store = await replica({ reportMs: 60_000, idleMs: 60_000 });
    const wanted = { window: sliding(2000), limit: 1000 };
    await warm(store, wanted);
    await new Promise((resolve) => setTimeout(resolve, 220));
    const decision = store.reserve([charge(wanted)]);
    expect(decision).toBeInstanceOf(Promise);
    admitted(await decision);
  });

  test('what is used beyond a lease is charged', async () => {
    run++;
    const store = await replica({ maxUnits: 20, horizonMs: 1_000_000 });
    const used = await warm(store, BUDGET);
    admitted(await store.reserve([charge(BUDGET)])).settle([500]);
    await store.close();
    expect(await seen()).toEqual([used + 500, 0, 500 - used]);
  });

  test('a refused request takes nothing from the leases that did fit', async () => {
    run++;
    const store = await replica();
    const used = await warm(store, BUDGET);
    refused(await store.reserve([charge({ ...BUDGET, amount: 5 }), charge({ key: 'small', limit: 1, amount: 2 })]));
    await store.close();
    expect(await seen()).toEqual([used, 0, 1000 - used]);
  });

  test('while Redis is away leases go on to be used, and then it is unavailable', async () => {
    const away = await startRedis();
    onTestFinished(() => away.close());
    run++;
    const store = await replica({ share: 0.1, horizonMs: 1_000_000, idleMs: 60_000 }, parseRedisUrl(away.url));
    await warm(store, BUDGET);
    await away.kill();
    await until('the store has seen it', () => !store.up);
    for (let i = 0; i < 5; i++) {
      const decision = store.reserve([charge(BUDGET)]);
      expect(decision).not.toBeInstanceOf(Promise);
      admitted(await decision);
    }
    expect(() => store.reserve([charge({ ...BUDGET, amount: 500 })])).toThrow(StoreUnavailable);
    // It comes back without its data: leases that it does not know must not be given out.
    await away.restart();
    await until('it is back', () => store.up);
    const decision = store.reserve([charge(BUDGET)]);
    expect(decision).toBeInstanceOf(Promise);
    admitted(await decision);
  });

  test('several replicas under load never grant more than a hard limit, and use it up', async () => {
    run++;
    const stores = await Promise.all([replica(), replica(), replica()]);
    let granted = 0;
    await Promise.all(
      Array.from({ length: 90 }, async (_, client) => {
        for (let i = 0; i < 40; i++) {
          const decision = await stores[client % 3]!.reserve([charge({ ...BUDGET, limit: 5000, amount: 1 + (i % 5), least: 1 })]);
          if (!decision.admitted) continue;
          granted += decision.hold.granted[0]!;
          decision.hold.settle(decision.hold.granted);
          await new Promise((resolve) => setTimeout(resolve, i % 3));
        }
      }),
    );
    expect(granted).toBeLessThanOrEqual(5000);
    for (const store of stores) await store.close();
    expect(await seen({ ...BUDGET, limit: 5000 })).toEqual([granted, 0, 5000 - granted]);
    // Idle leases of others are all that may be left of it.
    expect(granted).toBeGreaterThan(5000 * 0.7);
  });
});
