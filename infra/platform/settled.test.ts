import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { platform } from '../charts/platform.ts';
import { readSettings } from '../settings.ts';
import type { Prepared } from './preflight.ts';
import { gatewaysInWait } from './settled.ts';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-settled-'));
let asked = 0;
let programmedAfter = 0;
const api = createServer(({ url = '' }, response) => {
  asked++;
  const isProgrammed = asked > programmedAfter;
  const condition = { type: 'Programmed', status: isProgrammed ? 'True' : 'False', message: 'no Service leads to it yet' };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Gateway', metadata: { name: url }, status: { conditions: [condition] } }));
});
let prepared: Prepared;

beforeAll(async () => {
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const kubeconfig = join(folder, 'kubeconfig');
  const cluster = { server: `http://127.0.0.1:${(api.address() as AddressInfo).port}` };
  writeFileSync(
    kubeconfig,
    JSON.stringify({ clusters: [{ name: 'c', cluster }], contexts: [{ name: 'here', context: { cluster: 'c' } }] }),
  );
  const settings = readSettings({ image: { name: 'x', tag: '1' }, clusters: { gateway: { kubeconfig, context: 'here' } } });
  prepared = { settings, parts: platform(settings) } as unknown as Prepared;
});
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true });
});

test('waits until every Gateway is in service', async () => {
  asked = 0;
  programmedAfter = 5;
  expect(await gatewaysInWait(prepared, { pauseMs: 1 })).toEqual([]);
  expect(asked).toBeGreaterThan(5);
});

test('says in the end which is not, and why', async () => {
  programmedAfter = Infinity;
  expect(await gatewaysInWait(prepared, { patienceMs: 20, pauseMs: 5 })).toMatchObject([
    { object: 'gateway/tier-two', state: 'no Service leads to it yet' },
    { object: 'gateway/tier-one', state: 'no Service leads to it yet' },
  ]);
});

test('does not wait for a cluster that cannot be asked', async () => {
  const { settings } = prepared;
  const gateway = { kubeconfig: join(folder, 'gone') };
  expect(await gatewaysInWait({ ...prepared, settings: { ...settings, clusters: { gateway, model: gateway } } }, {})).toEqual([]);
});
