import { request as httpRequest } from 'node:http';

import { afterEach, describe, expect, test, vi } from 'vitest';

import type { Feed } from '#core/serve/status/feed';
import { HOSTILE } from '#core/serve/status/page.fixture';
import { KEPT } from '#core/serve/status/recent';
import { CONTENT_SECURITY_POLICY } from '#core/serve/status/routes';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, startUpstream, type Upstream } from './upstream.fixture.ts';

const CANARY = 'canary-of-status';
const GOOD = answer(200, {
  id: 'c',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, message: { role: 'assistant', content: `${CANARY}-answer` }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
});
const BAD = answer(503, { error: { message: `${CANARY}-error` } }, { 'x-note': `${CANARY}-header` });

const POLICIES = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}], forwardClientIDHeader: x-client}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {alice: ${CANARY}-alice, bob: ${CANARY}-bob}
---
apiVersion: tierkit.dev/v1alpha1
kind: PriceTable
metadata: {name: list}
spec: {currency: USD, entries: [{model: m, prices: {input: "2", output: "8"}}]}
---
apiVersion: tierkit.dev/v1alpha1
kind: Budget
metadata: {name: teams}
spec: {per: Client, amount: "1", currency: USD, window: {unit: Month}}`;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(): Promise<{ gateway: TestGateway; one: Upstream; two: Upstream }> {
  const one = await startUpstream(GOOD);
  const two = await startUpstream(GOOD);
  const backends = [
    { name: 'one', port: one.port, key: `${CANARY}-key-one` },
    { name: 'two', port: two.port, key: `${CANARY}-key-two` },
  ];
  const gateway = await startGateway({ yaml: [backendsYaml(backends), routeYaml('m', ['one', 'two']), POLICIES].join('\n---\n') });
  closers.push(
    () => one.close(),
    () => two.close(),
    () => gateway.close(),
  );
  return { gateway, one, two };
}

function ask(gateway: TestGateway, { client = 'alice', model = 'm' } = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions?key=${CANARY}-query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': `${CANARY}-${client}`, cookie: `${CANARY}-cookie` },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: `${CANARY}-prompt` }] }),
  });
}

async function feedOf({ adminUrl }: TestGateway, query = ''): Promise<Feed> {
  return (await (await fetch(`${adminUrl}/status/data${query}`)).json()) as Feed;
}

describe('the data of the status page', () => {
  test('are what is served, how the backends are, the counts, and the requests with their attempts', async () => {
    const { gateway, one } = await start();
    one.script(BAD, GOOD);
    await (await ask(gateway)).text();
    await (await ask(gateway, { model: 'unknown' })).text();
    await vi.waitFor(() => expect(gateway.accessLog).toHaveLength(2));
    const feed = await feedOf(gateway);
    expect(feed).toMatchObject({ name: 'tier one', state: 'ready', explains: false, last: 2, configuration: { generation: 1 } });
    expect(feed.served!.rules).toMatchObject([
      {
        route: 'default/m',
        models: ['m'],
        security: 'SecurityPolicy default/keys',
        targets: [
          { backend: 'default/one', priority: 0 },
          { backend: 'default/two', priority: 1 },
        ],
      },
    ]);
    expect(feed.backends.map(({ name, kind, endpoints }) => [name, kind, endpoints[0]!.state, endpoints[0]!.failuresInARow])).toEqual([
      ['default/one', 'backend', 'available', 1],
      ['default/two', 'backend', 'available', 0],
    ]);
    expect(feed.limits).toMatchObject({
      counts: [
        { name: 'Budget default/teams', subject: 'alice', unit: 'USD', scale: 10_000_000, limit: 10_000_000, used: 300, reserved: 0 },
      ],
      leftOff: 0,
    });
    expect(feed.requests).toMatchObject([
      {
        sequence: 1,
        client: 'alice',
        model: 'm',
        route: 'default/m',
        status: 200,
        complete: true,
        usage: { input: 7, output: 2, source: 'reported' },
        details: { cost_nanos: 30_000, cost_currency: 'USD' },
        attempts: [
          { backend: 'default/one', status: 503, failure: 'status' },
          { backend: 'default/two', status: 200, url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) },
        ],
      },
      { sequence: 2, model: 'unknown', status: 404, reason: 'TK_MODEL_NOT_FOUND', attempts: [] },
    ]);
    const [{ routedMs, attempts, durationMs }] = feed.requests as [Feed['requests'][0]];
    expect(routedMs!).toBeLessThanOrEqual(attempts[0]!.startMs);
    expect(attempts[1]!.endMs!).toBeLessThanOrEqual(durationMs);
  });

  test('come again only where they are new', async () => {
    const { gateway } = await start();
    await (await ask(gateway)).text();
    await vi.waitFor(async () => expect((await feedOf(gateway)).last).toBe(1));
    const { instance } = await feedOf(gateway);
    const known = `?after=1&generation=1&instance=${instance}`;
    expect(await feedOf(gateway, known)).toMatchObject({ last: 1, requests: [] });
    expect((await feedOf(gateway, known)).served).toBeUndefined();
    await (await ask(gateway)).text();
    await vi.waitFor(async () => expect((await feedOf(gateway, known)).requests).toMatchObject([{ sequence: 2 }]));
    // Another process counts from 1 again.
    const other = await feedOf(gateway, `?after=2&generation=1&instance=${instance - 1}`);
    expect(other.requests).toHaveLength(2);
    expect(other.served).toBeDefined();
  });

  test('have a bound: of requests, and of counts', async () => {
    const { gateway } = await start();
    for (let round = 0; round < 11; round++) {
      await Promise.all(Array.from({ length: 20 }, async () => (await ask(gateway)).text()));
    }
    await vi.waitFor(async () => expect((await feedOf(gateway)).last).toBe(220));
    const { requests } = await feedOf(gateway);
    expect(requests).toHaveLength(KEPT);
    expect([requests[0]!.sequence, requests.at(-1)!.sequence]).toEqual([21, 220]);
    await (await ask(gateway, { client: 'bob' })).text();
    expect(await feedOf(gateway, '?limits=bob')).toMatchObject({ limits: { counts: [{ subject: 'bob' }] } });
    expect(await feedOf(gateway, '?limits=nobody')).toMatchObject({ limits: { counts: [], leftOff: 0 } });
  });

  test('have no prompt, no answer, no credential, no query, no header; hostile names are JSON texts', async () => {
    const { gateway, one, two } = await start();
    one.script(BAD);
    two.script(GOOD, BAD);
    await (await ask(gateway)).text();
    await (await ask(gateway)).text();
    await (await ask(gateway, { client: 'nobody' })).text();
    await (await ask(gateway, { model: HOSTILE })).text();
    await vi.waitFor(() => expect(gateway.accessLog).toHaveLength(4));
    const response = await fetch(`${gateway.adminUrl}/status/data`);
    const text = await response.text();
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(text).not.toContain(CANARY);
    expect((JSON.parse(text) as Feed).requests.map(({ status, model }) => [status, model])).toEqual([
      [200, 'm'],
      [503, 'm'],
      [401, undefined],
      [404, HOSTILE],
    ]);
  });

  test.each([
    '?after=x',
    '?after=-1',
    '?after=1e9',
    '?instance=a&generation=b',
    '?after=1&after=2',
    '?limits=a&limits=b',
    `?limits=${'x'.repeat(5000)}`,
  ])('come whatever is asked: %.40s', async (query) => {
    const { gateway } = await start();
    expect(await feedOf(gateway, query)).toMatchObject({ name: 'tier one', requests: [] });
  });

  test('say that the counts cannot be had', async () => {
    const { gateway } = await start();
    const { Admission } = await import('./admit/admission.ts');
    const report = vi.spyOn(Admission.prototype, 'report').mockRejectedValue(new Error('redis is away'));
    expect(await feedOf(gateway)).toMatchObject({ limits: { error: 'redis is away' }, state: 'ready' });
    // Several pages, one question.
    await Promise.all(Array.from({ length: 5 }, () => feedOf(gateway)));
    expect(report).toHaveBeenCalledTimes(1);
    report.mockRestore();
  });
});

describe('the files of the status page', () => {
  const paths = ['/', '/status', '/status/main.js', '/status/page.css', '/status/icon.svg', '/status/data'];
  test.each(paths)('%s may load, frame and send nothing of others', async (path) => {
    const { gateway } = await start();
    const response = await fetch(`${gateway.adminUrl}${path}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-security-policy')).toBe(CONTENT_SECURITY_POLICY);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });

  test('are all there, and no others', async () => {
    const { gateway } = await start();
    const page = await (await fetch(gateway.adminUrl)).text();
    const links = [...page.matchAll(/(?:href|src)="(status\/[^"]+)"/g)].map(([, link]) => link!);
    expect(links.length).toBeGreaterThan(4);
    const pending = [...links];
    const seen = new Set<string>();
    for (let link = pending.shift(); link !== undefined; link = pending.shift()) {
      if (seen.has(link)) continue;
      seen.add(link);
      const response = await fetch(`${gateway.adminUrl}/${link}`);
      expect([link, response.status]).toEqual([link, 200]);
      const text = await response.text();
      if (link.endsWith('.js')) for (const [, name] of text.matchAll(/from '\.\/([^']+)'/g)) pending.push(`status/${name}`);
    }
    expect(seen.size).toBe(12);
    for (const other of ['status/../routes.ts', 'status/%2e%2e/routes.ts', 'status/routes.ts', 'status/none.js']) {
      expect((await fetch(`${gateway.adminUrl}/${other}`)).status).toBe(404);
    }
  });

  test("are for this machine's own names", async () => {
    const { gateway } = await start();
    const statusOf = (host: string, path: string) =>
      new Promise<number>((resolve, reject) => {
        const { port } = new URL(gateway.adminUrl);
        httpRequest({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode!);
        })
          .once('error', reject)
          .end();
      });
    for (const host of ['localhost:1064', '127.0.0.1:1', '[::1]:1064', 'tierkit.localhost']) expect(await statusOf(host, '/')).toBe(200);
    for (const path of ['/', '/status/data', '/status/main.js']) {
      for (const host of ['evil.example:1064', '127.0.0.1.evil.example', 'localhost.evil.example'])
        expect(await statusOf(host, path)).toBe(403);
    }
    // Probes have names of their own.
    expect(await statusOf('evil.example', '/readyz')).toBe(200);
  });
});
