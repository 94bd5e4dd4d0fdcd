import { expect, onTestFinished, test } from 'vitest';

import { FallbackStore } from './fallback-store.ts';
import { startRedis, until } from './redis.fixture.ts';
import { describeReal } from './redis/real.fixture.ts';
import { RedisStore } from './redis/redis-store.ts';
import { parseRedisUrl } from './redis/settings.ts';
import { admitted, charge, LONG, refused, standing } from './store.fixture.ts';
import { StoreUnavailable } from './store.ts';

const BUDGET = { window: LONG, limit: 100, failureMode: 'open' } as const;

describeReal('failure modes', () => {
  test('two replicas go on with their shares while Redis is away, and their use is there when it is back', async () => {
    const redis = await startRedis(['appendonly yes', 'appendfsync always']);
    onTestFinished(() => redis.close());
    const replicas = [1, 2].map(() => {
      const shared = new RedisStore({ settings: parseRedisUrl(redis.url) });
      const store = new FallbackStore({ shared, share: 0.5 });
      onTestFinished(() => store.close());
      return { shared, store };
    });
    for (const { shared } of replicas) expect(await shared.connected(5000)).toBe(true);
    admitted(await replicas[0]!.store.reserve([charge({ ...BUDGET, amount: 30 })])).settle([30]);
    await until('it is settled', () => replicas[0]!.shared.unsettled === 0);
    await redis.kill();
    await until('the replicas have seen it', () => replicas.every(({ shared }) => !shared.up));
    for (const { store } of replicas) {
      expect(() => store.reserve([charge({ ...BUDGET, failureMode: 'closed' })])).toThrow(StoreUnavailable);
      const hold = admitted(await store.reserve([charge({ ...BUDGET, amount: 80, least: 1 })]));
      expect(hold.granted).toEqual([50]);
      refused(await store.reserve([charge(BUDGET)]));
      hold.settle([20]);
      hold.settle([20]);
    }
    await redis.restart();
    await until('the replicas have seen it', () => replicas.every(({ shared }) => shared.up && shared.unsettled === 0));
    expect(await standing(replicas[0]!.store, BUDGET)).toEqual([70, 0, 30]);
    refused(await replicas[1]!.store.reserve([charge({ ...BUDGET, amount: 31 })]));
  });
});
