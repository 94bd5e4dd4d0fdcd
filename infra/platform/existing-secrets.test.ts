import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { KubernetesClient } from '#core/kubernetes/client';

import { platform } from '../charts/platform.ts';
import { readSettings } from '../settings.ts';
import { existingSecrets } from './existing-secrets.ts';

/** By path: what the cluster has, or the status that it refuses with. */
let there: Record<string, object | number> = {};
const api = createServer(({ url = '' }, response) => {
  const found = there[url] ?? 404;
  response.writeHead(typeof found === 'number' ? found : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(typeof found === 'number' ? { kind: 'Status', code: found } : found));
});
let client: KubernetesClient;

beforeAll(async () => {
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  const kubeconfig = join(mkdtempSync(join(tmpdir(), 'tierkit-secrets-')), 'kubeconfig');
  const cluster = { server: `http://127.0.0.1:${(api.address() as AddressInfo).port}` };
  writeFileSync(
    kubeconfig,
    JSON.stringify({ clusters: [{ name: 'c', cluster }], contexts: [{ name: 'here', context: { cluster: 'c' } }] }),
  );
  client = await KubernetesClient.connect({ kubeconfig, context: 'here' });
});
afterAll(async () => {
  await client.close();
  api.close();
});

const ONE = '/api/v1/namespaces/tierkit-tier-one';
const IMAGE = { name: 'registry.example.com/tierkit', tag: '1' };

function look(settings: object, has: typeof there) {
  there = has;
  return existingSecrets(client, platform(readSettings({ image: IMAGE, ...settings })), 'kubectl --context=c');
}

const provider = (name: string) => ({ name, api: 'OpenAI', key: { existing: 'keys' }, models: [{ name }] });
const REDIS = { redis: { mode: 'external', url: { existing: 'redis' } } };

it('tells which Secret is not there, and how to make it', async () => {
  const { problems, notices } = await look(REDIS, { [ONE]: {} });
  expect(problems).toEqual([
    'Secret tierkit-tier-one/redis with REDIS_URL is not there: the settings say that others make it\n' +
      '    kubectl --context=c -n tierkit-tier-one create secret generic redis --from-file=REDIS_URL=FILE',
  ]);
  expect(notices).toEqual([]);
});

it('only notes it where the namespace is still to be made', async () => {
  const { problems, notices } = await look(REDIS, {});
  expect(problems).toEqual([]);
  expect(notices).toEqual([expect.stringMatching(/^Secret tierkit-tier-one\/redis with REDIS_URL is not there yet, nor is its namespace/)]);
});

it('tells which keys it has not, and never a value', async () => {
  const { problems } = await look(REDIS, { [ONE]: {}, [`${ONE}/secrets/redis`]: { data: { url: 'c2VjcmV0' } } });
  expect(problems).toEqual([
    expect.stringMatching(/^Secret tierkit-tier-one\/redis has no REDIS_URL; it has url\n {4}kubectl .* patch secret/),
  ]);
  expect(problems[0]).not.toContain('c2VjcmV0');
  expect(await look(REDIS, { [ONE]: {}, [`${ONE}/secrets/redis`]: { data: { REDIS_URL: 'eA==' } } })).toEqual({
    problems: [],
    notices: [],
  });
});

it('says nothing of what it may not see', async () => {
  expect(await look(REDIS, { [ONE]: {}, [`${ONE}/secrets/redis`]: 403 })).toEqual({ problems: [], notices: [] });
});

it('asks for certificates and tokens of models, and for each Secret once', async () => {
  const settings = {
    tierOne: { exposure: { tls: { hostname: 'a.example.com', secret: 'cert' } } },
    providers: [provider('a'), provider('b')],
    models: [{ namespace: 'team', name: 'm', runtime: 'vllm', source: 'x/y', tokenSecret: 'hf' }],
  };
  const { problems } = await look(settings, { [ONE]: {}, '/api/v1/namespaces/team': {} });
  expect(problems.map((problem) => problem.split('\n')[1]!.trim())).toEqual([
    'kubectl --context=c -n tierkit-tier-one create secret generic keys --from-file=apiKey=FILE',
    'kubectl --context=c -n tierkit-tier-one create secret tls cert --cert=FILE --key=FILE',
    'kubectl --context=c -n team create secret generic hf --from-file=token=FILE',
  ]);
});

it('does not ask for what operators make of objects of the platform', async () => {
  const settings = {
    tierOne: { exposure: { tls: { hostname: 'a.example.com', secret: 'cert', issuer: { name: 'letsencrypt' } } } },
    redis: { mode: 'external', url: { external: { store: 'vault', key: 'redis' } } },
    providers: [{ name: 'a', api: 'OpenAI', key: { external: { store: 'vault', key: 'a' } }, models: [{ name: 'x' }] }],
  };
  expect(await look(settings, { [ONE]: {} })).toEqual({ problems: [], notices: [] });
});

it('notes namespaces without a pull secret', async () => {
  const settings = {
    image: { ...IMAGE, pullSecrets: ['regcred'] },
    observability: { prometheus: { mode: 'off' }, jaeger: { mode: 'off' }, phoenix: { mode: 'off' } },
  };
  const { problems, notices } = await look(settings, { [`${ONE}/secrets/regcred`]: {} });
  expect(problems).toEqual([]);
  expect(notices).toEqual([expect.stringContaining('pull secret regcred is not in tierkit-tier-two, tierkit-controller: images')]);
});
