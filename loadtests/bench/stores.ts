/**
 * What a decision over three counts costs: CPU of this process for a reserve and its settlement, and the time that a request waits.
 *
 *     node loadtests/bench/stores.ts [--redis redis://127.0.0.1:6379]
 *
 * Without `--redis` it starts `redis-server` (PATH, or TIERKIT_REDIS_SERVER) on a free port of the loopback address.
 */
import { spawn } from 'node:child_process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { parseOptions } from '#core/options';
import { sliding, UTC_MONTH } from '#core/limits/window';

import { LeasedStore } from '../../gateway/admit/store/leases/leased-store.ts';
import { MemoryStore } from '../../gateway/admit/store/memory/memory-store.ts';
import { RedisStore } from '../../gateway/admit/store/redis/redis-store.ts';
import { parseRedisUrl } from '../../gateway/admit/store/redis/settings.ts';
import type { Charge, CounterStore } from '../../gateway/admit/store/store.ts';
import { freePort, waitForPort } from './ports.ts';
import { Samples } from './statistics.ts';

const MINUTE = sliding(60_000);
const TENANTS = 100;
const LIMIT = 1_000_000_000;

const { values } = parseOptions(process.argv.slice(2), { redis: { type: 'string' } }, false);
const server = values.redis === undefined ? await startServer() : undefined;
const settings = parseRedisUrl(values.redis ?? server!.url);
try {
  await memory();
  await stores();
} finally {
  server?.stop();
}

async function memory(): Promise<void> {
  await row('memory', new MemoryStore(), 1, 200_000, 0);
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage();
  const store = new MemoryStore();
  for (let i = 0; i < 1_000_000; i++) {
    const key = `BackendTrafficPolicy/default/tenants/global/0/tenant-${String(i).padStart(8, '0')}`;
    const decision = store.reserve([charge(key, MINUTE)]);
    if (decision.admitted) decision.hold.settle([5]);
  }
  collect();
  const after = process.memoryUsage();
  const live = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
  console.log(`memory, ${store.size} tenants in a sliding window: ${mb(live)} MB live, RSS ${mb(before.rss)} → ${mb(after.rss)} MB`);
}

async function stores(): Promise<void> {
  const redis = new RedisStore({ settings, prefix: 'bench-redis' });
  if (!(await redis.connected(5000))) throw new Error('Redis cannot be asked');
  await row('Redis', redis, 1, 5_000, 0);
  for (const clients of [1, 8, 32]) await row('Redis', redis, clients, 20_000, 0);
  await row('Redis, paced', redis, 8, 8_000, 4);
  await redis.close();

  const leased = new LeasedStore({ settings, prefix: 'bench-leases' });
  await leased.connected(5000);
  await row('leases', leased, 32, 20_000, 1);
  const before = leased.decisions;
  await row('leases', leased, 32, 100_000, 1);
  await row('leases, paced', leased, 8, 8_000, 4);
  const { all, here } = leased.decisions;
  console.log(`leases: ${(((here - before.here) / (all - before.all)) * 100).toFixed(2)} % of decisions without a round trip`);
  await leased.close();
}

/** Clients that decide, settle, and wait so many ms. */
async function row(name: string, store: CounterStore, clients: number, count: number, pauseMs: number): Promise<void> {
  const waited = new Samples();
  const cpu = process.cpuUsage();
  const began = performance.now();
  let left = count;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const tenant = left % TENANTS;
      const asked = performance.now();
      const decision = store.reserve([charge(`a/${tenant}`, MINUTE), charge(`b/${tenant}`, MINUTE), charge(`c/${tenant}`, UTC_MONTH)]);
      const { admitted, ...rest } = decision instanceof Promise ? await decision : decision;
      waited.add(performance.now() - asked);
      if (!admitted || !('hold' in rest)) throw new Error('refused');
      rest.hold.settle([5, 5, 5]);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const { p50 = 0, p99 = 0 } = waited.summary();
  const times = `p50 ${p50.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms`;
  const each = ((user + system) / count).toFixed(1);
  console.log(`${name}, ${clients} clients: ${each} µs CPU a reserve + settle of 3 counts; ${times}; ${Math.round(count / seconds)}/s`);
}

function charge(key: string, window: Charge['counter']['window']): Charge {
  return { counter: { key, window, limit: LIMIT }, amount: 10, least: 1, shadow: false, failureMode: 'closed' };
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

async function startServer(): Promise<{ url: string; stop: () => void }> {
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn(process.env['TIERKIT_REDIS_SERVER'] ?? 'redis-server', options, { stdio: 'ignore' });
  await waitForPort(port, child, 'redis-server');
  return { url: `redis://127.0.0.1:${port}`, stop: () => void child.kill() };
}
