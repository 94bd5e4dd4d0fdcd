/**
 * Money under faults, with real processes: `node loadtests/money/prove.ts [--clients 100] [--seconds 12] [--streams 500]`.
 *
 * Three replicas of tier one share one hard budget through a real redis-server, in front of a backend whose answers are as long as they may
 * be and which counts what it generates. Clients ask as fast as they can, without pause, until the end. Meanwhile nothing happens; or one replica
 * is killed; or Redis is killed and started again; or Redis hangs. Then streams are left by their clients at random points. The tables say
 * how far the budget was passed, and how far the ledger is from the backend's own count.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { type RedisProcess, startRedis } from '../../gateway/admit/store/redis.fixture.ts';
import { backendsYaml, routeYaml } from '../../gateway/gateway.fixture.ts';
import type { LedgerRow } from '../../gateway/ledger/row.ts';
import { startGreedyUpstream } from './greedy-upstream.ts';
import { type Replica, startReplica } from './replica.ts';

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '12' },
    streams: { type: 'string', default: '500' },
    limit: { type: 'string', default: '1200000' },
    mode: { type: 'string', default: 'exact' },
  },
});
const CLIENTS = Number(values.clients);
const SECONDS = Number(values.seconds);
const LIMIT = Number(values.limit);
const MAX_TOKENS = 200;
const REPLICAS = 3;

type Fault = 'none' | 'a replica is killed' | 'Redis is killed and started again' | 'Redis hangs for a third of the time';

const budget = `
apiVersion: tierkit.dev/v1alpha1
kind: Budget
metadata: {name: all}
spec: {tokens: ${LIMIT}, window: {unit: Total}}`;

function resources(port: number, ...more: readonly string[]): string {
  return [backendsYaml([{ name: 'greedy', port }]), routeYaml('m', ['greedy']), ...more].join('\n---\n');
}

const BODY = { model: 'm', messages: [{ role: 'user', content: 'tell me a story' }], max_tokens: MAX_TOKENS };

function post(url: string, body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

const statuses = new Map<number, number>();

async function client(url: string, until: number): Promise<void> {
  while (Date.now() < until) {
    try {
      const response = await post(url, BODY);
      await response.arrayBuffer();
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      if (response.status !== 200) await sleep(20);
    } catch {
      statuses.set(0, (statuses.get(0) ?? 0) + 1);
      await sleep(50);
    }
  }
}

async function cause(fault: Fault, replicas: readonly Replica[], redis: RedisProcess): Promise<void> {
  await sleep((SECONDS * 1000) / 3);
  if (fault === 'a replica is killed') await replicas[0]!.kill('SIGKILL');
  if (fault === 'Redis is killed and started again') await redis.restart();
  if (fault === 'Redis hangs for a third of the time') {
    redis.signal('SIGSTOP');
    await sleep((SECONDS * 1000) / 3);
    redis.signal('SIGCONT');
  }
}

async function underFault(fault: Fault): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'money-'));
  const upstream = await startGreedyUpstream(20);
  const redis = await startRedis(['appendonly yes', 'appendfsync always']);
  statuses.clear();
  const replicas: Replica[] = [];
  try {
    const args = ['--redis', redis.url, '--limits-mode', values.mode];
    const options = { folder, yaml: resources(upstream.port, budget), args };
    for (let index = 0; index < REPLICAS; index++) replicas.push(await startReplica(options));
    const until = Date.now() + SECONDS * 1000;
    const clients = replicas.flatMap(({ url }) => Array.from({ length: CLIENTS }, () => client(url, until)));
    await Promise.all([cause(fault, replicas, redis), ...clients]);
    const { tokens, requests } = upstream.spent;
    const over = Math.max(0, tokens - LIMIT);
    const seen = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status === 0 ? 'no answer' : status}: ${count}`);
    console.log(`| ${fault} | ${requests} | ${tokens} | ${over} (${((100 * over) / LIMIT).toFixed(2)} %) | ${seen.join(', ')} |`);
  } finally {
    await Promise.all(replicas.map((replica) => replica.kill('SIGKILL')));
    await redis.close();
    await upstream.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function leftStreams(count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'money-'));
  const upstream = await startGreedyUpstream(5);
  const ledger = join(folder, 'ledger');
  const replica = await startReplica({ folder, yaml: resources(upstream.port), args: ['--ledger', ledger] });
  try {
    const one = async (): Promise<void> => {
      const abort = new AbortController();
      const leaveAfter = Math.random() * MAX_TOKENS * 8;
      const leave = setTimeout(() => abort.abort(), leaveAfter);
      try {
        const response = await post(replica.url, { ...BODY, stream: true }, abort.signal);
        for await (const chunk of response.body!) void chunk;
      } catch {
        // It was left.
      } finally {
        clearTimeout(leave);
      }
    };
    for (let at = 0; at < count; at += 50) await Promise.all(Array.from({ length: Math.min(50, count - at) }, one));
    await sleep(500);
    await replica.kill('SIGTERM');
    const rows = readdirSync(ledger)
      .flatMap((file) => readFileSync(join(ledger, file), 'utf8').trim().split('\n'))
      .map((line) => JSON.parse(line) as LedgerRow);
    const sum = rows.reduce((total, { tokens }) => total + (tokens?.total ?? 0), 0);
    const byProvenance = Object.entries(Object.groupBy(rows, ({ provenance }) => provenance)).map(([name, of]) => `${name}: ${of.length}`);
    const off = (100 * (sum - upstream.spent.tokens)) / upstream.spent.tokens;
    console.log(`| ${count} | ${rows.length} | ${upstream.spent.tokens} | ${sum} | ${off.toFixed(2)} % | ${byProvenance.join(', ')} |`);
  } finally {
    await replica.kill('SIGKILL');
    await upstream.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

console.log(`${REPLICAS} replicas, ${CLIENTS} clients each, ${SECONDS} s, one hard budget of ${LIMIT} tokens, mode ${values.mode}\n`);
console.log(
  '| fault | requests at the backend | tokens that it generated | beyond the budget | answers |\n| --- | --- | --- | --- | --- |',
);
await underFault('none');
await underFault('a replica is killed');
await underFault('Redis is killed and started again');
await underFault('Redis hangs for a third of the time');
console.log('\n| streams | rows of the ledger | tokens that the backend generated | tokens in the ledger | difference | provenance |');
console.log('| --- | --- | --- | --- | --- | --- |');
await leftStreams(Number(values.streams));
