import { setImmediate as turn } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { Connections } from '#core/http/client';

import { callServer } from './call.ts';
import { startEverything } from './everything.fixture.ts';
import { ServerFailed } from './failed.ts';
import * as fake from './fake-server.fixture.ts';
import { endSession, openSession, type ServerSession, type SessionOptions } from './initialize.ts';

let server: fake.FakeServer;
const connections = new Connections();

beforeAll(async () => {
  server = await fake.startFake(fake.accepted);
});
afterAll(async () => {
  await connections.destroy();
  await server.close();
});

const options = (more: Partial<SessionOptions> = {}): SessionOptions => {
  const { headers, signal, headMs, idleMs, maxBytes } = fake.callOf();
  const identity = { clientInfo: '{"name":"c","version":"1","x":1e400}', capabilities: '{"roots":{}}', protocolVersion: '2025-11-25' };
  return { ...identity, headers, signal, headMs, idleMs, maxBytes, ...more };
};

const opened = (result: object, headers: Readonly<Record<string, string>> = { 'mcp-session-id': 's-1' }) =>
  fake.answer(200, fake.response(1, result), headers);
const RESULT = {
  protocolVersion: '2025-06-18',
  capabilities: { tools: { listChanged: true }, x: 1 },
  serverInfo: { name: 's', version: '2' },
};

function opens(initialize: fake.FakeScript, initialized: fake.FakeScript = fake.accepted): Promise<ServerSession> {
  server.script(fake.byMethod({ initialize, 'notifications/initialized': initialized, DELETE: fake.answer(200) }));
  return openSession(fake.serverAt(connections, server.port), options());
}

async function failure(promise: Promise<unknown>): Promise<ServerFailed> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ServerFailed);
  return error as ServerFailed;
}

test('a session is opened, and the server told so in the version that it chose', async () => {
  const before = server.seen.length;
  const session = await opens(opened(RESULT));
  expect(session).toMatchObject({ sessionId: 's-1', protocolVersion: '2025-06-18', instructions: undefined });
  expect(session.capabilities).toMatchObject({
    tools: true,
    toolsListChanged: true,
    prompts: false,
    resources: false,
    resourcesSubscribe: false,
  });
  expect(session.capabilities.json.toString()).toBe('{"tools":{"listChanged":true},"x":1}');
  expect(session.serverInfo?.toString()).toBe('{"name":"s","version":"2"}');
  const [initialize, initialized] = server.seen.slice(before);
  // Byte for byte: 1e400 is no number of JavaScript.
  expect(initialize!.body).toContain('"clientInfo":{"name":"c","version":"1","x":1e400}');
  expect(initialize!.headers).not.toHaveProperty('mcp-protocol-version');
  expect(JSON.parse(initialized!.body)).toEqual({ jsonrpc: '2.0', method: 'notifications/initialized' });
  expect(initialized!.headers).toMatchObject({ 'mcp-session-id': 's-1', 'mcp-protocol-version': '2025-06-18' });
});

test('the result may come in a stream, behind other messages', async () => {
  const log = `data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n`;
  const ping = `data: {"jsonrpc":"2.0","id":1,"method":"ping"}\n\n`;
  const result = `data: ${JSON.stringify(fake.response(1, { ...RESULT, instructions: 'Do.' }))}\n\n`;
  const script = fake.events(['id: 1\ndata:\n\n', log, ping, result], { close: 'hang' });
  expect(await opens(script)).toMatchObject({ sessionId: undefined, instructions: 'Do.' });
});

test('a server without sessions gets no session id back', async () => {
  const session = await opens(opened(RESULT, {}));
  expect(session.sessionId).toBeUndefined();
  expect(server.seen.at(-1)!.headers).not.toHaveProperty('mcp-session-id');
});

test.each([
  [
    'an unsupported version',
    fake.answer(400, fake.rpcError(1, -32022, 'Unsupported', { supported: ['2026-07-28'], requested: 'x' })),
    ['2026-07-28'],
  ],
  ['missing headers', fake.answer(400, fake.rpcError(null, -32020)), undefined],
  ['an unknown method', fake.answer(404, fake.rpcError(1, -32601)), undefined],
  ['an unknown method, with 200', fake.answer(200, fake.rpcError(1, -32601)), undefined],
  ['missing _meta', fake.answer(400, fake.rpcError(1, -32602, 'Invalid params: missing _meta keys')), undefined],
  ['a modern version in the data', fake.answer(400, fake.rpcError(1, -32602, 'no', { supported: ['2026-07-28'] })), ['2026-07-28']],
  ['a modern version in the result', opened({ ...RESULT, protocolVersion: '2026-07-28' }), ['2026-07-28']],
  ['a version that nobody knows', opened({ ...RESULT, protocolVersion: 'latest' }), undefined],
])('a server that answers with %s is of another era', async (_name, script, supported) => {
  expect(await failure(opens(script))).toMatchObject({ kind: 'other_era', supported });
});

test.each([
  [
    'a legacy version that it refuses',
    fake.answer(200, fake.rpcError(1, -32602, 'Unsupported protocol version', { supported: ['2024-11-05'] })),
    'refused',
  ],
  ['an error of its own', fake.answer(400, fake.rpcError(1, -32000)), 'status'],
  ['a result without capabilities', opened({ protocolVersion: '2025-06-18' }), 'malformed'],
  ['another response', fake.answer(200, fake.response(2, RESULT)), 'malformed'],
  ['a text for an id', fake.answer(200, fake.response('1', RESULT)), 'malformed'],
  ['nothing', fake.accepted, 'malformed'],
  ['a page', fake.answer(200, '<html>', { 'content-type': 'text/html' }), 'malformed'],
])('%s is told apart from that', async (_name, script, kind) => expect(await failure(opens(script))).toMatchObject({ kind }));

test('a session that nobody gets to know of is ended', async () => {
  const before = server.seen.length;
  expect(await failure(opens(opened(RESULT), fake.answer(500)))).toMatchObject({ kind: 'status', status: 500 });
  while (server.seen.slice(before).every(({ method }) => method !== 'DELETE')) await turn();
  expect(server.seen.at(-1)!.headers).toMatchObject({ 'mcp-session-id': 's-1', 'mcp-protocol-version': '2025-06-18' });
});

test('the official SDK opens a session, ends it, and then it is gone', async () => {
  const everything = await startEverything();
  const at = fake.serverAt(connections, everything.port);
  const session = await openSession(at, options());
  expect(session).toMatchObject({ protocolVersion: '2025-11-25', instructions: 'Instructions of everything' });
  const { json: _json, ...offered } = session.capabilities;
  expect(Object.entries(offered).filter(([, has]) => !has)).toEqual([]);
  expect(everything.sessions).toBe(1);
  const ping = () => callServer(at, fake.callOf({ ...session, body: fake.request(1, 'ping') }));
  expect((await ping()).status).toBe(200);
  await endSession(at, session, []);
  expect(everything.sessions).toBe(0);
  expect(await failure(ping())).toMatchObject({ kind: 'session_gone', status: 404 });
  const again = await openSession(at, options());
  await everything.forgetSessions();
  expect(await failure(callServer(at, fake.callOf({ ...again, body: fake.request(1, 'ping') })))).toMatchObject({ kind: 'session_gone' });
  await everything.close();
});

test('the end of a session is told to a dead server in vain, and throws nothing', async () => {
  const gone = await fake.startFake(fake.accepted);
  await gone.close();
  const session = { sessionId: 's', protocolVersion: '2025-11-25' };
  await expect(endSession(fake.serverAt(connections, gone.port), session, [])).resolves.toBeUndefined();
});
