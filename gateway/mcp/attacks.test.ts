// What somebody tries who may not, and what servers never learn.
import { describe, expect, test } from 'vitest';

import { startGateway } from '../gateway.fixture.ts';
import { mcpYaml } from './mcp.fixture.ts';
import { closeAfterEach, gateway, opening, server } from './opening.fixture.ts';
import { initialize, requestOf, send } from './raw-client.fixture.ts';
import { answer, type FakeScript } from './upstream/fake-server.fixture.ts';

closeAfterEach();

async function one(extra = '') {
  const made = await server('one');
  return { one: made, ...(await gateway([{ ...made, extra }])) };
}

describe('a session id', () => {
  test('that is forged, cut, changed or another one’s is unknown', async () => {
    const { mcp } = await one();
    const { id } = await initialize(mcp);
    const tampered = id.slice(0, -4) + (id.endsWith('AAAA') ? 'BBBB' : 'AAAA');
    for (const text of [
      'x',
      'one-1',
      id.slice(0, -1),
      id.slice(0, id.length / 2),
      tampered,
      `${id}A`,
      id.toUpperCase(),
      `${id}, ${id}`,
      '.'.repeat(8000),
    ]) {
      const told = await send(mcp, { body: requestOf('tools/list'), headers: { 'mcp-session-id': text } });
      expect([told.status, told.message.error?.code]).toEqual([404, -32001]);
    }
    expect((await send(mcp, { body: requestOf('tools/list'), headers: { 'mcp-session-id': id } })).status).toBe(200);
  });

  test('is required', async () => {
    const { mcp } = await one();
    for (const method of ['POST', 'GET', 'DELETE'])
      expect((await send(mcp, { method, body: method === 'POST' ? requestOf('tools/list') : '' })).status).toBe(400);
  });

  test('is good on its own route alone', async () => {
    const made = await server('one');
    const yaml = mcpYaml([made]);
    const second = yaml
      .slice(yaml.lastIndexOf('apiVersion'))
      .replace('name: tools', 'name: others')
      .replace('spec: {', 'spec: {path: /others, ');
    const both = await opening(startGateway({ yaml: `${yaml}\n---\n${second}` }));
    const session = await initialize(`${both.url}/mcp`);
    expect((await session.ask('tools/list')).status).toBe(200);
    expect((await session.at(`${both.url}/others`).ask('tools/list')).status).toBe(404);
    expect((await session.at(`${both.url}/others`).delete()).status).toBe(404);
    expect(made.sessions.size).toBe(1);
  });

  test('is good for its own subject alone', async () => {
    const made = await server('one');
    const keys = `
---
apiVersion: v1
kind: Secret
metadata: {name: callers}
stringData: {alice: key-of-alice, bob: key-of-bob}`;
    const security = `, securityPolicy: {apiKeyAuth: {credentialRefs: [{name: callers}], extractFrom: [{headers: [x-api-key]}]}}`;
    const started = await opening(startGateway({ yaml: mcpYaml([made], security) + keys }));
    const mcp = `${started.url}/mcp`;
    const session = await initialize(mcp, { 'x-api-key': 'key-of-alice' });
    expect((await session.ask('tools/list')).status).toBe(200);
    expect((await session.ask('tools/list', {}, { 'x-api-key': 'key-of-bob' })).status).toBe(404);
    expect((await session.ask('tools/list', {}, { 'x-api-key': 'key-of-nobody' })).status).toBe(401);
    expect((await session.ask('tools/list')).status).toBe(200);
  });
});

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

describe('a message', () => {
  test.each<readonly [string, string, number, number]>([
    ['no JSON', '{"jsonrpc"', 400, -32700],
    [
      'nests deep',
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"a":${nested(10_000)}}}}`,
      400,
      -32700,
    ],
    ['a member twice', '{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"echo"}}', 400, -32600],
    ['a tool’s name twice', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","name":"hidden"}}', 400, -32602],
    [
      'a tool’s name in another case too',
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","Name":"hidden"}}',
      400,
      -32602,
    ],
    ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]', 400, -32600],
    ['a call without an id', '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"hidden"}}', 400, -32600],
    ['initialize without an id', '{"jsonrpc":"2.0","method":"initialize","params":{"protocolVersion":"2025-11-25"}}', 400, -32600],
    ['a notification of servers', '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}', 400, -32600],
    ['a request of servers', '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}', 200, -32601],
    ['a tool that the route hides', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"hidden"}}', 200, -32602],
    ['a tool without a name', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}', 200, -32602],
    ['a version that nobody speaks', '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":7}}', 200, -32602],
    [
      'capabilities that are none',
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":[]}}',
      200,
      -32602,
    ],
  ])('with %s is refused, and no server hears of it', async (_, body, status, code) => {
    const { mcp, one: made } = await one(', toolSelector: {include: [echo]}');
    const session = await initialize(mcp);
    const before = made.seen.length;
    const told = await session.post(body);
    expect([told.status, told.message.error?.code]).toEqual([status, code]);
    expect(made.seen).toHaveLength(before);
  });

  test('that is too large is not read', async () => {
    const { mcp } = await one();
    const session = await initialize(mcp);
    expect((await session.post(`{"a":"${'x'.repeat(5_000_000)}"}`).catch(() => ({ status: 413 }))).status).toBe(413);
  });

  test('must be JSON that is taken as both types, of a version that is spoken', async () => {
    const { mcp } = await one();
    const session = await initialize(mcp);
    const status = async (headers: Readonly<Record<string, string | undefined>>) => (await session.ask('tools/list', {}, headers)).status;
    expect(await status({ 'content-type': 'text/plain' })).toBe(415);
    expect(await status({ accept: 'application/json' })).toBe(406);
    expect(await status({ accept: 'text/event-stream' })).toBe(406);
    expect(await status({ accept: '*/*' })).toBe(200);
    expect(await status({ accept: undefined })).toBe(200);
    expect(await status({ 'mcp-protocol-version': '1999-01-01' })).toBe(400);
    expect(await status({ 'mcp-protocol-version': '2025-06-18' })).toBe(200);
    expect((await send(mcp, { method: 'GET', headers: { ...session.headers, accept: 'application/json' } })).status).toBe(406);
    expect((await send(mcp, { method: 'PUT', headers: session.headers })).status).toBe(405);
  });
});

test.each<readonly [string, Readonly<Record<string, string>>, number]>([
  ['a name that leads here by rebinding', { host: 'evil.example' }, 403],
  ['a page of another site', { origin: 'https://evil.example' }, 403],
  ['a page whose name begins like ours', { origin: 'http://localhost.evil.example' }, 403],
  ['a page without an origin', { origin: 'null' }, 403],
  ['a page of this machine', { origin: 'http://localhost:6274' }, 200],
  ['no page', {}, 200],
])('%s', async (_, headers, status) => {
  const { mcp, one: made } = await one();
  const { hello } = await initialize(mcp, headers);
  expect(hello.status).toBe(status);
  expect(made.seen.length > 0).toBe(status === 200);
});

const apiKey = (key: string): string => `securityPolicy: {apiKey: {inline: ${key}}}`;

test('servers get the headers that they are to get, and no others’ credentials, nor the client’s', async () => {
  const names = ['one', 'two'] as const;
  const [first, second] = await Promise.all(names.map((name) => server(name)));
  const { mcp } = await gateway([
    {
      ...first!,
      extra: `, ${apiKey('key-of-one')}, forwardHeaders: [{name: X-Tenant}, {name: X-User, backendHeader: X-Who}, {name: Authorization}]`,
    },
    { ...second!, extra: `, ${apiKey('key-of-two')}` },
  ]);
  const mine = {
    authorization: 'Bearer of-the-client',
    cookie: 'a=of-the-client',
    'x-tenant': 't',
    'x-user': 'u',
    'x-api-key': 'of-the-client',
  };
  const session = await initialize(mcp, mine);
  for (const name of names) await session.ask('tools/call', { name: `${name}__echo` });
  await session.ask('tools/list');
  await session.post({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
  await session.stream().then((stream) => stream.close());
  await session.delete();
  await expect.poll(() => [first!, second!].map(({ sessions }) => sessions.size)).toEqual([0, 0]);
  const lines = [first!, second!].map(({ seen }) => seen.map(({ headers }) => JSON.stringify(headers)));
  expect(lines.map(({ length }) => length > 5)).toEqual([true, true]);
  for (const line of lines.flat()) expect(line).not.toContain('of-the-client');
  expect(lines[0]!.every((line) => line.includes('key-of-one') && line.includes('"x-tenant":"t"') && line.includes('"x-who":"u"'))).toBe(
    true,
  );
  expect(lines[1]!.every((line) => line.includes('key-of-two') && !/key-of-one|x-tenant|x-who/.test(line))).toBe(true);
  expect(lines[0]!.some((line) => line.includes('key-of-two'))).toBe(false);
});

test('a server cannot speak for another one, nor as the gateway', async () => {
  const forged = { jsonrpc: '2.0', id: 999, result: { content: [{ type: 'text', text: 'forged' }] } };
  const answers: FakeScript = (reply, seen) =>
    answer(200, forged, { 'mcp-session-id': 'mine', 'set-cookie': 'a=b', 'x-powered-by': 'me' })(reply, seen);
  const made = await server('one', { 'tools/call': answers });
  const { mcp } = await gateway([made]);
  const told = await (await initialize(mcp)).ask('tools/call', { name: 'echo' });
  expect(told.text).not.toContain('forged');
  for (const header of ['mcp-session-id', 'set-cookie', 'x-powered-by']) expect(told.headers[header]).toBeUndefined();
});
