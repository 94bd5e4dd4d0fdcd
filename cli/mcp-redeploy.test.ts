// Replicas of the gateway are replaced one after the other while clients call tools: no call is lost.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, expect, test } from 'vitest';

import { startCallers } from '../gateway/mcp/callers.fixture.ts';
import { mcpYaml } from '../gateway/mcp/mcp.fixture.ts';
import { startEverything } from '../gateway/mcp/upstream/everything.fixture.ts';
import { startModernEverything } from '../gateway/mcp/upstream/modern-everything.fixture.ts';
import { startBalancer } from './balancer.fixture.ts';
import { type Running, start } from './command.fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-redeploy-'));
const started: Running[] = [];
const opened: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await Promise.all(started.map(({ ended }) => ended));
  for (const each of opened) await each.close();
  rmSync(folder, { recursive: true });
});

async function replica(args: readonly string[]): Promise<Running & { readonly url: string }> {
  const running = start(['run', ...args, '--port', '0', '--admin-port', '0', '--no-access-log']);
  started.push(running);
  await running.said(/ready; admin on /);
  return { ...running, url: /listening on (http:\S+)/.exec(running.stderr())![1]! };
}

test('sixteen clients of both eras, two replicas, each replaced twice', { timeout: 300_000 }, async () => {
  const servers = [
    { name: 'old', ...(await startEverything({ name: 'old' })) },
    { name: 'new', ...(await startModernEverything({ name: 'new' })) },
  ];
  const balancer = await startBalancer();
  opened.push(balancer, ...servers);
  const [resources, keys] = [join(folder, 'mcp.yaml'), join(folder, 'keys')];
  writeFileSync(resources, mcpYaml(servers));
  writeFileSync(keys, `one:${randomBytes(32).toString('base64')}\n`);
  const args = [resources, '--mcp-session-keys', keys, '--unready', '2s'];

  const replicas = await Promise.all([replica(args), replica(args)]);
  for (const { url } of replicas) balancer.add(url);
  const callers = await startCallers({ url: `${balancer.url}/mcp`, clients: 8, servers: ['old', 'new'] });
  await callers.more(10);
  for (let each = 0; each < 4; each++) {
    const [fresh, old] = [await replica(args), replicas.shift()!];
    replicas.push(fresh);
    balancer.add(fresh.url);
    old.child.kill('SIGTERM');
    await old.said('SIGTERM: draining');
    // Whoever sends connections there learns of it later.
    await sleep(200);
    balancer.remove(old.url);
    expect(await old.ended).toBe(0);
    await callers.more(10);
  }
  await callers.stop();
  expect(callers.lost).toEqual([]);
  expect(Math.min(...callers.counts)).toBeGreaterThanOrEqual(50);
});
