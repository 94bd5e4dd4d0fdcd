// For tests: a real Redis, where there is one; each file that uses it has its own.
import { afterAll, beforeAll, describe } from 'vitest';

import { REDIS_MISSING, REDIS_SERVER, type RedisProcess, requireRedis, startRedis } from '../redis.fixture.ts';
import { parseRedisUrl, type RedisSettings } from './settings.ts';

/** Tests of a part that must be there with REQUIRE_REAL=1, and is skipped loudly otherwise. */
export function describeReal(name: string, body: () => void): void {
  if (REDIS_SERVER === undefined) console.warn(REDIS_MISSING);
  describe.skipIf(REDIS_SERVER === undefined && process.env['REQUIRE_REAL'] !== '1')(`real Redis: ${name}`, () => {
    beforeAll(() => void requireRedis());
    body();
  });
}

/** A Redis of this group of tests. */
export function ownRedis(lines: readonly string[] = []): { readonly process: RedisProcess; readonly settings: RedisSettings } {
  let process: RedisProcess | undefined;
  beforeAll(async () => {
    process = await startRedis(lines);
  });
  afterAll(() => process?.close());
  return {
    get process() {
      return process!;
    },
    get settings() {
      return parseRedisUrl(process!.url);
    },
  };
}
