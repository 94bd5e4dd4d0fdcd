import { inspect } from 'node:util';

import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';

import { freePorts } from '#core/real-part.fixture';

import { startRedis, until } from '../redis.fixture.ts';
import { admitted, charge, LONG, refused, standing } from '../store.fixture.ts';
import { StoreUnavailable } from '../store.ts';
import type { RedisCountsOptions } from './counts.ts';
import { describeReal, ownRedis } from './real.fixture.ts';
import { RedisStore } from './redis-store.ts';
import { parseRedisUrl } from './settings.ts';

async function opened(options: RedisCountsOptions): Promise<RedisStore> {
  const store = new RedisStore(options);
  onTestFinished(() => store.close());
  expect(await store.connected(5000)).toBe(true);
  return store;
}

const settled = (store: RedisStore): Promise<void> => until('all is settled', () => store.unsettled === 0);

describeReal('the store', () => {
  const redis = ownRedis();
  const own = (options: Partial<RedisCountsOptions> = {}): Promise<RedisStore> =>
    opened({ settings: redis.settings, prefix: `t${Math.random()}`, ...options });

  test('counts for several replicas; every key goes by itself', async () => {
    const prefix = 'several';
    const [one, two] = [await own({ prefix }), await own({ prefix })];
    const charges = [charge({ amount: 6 }), charge({ key: 'long', window: LONG, amount: 4 })];
    const hold = admitted(await one.reserve(charges));
    expect(refused(await two.reserve(charges))).toMatchObject({ refusedBy: 0 });
    expect(await standing(two)).toEqual([0, 6, 4]);
    hold.settle([2, 9]);
    hold.settle([9, 9]);
    await settled(one);
    expect(await standing(two)).toEqual([2, 0, 8]);
    expect(await standing(two, { key: 'long', window: LONG })).toEqual([9, 0, 1]);
    const raw = new Redis(redis.process.port);
    onTestFinished(() => raw.disconnect());
    const keys = await raw.keys('{several}*');
    expect(keys.length).toBeGreaterThan(3);
    for (const key of keys) expect(await raw.pttl(key)).toBeGreaterThan(0);
  });

  test('takes what is left, refuses with the time to wait, and never waits for more than the limit', async () => {
    const store = await own();
    admitted(await store.reserve([charge({ amount: 7 })]));
    expect(admitted(await store.reserve([charge({ amount: 5, least: 2 })])).granted).toEqual([3]);
    const { retryAfterMs, states } = refused(await store.reserve([charge({ key: 'free' }), charge({ least: 0 })]));
    expect(retryAfterMs).toBeGreaterThan(59_000);
    expect(retryAfterMs).toBeLessThanOrEqual(66_000);
    expect(states[0]).toMatchObject({ used: 0, reserved: 0, remaining: 10, resetMs: 0 });
    expect(refused(await store.reserve([charge(), charge({ key: 'x', amount: 11 })]))).toMatchObject({
      refusedBy: 1,
      retryAfterMs: undefined,
    });
    expect(admitted(await store.reserve([charge({ amount: 9, shadow: true })])).granted).toEqual([9]);
    expect(await standing(store)).toEqual([0, 19, 0]);
  });

  test('numbers up to 2^53 stay exact', async () => {
    const store = await own();
    const wanted = { window: LONG, limit: Number.MAX_SAFE_INTEGER, amount: Number.MAX_SAFE_INTEGER - 1 };
    const hold = admitted(await store.reserve([charge(wanted)]));
    expect(hold.granted).toEqual([9_007_199_254_740_990]);
    hold.settle([9_007_199_254_740_989]);
    await settled(store);
    expect(await standing(store, wanted)).toEqual([9_007_199_254_740_989, 0, 2]);
  });

  test('a period that has ended for Redis is asked for again, once', async () => {
    const store = await own({ now: () => Date.now() - 40 * 86_400_000 });
    const wanted = {
      window: { kind: 'calendar', at: (now: number) => ({ start: now - (now % 86_400_000), end: now - (now % 86_400_000) + 86_400_000 }) },
    } as const;
    admitted(await store.reserve([charge(wanted)])).settle([1]);
    await settled(store);
    expect(await standing(store, wanted)).toEqual([1, 0, 9]);
    const moving = { kind: 'calendar', at: (now: number) => ({ start: now + 1000, end: now + 2000 }) } as const;
    await expect(store.reserve([charge({ window: moving })])).rejects.toThrow(StoreUnavailable);
  });

  test('what is set aside is renewed while its process lives, and is charged when it had expired', async () => {
    const prefix = 'renewed';
    const store = await own({ prefix, holdMs: 150 });
    const hold = admitted(await store.reserve([charge({ amount: 4 })]));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await standing(store)).toEqual([0, 4, 6]);
    const raw = new Redis(redis.process.port);
    onTestFinished(() => raw.disconnect());
    for (const key of await raw.keys('{renewed}*:h')) await raw.zadd(key, '1', (await raw.zrange(key, '0', '0'))[0]!);
    expect(await standing(store)).toEqual([0, 0, 10]);
    hold.settle([3]);
    await settled(store);
    expect(await standing(store)).toEqual([3, 0, 7]);
  });

  test('Redis forgets scripts: they are sent again', async () => {
    const store = await own();
    admitted(await store.reserve([charge()]));
    const raw = new Redis(redis.process.port);
    await raw.script('FLUSH');
    raw.disconnect();
    admitted(await store.reserve([charge()])).settle([1]);
    await settled(store);
    expect(await standing(store)).toEqual([1, 1, 8]);
  });

  test('a count that another has overwritten is told, and the others are charged', async () => {
    const lost: string[] = [];
    const store = await own({ prefix: 'overwritten', onLost: (count, units) => lost.push(`${count} ${units}`) });
    const hold = admitted(await store.reserve([charge({ key: 'a' }), charge({ key: 'b' })]));
    const raw = new Redis(redis.process.port);
    await raw.set('{overwritten}:s60000:a:h', 'x');
    raw.disconnect();
    hold.settle([1, 1]);
    await settled(store);
    expect(lost).toEqual(['a 1']);
    expect(await standing(store, { key: 'b' })).toEqual([1, 0, 9]);
    await expect(store.reserve([charge({ key: 'a' })])).rejects.toThrow(/WRONGTYPE/);
  });

  test('many at once on one hard limit get the limit', async () => {
    const prefix = 'hard';
    const stores = await Promise.all([own({ prefix }), own({ prefix }), own({ prefix })]);
    const decisions = await Promise.all(
      Array.from({ length: 600 }, (_, i) =>
        stores[i % 3]!.reserve([charge({ limit: 1000, amount: 7, least: 1 }), charge({ key: 'other', limit: 1e6 })]),
      ),
    );
    const granted = decisions.map((decision) => (decision.admitted ? decision.hold.granted[0]! : 0));
    expect(granted.reduce((sum, units) => sum + units)).toBe(1000);
    expect(await standing(stores[0], { key: 'other', limit: 1e6 })).toEqual([0, 143, 999_857]);
  });

  test('closing charges what waits', async () => {
    const prefix = 'closing';
    const store = new RedisStore({ settings: redis.settings, prefix });
    await store.connected(5000);
    const hold = admitted(await store.reserve([charge({ amount: 3 })]));
    hold.settle([2]);
    await store.close();
    expect(() => store.reserve([charge()])).toThrow(/was closed/);
    expect(await standing(await own({ prefix }))).toEqual([2, 0, 8]);
  });
});

describeReal('one that fails', () => {
  test('killed: decisions fail at once, and what was used is charged once it is back', async () => {
    const redis = await startRedis(['appendonly yes', 'appendfsync always']);
    onTestFinished(() => redis.close());
    const changes: [boolean, string][] = [];
    const store = await opened({ settings: parseRedisUrl(redis.url), onChange: (...change) => changes.push(change) });
    const holds = await Promise.all(Array.from({ length: 5 }, () => store.reserve([charge({ amount: 2 })]).then(admitted)));
    holds[0]!.settle([1]);
    await redis.kill();
    await until('the store has seen it', () => !store.up);
    for (const hold of holds) hold.settle([1]);
    expect(() => store.reserve([charge()])).toThrow(StoreUnavailable);
    await expect(store.states([charge().counter])).rejects.toThrow(StoreUnavailable);
    await redis.restart();
    await until('it is back', () => store.up);
    await settled(store);
    expect(await standing(store)).toEqual([5, 0, 5]);
    expect(changes.map(([up]) => up)).toEqual([true, false, true]);
    expect(changes[1]![1]).toMatch(/^Redis \(127\.0\.0\.1:\d+\) cannot be asked: /);
  });

  test('killed without its data: what is settled afterwards is charged all the same', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const store = await opened({ settings: parseRedisUrl(redis.url) });
    const hold = admitted(await store.reserve([charge({ amount: 4 })]));
    await redis.restart();
    await until('it is back', () => store.up);
    hold.settle([3]);
    await settled(store);
    expect(await standing(store)).toEqual([3, 0, 7]);
  });

  test('stopped for 2 s: it counts as dead, nothing waits for it, nothing is counted twice and nothing stays set aside', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const store = await opened({ settings: parseRedisUrl(redis.url), timeoutMs: 100 });
    const hold = admitted(await store.reserve([charge({ amount: 2 })]));
    redis.signal('SIGSTOP');
    hold.settle([1]);
    // Redis will do this when it wakes up, and nobody waits for it then.
    await expect(store.reserve([charge({ amount: 3 })])).rejects.toThrow(StoreUnavailable);
    expect(store.up).toBe(false);
    const began = performance.now();
    while (performance.now() - began < 2000) {
      expect(() => store.reserve([charge()])).toThrow(StoreUnavailable);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    redis.signal('SIGCONT');
    await until('it is back', () => store.up);
    await settled(store);
    await until('the late answer is undone', async () => (await standing(store))[1] === 0);
    expect(await standing(store)).toEqual([1, 0, 9]);
  });

  test('not there at the start: it is asked as soon as it comes', async () => {
    const [port] = (await freePorts(1)) as [number];
    const store = new RedisStore({ settings: parseRedisUrl(`redis://127.0.0.1:${port}`) });
    onTestFinished(() => store.close());
    expect(await store.connected(200)).toBe(false);
    expect(() => store.reserve([charge()])).toThrow(/ECONNREFUSED/);
    store.charge([charge().counter], [4], Date.now());
    const redis = await startRedis([], 'server', port);
    onTestFinished(() => redis.close());
    await until('it is reached', () => store.up);
    await settled(store);
    expect(await standing(store)).toEqual([4, 0, 6]);
    const raw = new Redis(port);
    onTestFinished(() => raw.disconnect());
    expect(await raw.pttl('{tierkit}:s60000:k')).toBeGreaterThan(60_000);
  });

  test('a wrong password is told and shown nowhere', async () => {
    const redis = await startRedis(['requirepass open-sesame']);
    onTestFinished(() => redis.close());
    const told: string[] = [];
    const store = new RedisStore({
      settings: parseRedisUrl(redis.url.replace('//', '//:sesame-closed@')),
      onChange: (_, text) => told.push(text),
    });
    onTestFinished(() => store.close());
    expect(await store.connected(300)).toBe(false);
    let error: unknown;
    try {
      await store.reserve([charge()]);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(StoreUnavailable);
    expect((error as Error).message).toMatch(/WRONGPASS/);
    expect(inspect([error, store, told], { depth: 20, showHidden: true })).not.toContain('sesame');
    await opened({ settings: parseRedisUrl(redis.url.replace('//', '//:open-sesame@')) });
    const named = await startRedis(['user tierkit on >open-sesame ~{tierkit}:* +eval +evalsha +time +@read +@write +info +hello +client']);
    onTestFinished(() => named.close());
    const limited = await opened({ settings: parseRedisUrl(named.url.replace('//', '//tierkit:open-sesame@')) });
    admitted(await limited.reserve([charge()]));
  });

  test('what does not fit the queue is told', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    let units = 0;
    const store = await opened({ settings: parseRedisUrl(redis.url), maxQueued: 20, onLost: (_, lost) => (units += lost) });
    await redis.kill();
    await until('the store has seen it', () => !store.up);
    for (let i = 0; i < 30; i++) store.charge([charge({ limit: 100 }).counter], [1], Date.now());
    expect(store.unsettled + units).toBe(30);
    expect(store.unsettled).toBeLessThanOrEqual(20);
    await store.close();
    expect(units).toBe(30);
  });
});
