// What a BackendTrafficPolicy and the admin port have to do with MCPRoutes.
import { expect, test } from 'vitest';

import { startGateway, type TestGateway } from '../gateway.fixture.ts';
import { mcpYaml } from './mcp.fixture.ts';
import { closeAfterEach, opening } from './opening.fixture.ts';
import { startEverything } from './upstream/everything.fixture.ts';

closeAfterEach();

const LIMIT = `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: few}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  rateLimit: {type: Global, global: {rules: [{clientSelectors: [{headers: [{type: Distinct, name: x-client}]}], limit: {requests: 2, unit: Hour}}]}}`;

async function gateway(policy: string, extra = ''): Promise<TestGateway> {
  const everything = await opening(startEverything({ name: 'one' }));
  const port = Number(new URL(everything.url).port);
  const started = await opening(startGateway({ yaml: [mcpYaml([{ name: 'one', port, extra }]), policy].join('\n---\n'), inCluster: true }));
  return started;
}

async function initialize({ url }: TestGateway, client: string): Promise<Response> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'x-client': client };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
  return fetch(`${url}/mcp`, { method: 'POST', headers, body });
}

test('a limit of requests holds for each client', async () => {
  const at = await gateway(LIMIT);
  const statuses = [];
  for (const client of ['a', 'a', 'a', 'b']) statuses.push((await initialize(at, client)).status);
  expect(statuses).toEqual([200, 200, 429, 200]);
});

test('to listen, and to end a session, use up nothing of it', async () => {
  const at = await gateway(LIMIT);
  const hello = await initialize(at, 'a');
  const headers = { accept: 'text/event-stream', 'x-client': 'a', 'mcp-session-id': hello.headers.get('mcp-session-id')! };
  for (let each = 0; each < 3; each++) {
    const left = new AbortController();
    expect((await fetch(`${at.url}/mcp`, { headers, signal: left.signal })).status).toBe(200);
    left.abort();
  }
  expect((await initialize(at, 'a')).status).toBe(200);
  expect((await initialize(at, 'a')).status).toBe(429);
  expect((await fetch(`${at.url}/mcp`, { method: 'DELETE', headers })).status).toBe(204);
});

test('a limit that cannot be read lets nothing pass', async () => {
  const at = await gateway(LIMIT.replace('requests: 2', 'requests: many'));
  const refused = await initialize(at, 'a');
  expect(refused.status).toBe(500);
  expect(await refused.text()).toContain('TK_BROKEN_ROUTE');
});

test('the admin port tells of the servers of a route, and no key of theirs', async () => {
  const key =
    ', securityPolicy: {apiKey: {inline: my-own-word, header: x-key}}, path: "/mcp?token=other-word", forwardHeaders: [{name: X-A}]';
  const { adminUrl } = await gateway(LIMIT, key);
  const text = await (await fetch(`${adminUrl}/config`)).text();
  expect(text).not.toMatch(/my-own-word|other-word/);
  const { ports } = JSON.parse(text) as { ports: { listeners: { hosts: { rules: unknown[] }[] }[] }[] };
  expect(ports[0]!.listeners[0]!.hosts[0]!.rules).toMatchObject([
    {
      route: 'MCPRoute default/tools',
      path: '/mcp',
      security: 'open',
      servers: [
        { name: 'one', path: '/mcp', tools: 'all', credential: '[redacted]', forwardHeaders: ['x-a'], endpoints: [{ available: true }] },
      ],
    },
  ]);
});

test('keys of sessions that other replicas do not have are told', async () => {
  const { tier } = await gateway(LIMIT);
  expect(tier.notices().filter((notice) => notice.includes('--mcp-session-keys'))).toHaveLength(1);
});
