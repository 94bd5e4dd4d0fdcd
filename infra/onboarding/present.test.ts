import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { requestsPresent } from './present.ts';

const folder = mkdtempSync(join(tmpdir(), 'tierkit-present-'));
const kubeconfig = join(folder, 'kubeconfig');
let status = 200;
let asked = '';

const namespace = (name: string, annotation?: string) => ({
  metadata: { name, annotations: annotation === undefined ? {} : { 'tierkit.dev/onboarding': annotation } },
});
const request = (name: string) => JSON.stringify({ name, model: 'm', owner: 'team', replicas: 2 });
const items = [
  namespace('search', request('search')),
  namespace('silent'),
  namespace('broken', '{'),
  namespace('half', '{"name":"half"}'),
  namespace('nothing', 'null'),
  // Whoever may write annotations could speak for another team.
  namespace('liar', request('search')),
];
const api = createServer(({ url = '' }, response) => {
  asked = url;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(status === 200 ? { items } : { kind: 'Status', code: status, reason: 'Forbidden', message: 'no' }));
});

beforeAll(async () => {
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const cluster = { server: `http://127.0.0.1:${(api.address() as AddressInfo).port}` };
  writeFileSync(
    kubeconfig,
    JSON.stringify({ clusters: [{ name: 'c', cluster }], contexts: [{ name: 'here', context: { cluster: 'c' } }] }),
  );
});
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true });
});

test('the teams of a cluster are those whose namespaces say so of themselves', async () => {
  status = 200;
  expect(await requestsPresent({ kubeconfig, context: 'here' })).toEqual([JSON.parse(request('search'))]);
  expect(asked).toContain('labelSelector=tierkit.dev%2Fonboarded');
});

test('who may not list namespaces does not know', async () => {
  status = 403;
  expect(await requestsPresent({ kubeconfig, context: 'here' })).toBeUndefined();
});
