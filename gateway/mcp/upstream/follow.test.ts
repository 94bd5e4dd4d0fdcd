import { setImmediate as turn } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { Connections } from '#core/http/client';

import { callServer } from './call.ts';
import { startEverything } from './everything.fixture.ts';
import { ServerFailed } from './failed.ts';
import * as fake from './fake-server.fixture.ts';
import { follow, type FollowOptions } from './follow.ts';
import { openSession } from './initialize.ts';

let server: fake.FakeServer;
const connections = new Connections();

beforeAll(async () => {
  server = await fake.startFake(fake.accepted);
});
afterAll(async () => {
  await connections.destroy();
  await server.close();
});

const options = (more: Partial<FollowOptions> = {}): FollowOptions => {
  const { headers, signal, headMs, idleMs, maxBytes } = fake.callOf();
  return { headers, signal, headMs, idleMs, maxBytes, baseMs: 1, ...more };
};

function is(...scripts: readonly fake.FakeScript[]): fake.ServerAt {
  server.script(...scripts);
  return fake.serverAt(connections, server.port);
}

const event = (number: number, id?: string) => `${id === undefined ? '' : `id: ${id}\n`}data: {"number":${number}}\n\n`;

/** Reads so many messages, and leaves. */
async function take(count: number, messages: AsyncIterable<{ readonly data: Buffer }>): Promise<number[]> {
  const numbers: number[] = [];
  if (count === 0) return numbers;
  for await (const { data } of messages) {
    numbers.push((JSON.parse(data.toString()) as { number: number }).number);
    if (numbers.length === count) break;
  }
  return numbers;
}

const idsSince = (from: number) => server.seen.slice(from).map(({ headers }) => headers['last-event-id']);

test('a stream is taken up again behind its last event, however it broke off', async () => {
  const before = server.seen.length;
  const to = is(
    fake.events(['id: p\nretry: 1\ndata:\n\n']),
    fake.events([event(1, 'a'), event(2, 'b')]),
    fake.events([event(3, 'c'), event(4)], { close: 'reset' }),
    fake.reset,
    fake.answer(503),
    fake.answer(409),
    fake.events([event(5, 'd'), 'id: e\ndata:'], { close: 'reset' }),
    fake.events([event(6, 'f')], { close: 'hang' }),
  );
  expect(await take(6, follow(to, options({ lastEventId: 'start', retryMs: 1 })))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(idsSince(before)).toEqual(['start', 'p', 'b', 'c', 'c', 'c', 'c', 'd']);
  await server.seen.at(-1)!.closed;
  expect(to.backend.inFlight).toBe(0);
});

test('a stream of silence is taken up again', async () => {
  const to = is(fake.events([event(1, 'a')], { close: 'hang' }), fake.events([event(2, 'b')], { close: 'hang' }));
  expect(await take(2, follow(to, options({ idleMs: 100 })))).toEqual([1, 2]);
});

test('a server that answers with 405 has no stream of its own', async () => {
  const before = server.seen.length;
  expect(await take(1, follow(is(fake.answer(405)), options({ sessionId: 's-1', protocolVersion: '2025-11-25' })))).toEqual([]);
  expect(server.seen.length - before).toBe(1);
  expect(server.seen.at(-1)).toMatchObject({ method: 'GET', body: '' });
  expect(server.seen.at(-1)!.headers).toMatchObject({ 'mcp-session-id': 's-1', 'mcp-protocol-version': '2025-11-25' });
});

test.each([
  ['the session is gone', fake.answer(404), 'session_gone'],
  ['a credential is missing', fake.answer(401), 'status'],
  ['the request is refused', fake.answer(400), 'status'],
  ['it is no stream', fake.answer(200, {}), 'malformed'],
])('trying again is of no use where %s', async (_name, script, kind) => {
  const to = is(fake.events([event(1, 'a')]), script);
  const messages = follow(to, options({ sessionId: 's-1' }));
  await messages.next();
  const error = await messages.next().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ServerFailed);
  expect(error).toMatchObject({ kind });
});

test('the wait that the server asks for is kept to', async () => {
  const to = is(fake.events(['retry: 60000\n\n', event(1, 'a')]), fake.events([event(2)]));
  const before = server.seen.length;
  const leaves = new AbortController();
  const messages = follow(to, options({ signal: leaves.signal }));
  await messages.next();
  const next = messages.next();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(server.seen.length - before).toBe(1);
  leaves.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});

test('the signal ends it in a stream, and before an answer', async () => {
  for (const script of [fake.events([], { close: 'hang' }), fake.hang]) {
    const leaves = new AbortController();
    const count = server.seen.length;
    const reading = follow(is(script), options({ signal: leaves.signal })).next();
    while (server.seen.length === count) await turn();
    leaves.abort();
    expect(await reading).toEqual({ done: true, value: undefined });
    await server.seen.at(-1)!.closed;
  }
});

test('a dead server is tried until it is there again', async () => {
  const gone = await fake.startFake(fake.accepted);
  const at = fake.serverAt(connections, gone.port);
  await gone.close();
  const leaves = new AbortController();
  const reading = follow(at, options({ signal: leaves.signal })).next();
  while (at.backend.endpoints[0]!.health.timesEjected === 0) await turn();
  leaves.abort();
  expect(await reading).toEqual({ done: true, value: undefined });
});

test('the official SDK: its own stream, and an answer whose stream it broke off', async () => {
  const everything = await startEverything();
  const at = fake.serverAt(connections, everything.port);
  const { headers, signal, headMs, idleMs, maxBytes } = fake.callOf();
  const identity = { clientInfo: '{"name":"c","version":"1"}', capabilities: '{}', protocolVersion: '2025-11-25' };
  const session = await openSession(at, { ...identity, headers, signal, headMs, idleMs, maxBytes });
  const tool = (id: number, name: string) => callServer(at, fake.callOf({ ...session, body: fake.request(id, 'tools/call', { name }) }));

  const leaves = new AbortController();
  const own = follow(at, options({ ...session, signal: leaves.signal }));
  const changed = own.next();
  const said = await tool(1, 'change_tools');
  const { value: answer } = await said.messages.next();
  expect(JSON.parse(answer!.data.toString())).toMatchObject({ id: 1, result: { content: [{ text: 'said' }] } });
  expect(JSON.parse((await changed).value!.data.toString())).toMatchObject({ method: 'notifications/tools/list_changed' });
  leaves.abort();
  expect((await own.next()).done).toBe(true);

  const broken = await tool(2, 'test_reconnection');
  expect(await broken.messages.next()).toEqual({ done: true, value: undefined });
  const { lastEventId, retryMs } = broken.cursor;
  expect(lastEventId).toBeDefined();
  expect(retryMs).toBe(50);
  const resumed = follow(at, options({ ...session, lastEventId, retryMs }));
  const { value } = await resumed.next();
  expect(JSON.parse(value!.data.toString())).toMatchObject({ id: 2, result: { content: [{ text: 'The stream was taken up again' }] } });
  await resumed.return();
  await everything.close();
});
