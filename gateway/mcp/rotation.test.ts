// The keys of sessions are rotated while clients call: no call is lost, and sessions of the old key live on.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { startCallers } from './callers.fixture.ts';
import { closeAfterEach, gateway, opening } from './opening.fixture.ts';
import { initialize } from './raw-client.fixture.ts';
import { watchKeys } from './sealed/keys.ts';
import { startEverything } from './upstream/everything.fixture.ts';
import { startModernEverything } from './upstream/modern-everything.fixture.ts';

closeAfterEach();

test('two replicas read a file that changes twice', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-rotation-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'keys');
  const [old, fresh] = ['old', 'new'].map((id) => `${id}:${randomBytes(32).toString('base64')}\n`);
  writeFileSync(file, old!);
  const servers = [
    { name: 'old', ...(await opening(startEverything({ name: 'old' }))) },
    { name: 'new', ...(await opening(startModernEverything({ name: 'new' }))) },
  ];
  const replicas = await Promise.all(
    [1, 2].map(async () => {
      const keys = watchKeys(file, () => undefined);
      if (typeof keys === 'string') throw new Error(keys);
      await opening(keys);
      return { keys, ...(await gateway(servers, '', { mcpKeys: () => keys.current })) };
    }),
  );
  const callers = await Promise.all(replicas.map(({ mcp }) => startCallers({ url: mcp, clients: 4, servers: ['old', 'new'] })));
  const [here, there] = replicas.map(({ mcp }) => mcp);
  const first = await initialize(here!);
  const statuses: number[] = [];
  const call = async (session: typeof first): Promise<void> => {
    for (const at of [here!, there!]) statuses.push((await session.at(at).ask('tools/call', { name: 'old__echo' })).status);
  };
  for (const [text, ids] of [
    [`${old}${fresh}`, ['old', 'new']],
    [`${fresh}${old}`, ['new', 'old']],
  ] as const) {
    writeFileSync(file, text);
    await expect.poll(() => replicas.map(({ keys }) => keys.current.ids), { timeout: 10_000 }).toEqual([ids, ids]);
    for (const each of callers) await each.more(10);
    await call(first);
    await call(await initialize(there!));
  }
  for (const each of callers) await each.stop();
  expect(callers.flatMap(({ lost }) => lost)).toEqual([]);
  expect(new Set(statuses)).toEqual(new Set([200]));
});
