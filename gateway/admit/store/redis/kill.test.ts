import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { until } from '../redis.fixture.ts';
import { admitted, charge, LONG, refused, standing } from '../store.fixture.ts';
import { describeReal, ownRedis } from './real.fixture.ts';
import { RedisStore } from './redis-store.ts';

const HOLDER = join(import.meta.dirname, 'holder.fixture.ts');
const WANTED = { window: LONG, limit: 1000 };

describeReal('a replica that is killed', () => {
  const redis = ownRedis();

  test.each(['redis', 'leases'])('what it had set aside comes back, and not while it lives (%s)', async (kind) => {
    const prefix = `killed-${kind}`;
    const holdMs = 1000;
    const replicas = [start(kind, prefix, holdMs), start(kind, prefix, holdMs)];
    const granted = (await Promise.all(replicas.map(firstLine))).map(Number);
    const store = new RedisStore({ settings: redis.settings, prefix });
    onTestFinished(() => store.close());
    expect(await store.connected(5000)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1.5 * holdMs));
    const [used, reserved] = await standing(store, WANTED);
    // Nothing is settled, and leases are more than what was given out.
    expect(used).toBe(0);
    expect(reserved).toBeGreaterThanOrEqual(granted[0]! + granted[1]!);
    expect(reserved).toBeLessThanOrEqual(1000);
    refused(await store.reserve([charge({ ...WANTED, amount: 1001 - reserved })]));
    for (const replica of replicas) replica.kill('SIGKILL');
    await until('all comes back', async () => (await standing(store, WANTED))[1] === 0, 3 * holdMs);
    admitted(await store.reserve([charge({ ...WANTED, amount: 1000 })]));
  });

  function start(kind: string, prefix: string, holdMs: number): ChildProcess {
    const child = spawn(process.execPath, [HOLDER, redis.process.url, prefix, kind, String(holdMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  }
});

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = (await once(child.stdout!, 'data')) as [Buffer];
  return chunk.toString().trim();
}
