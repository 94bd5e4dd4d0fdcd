import { afterAll, beforeAll, expect, test } from 'vitest';

import { Connections } from '#core/http/client';

import { discover, type DiscoverOptions, probeEra } from './discover.ts';
import { EraMemory } from './era.ts';
import { startEverything } from './everything.fixture.ts';
import { ServerFailed } from './failed.ts';
import * as fake from './fake-server.fixture.ts';

let server: fake.FakeServer;
const connections = new Connections();

beforeAll(async () => {
  server = await fake.startFake(fake.accepted);
});
afterAll(async () => {
  await connections.destroy();
  await server.close();
});

const options = (more: Partial<DiscoverOptions> = {}): DiscoverOptions => {
  const { headers, signal, headMs, idleMs, maxBytes } = fake.callOf();
  return { clientInfo: '{"name":"c","version":"1"}', capabilities: '{}', headers, signal, headMs, idleMs, maxBytes, ...more };
};

function is(...scripts: readonly fake.FakeScript[]): fake.ServerAt {
  server.script(...scripts);
  return fake.serverAt(connections, server.port);
}

const RESULT = {
  resultType: 'complete',
  supportedVersions: ['2027-01-01', '2026-07-28', '2025-11-25'],
  capabilities: { resources: { subscribe: true } },
  ttlMs: 1000,
  cacheScope: 'public',
  _meta: { 'io.modelcontextprotocol/serverInfo': { name: 's', version: '2' } },
};
const DISCOVERED = fake.answer(200, fake.response(1, RESULT));
const unsupported = (...supported: string[]) => fake.answer(400, fake.rpcError(1, -32022, 'Unsupported', { supported, requested: 'x' }));

test('a modern server is asked in the modern way, and says what it is', async () => {
  const found = await discover(is(DISCOVERED), options({ headers: ['x-a', '1'] }));
  expect(found).toMatchObject({ versions: RESULT.supportedVersions, protocolVersion: '2026-07-28', ttlMs: 1000, cacheScope: 'public' });
  expect(found.capabilities).toMatchObject({ resources: true, resourcesSubscribe: true, tools: false });
  expect(found.serverInfo?.toString()).toBe('{"name":"s","version":"2"}');
  const { headers, body } = server.seen.at(-1)!;
  expect(headers).toMatchObject({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'server/discover', 'x-a': '1' });
  expect(headers).not.toHaveProperty('mcp-session-id');
  expect(JSON.parse(body)).toMatchObject({
    method: 'server/discover',
    params: {
      _meta: {
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientInfo': { name: 'c', version: '1' },
        'io.modelcontextprotocol/clientCapabilities': {},
      },
    },
  });
});

test('what a server does not say is private, and does not last', async () => {
  const result = { supportedVersions: ['2026-07-28'], capabilities: {}, ttlMs: -5 };
  expect(await discover(is(fake.answer(200, fake.response(1, result))), options())).toMatchObject({ cacheScope: 'private', ttlMs: 0 });
});

test('a server that refuses the version and names it is asked once more', async () => {
  const before = server.seen.length;
  expect(await discover(is(unsupported('2026-07-28'), DISCOVERED), options())).toMatchObject({ protocolVersion: '2026-07-28' });
  await expect(discover(is(unsupported('2026-07-28')), options())).rejects.toMatchObject({ kind: 'other_era' });
  await expect(discover(is(unsupported('2027-01-01')), options())).rejects.toMatchObject({ kind: 'other_era', supported: ['2027-01-01'] });
  expect(server.seen.length - before).toBe(5);
});

test.each([
  ['its discovery', DISCOVERED, { era: 'modern', versions: RESULT.supportedVersions }],
  ['an unsupported version', unsupported('2027-01-01'), { era: 'modern', versions: ['2027-01-01'] }],
  ['an unsupported version among legacy ones', unsupported('2025-11-25'), { era: 'legacy' }],
  ['a header mismatch', fake.answer(400, fake.rpcError(1, -32020)), { era: 'modern', versions: [] }],
  ['400 with an error of its own', fake.answer(400, fake.rpcError(null, -32000)), { era: 'legacy' }],
  ['400 with a text', fake.answer(400, 'Bad Request'), { era: 'legacy' }],
  ['404 and an unknown method', fake.answer(404, fake.rpcError(1, -32601)), { era: 'legacy' }],
  ['200 and an unknown method', fake.answer(200, fake.rpcError(1, -32601)), { era: 'legacy' }],
  ['an empty result', fake.answer(200, fake.response(1, {})), { era: 'legacy' }],
  ['500 and an error of JSON-RPC', fake.answer(500, fake.rpcError(1, -32603)), { era: 'legacy' }],
])('%s tells the era', async (_name, script, era) => expect(await probeEra(is(script), options())).toEqual(era));

test.each([
  ['no connection', fake.reset],
  ['no credential', fake.answer(401)],
  ['a limit', fake.answer(429)],
  ['a proxy in front', fake.answer(502, '<html>')],
  ['a page', fake.answer(200, '<html>', { 'content-type': 'text/html' })],
])('%s tells nothing of the era', async (_name, script) => {
  await expect(probeEra(is(script), options())).rejects.toBeInstanceOf(ServerFailed);
});

test('the official SDK of the legacy line is told to be legacy', async () => {
  const everything = await startEverything();
  expect(await probeEra(fake.serverAt(connections, everything.port), options())).toEqual({ era: 'legacy' });
  expect(everything.sessions).toBe(0);
  await everything.close();
});

test('an era is probed once for all who ask, until it is old or forgotten', async () => {
  let now = 0;
  const memory = new EraMemory({ ttlMs: 100, now: () => now });
  const before = server.seen.length;
  const probes = () => server.seen.length - before;
  const to = is(DISCOVERED);
  const eras = await Promise.all(Array.from({ length: 20 }, () => memory.eraOf(to, options())));
  expect(new Set(eras.map(({ era }) => era))).toEqual(new Set(['modern']));
  now = 99;
  await memory.eraOf({ ...to }, options());
  expect(probes()).toBe(1);
  now = 100;
  await memory.eraOf(to, options());
  expect(probes()).toBe(2);
  memory.forget(to);
  await memory.eraOf(to, options());
  expect(probes()).toBe(3);
});

test('a probe that failed is not remembered, and one caller that leaves ends nobody else’s', async () => {
  const memory = new EraMemory();
  const to = is(fake.reset, DISCOVERED);
  await expect(memory.eraOf(to, options())).rejects.toMatchObject({ kind: 'reset' });
  const leaves = new AbortController();
  const left = memory.eraOf(to, options({ signal: leaves.signal }));
  const stays = memory.eraOf(to, options());
  leaves.abort();
  await expect(left).rejects.toMatchObject({ kind: 'aborted' });
  expect(await stays).toMatchObject({ era: 'modern' });
  await expect(memory.eraOf(to, options({ signal: AbortSignal.abort() }))).rejects.toMatchObject({ kind: 'aborted' });
});

test('so many servers are remembered, and no more', async () => {
  const memory = new EraMemory({ most: 2 });
  const to = is(DISCOVERED);
  const before = server.seen.length;
  for (const path of ['/a', '/b', '/a', '/c', '/a', '/b']) await memory.eraOf({ ...to, path }, options());
  expect(server.seen.slice(before).map(({ path }) => path)).toEqual(['/a', '/b', '/c', '/b']);
});
