import { writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { loadAll } from 'js-yaml';
import { expect, it, test } from 'vitest';

import { start, tierkit } from './command.fixture.ts';

it.each([
  [[], 'no tier is controlled: give --tier-one-gateway-pods, --tier-two-gateway-pods or both'],
  [['--tier-one-gateway-pods', 'app'], '--tier-one-gateway-pods is a list of label=value, and "app" is none'],
  [['--tier-two-gateway-pods', 'a=b', '--tier-two-gateway-service-type', 'Ingress'], '--tier-two-gateway-service-type is LoadBalancer,'],
  [['--tier-two-gateway-pods', 'a=b', '--tier-two-gateway-first-port', 'x'], '--tier-two-gateway-first-port must be a port'],
  [
    ['--tier-two-gateway-pods', 'a=b', '--tier-one-namespace', 'n'],
    '--tier-one-namespace is for a tier whose pods are named: --tier-one-gateway-pods is missing',
  ],
  [
    ['--tier-one-gateway-pods', 'a=b', '--tier-two-gateway-pods', 'a=c', '--tier-two-controller-name', 'tierkit.dev/tier-one'],
    'both tiers have the controller name tierkit.dev/tier-one',
  ],
  [['--tier-one-gatway-pods', 'a=b'], 'unknown option --tier-one-gatway-pods; did you mean "tier-one-gateway-pods"?'],
  [['folder'], 'resources come from the cluster, not from a PATH such as folder'],
])('tierkit controller %j is not understood', async (args, message) => {
  const { code, stderr } = await tierkit(['controller', ...args]);
  expect({ code, first: stderr.split('\n')[0] }).toEqual({ code: 2, first: expect.stringContaining(message) });
});

test('a controller whose cluster is away is alive, not ready, and ends at a signal', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'kubeconfig-')), 'config');
  const parts = {
    clusters: [{ name: 'c', cluster: { server: 'http://127.0.0.1:9' } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  };
  writeFileSync(file, JSON.stringify({ 'current-context': 'x', ...parts }));
  const running = start(['controller', '--kubeconfig', file, '--admin-port', '0', '--tier-two-gateway-pods', 'a=b']);
  await running.said(/tier two: .*cannot be reached/);
  const port = /admin on http:\/\/127\.0\.0\.1:(\d+)/.exec(running.stderr())![1]!;
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
  running.child.kill('SIGTERM');
  expect(await running.ended).toBe(0);
  expect(running.stderr()).toContain('SIGTERM: stopping');
});

const names = ({ stdout }: { readonly stdout: string }): string[] =>
  (loadAll(stdout) as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);

test('tierkit crds prints all, one, or says which there are', async () => {
  expect(names(await tierkit(['crds']))).toEqual([
    'budgets.tierkit.dev',
    'mcptoollocks.tierkit.dev',
    'pricetables.tierkit.dev',
    'tokenexchanges.tierkit.dev',
    'tracepolicies.tierkit.dev',
  ]);
  expect(names(await tierkit(['crds', 'tracepolicies', 'Budget']))).toEqual(['tracepolicies.tierkit.dev', 'budgets.tierkit.dev']);
  const { code, stderr } = await tierkit(['crds', 'Budgte']);
  expect({ code, first: stderr.split('\n')[0] }).toEqual({
    code: 2,
    first:
      'tierkit crds: there is no kind "Budgte" of ours; did you mean "Budget"? (kinds: Budget, MCPToolLock, PriceTable, TokenExchange, TracePolicy)',
  });
});
