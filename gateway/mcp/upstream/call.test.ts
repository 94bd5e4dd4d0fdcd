import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { GatewayError } from '#core/errors';
import { Connections } from '#core/http/client';

import { callServer, type ServerAnswer } from './call.ts';
import { ServerFailed, type ServerFailure } from './failed.ts';
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

let at: fake.ServerAt;
function is(...scripts: readonly fake.FakeScript[]): fake.ServerAt {
  server.script(...scripts);
  return (at = fake.serverAt(connections, server.port));
}
// Whatever a test does, a call that is over is not counted as under way, nor twice as over.
afterEach(async () => {
  for (let turns = 0; at.backend.inFlight !== 0 && turns < 1000; turns++) await new Promise((resolve) => setTimeout(resolve, 5));
  if (at.backend.inFlight !== 0) throw new Error(`${at.backend.inFlight} calls are counted as under way`);
});

const BODY = fake.request(7, 'tools/list');
const post = (more: Parameters<typeof fake.callOf>[0] = {}) => fake.callOf({ body: BODY, ...more });

async function all(answer: ServerAnswer): Promise<string[]> {
  const texts: string[] = [];
  for await (const { data } of answer.messages) texts.push(data.toString());
  return texts;
}

async function failure(promise: Promise<unknown>): Promise<ServerFailed> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ServerFailed);
  return error as ServerFailed;
}

const MESSAGE = '{"jsonrpc":"2.0","id":7,"result":{"big":12345678901234567890,"x":"é"}}';
const NOTE = '{"jsonrpc":"2.0","method":"notifications/progress"}';
const CLOSED = '{"jsonrpc":"2.0","method":"notifications/message"}';

test('a JSON answer is one message, byte for byte', async () => {
  const text = ` ${MESSAGE}\n`;
  const answer = await callServer(
    is(fake.answer(200, text, { 'content-type': 'application/json; charset=utf-8', 'mcp-session-id': 's-1' })),
    post(),
  );
  expect(answer).toMatchObject({ status: 200, sessionId: 's-1' });
  expect(await all(answer)).toEqual([text]);
});

test('what is sent: the body as it is, and only the headers of the call', async () => {
  const to = is(fake.accepted);
  const credential = { queryParam: 'key', value: 'secret' };
  const headers = ['x-a', '1', 'mcp-method', 'tools/list', 'accept', '*/*', 'content-length', '9'];
  await callServer({ ...to, credential }, post({ headers, sessionId: 's-1', protocolVersion: '2025-11-25' }));
  const seen = server.seen.at(-1)!;
  expect(seen).toMatchObject({ method: 'POST', path: '/mcp?key=secret', body: BODY.toString() });
  expect(Object.keys(seen.headers).sort()).toEqual(
    [
      'accept',
      'accept-encoding',
      'connection',
      'content-length',
      'content-type',
      'host',
      'mcp-method',
      'mcp-protocol-version',
      'mcp-session-id',
      'x-a',
    ].sort(),
  );
  expect(seen.headers).toMatchObject({
    accept: 'application/json, text/event-stream',
    'accept-encoding': 'identity',
    'mcp-session-id': 's-1',
    'mcp-protocol-version': '2025-11-25',
    host: `127.0.0.1:${server.port}`,
    'content-length': String(BODY.length),
  });
});

test('an event id goes back as the bytes that it came in', async () => {
  await callServer(is(fake.events([])), fake.callOf({ method: 'GET', lastEventId: 'é~1' }));
  expect(Buffer.from(server.seen.at(-1)!.headers['last-event-id'] as string, 'latin1').toString()).toBe('é~1');
});

test.each([
  ['202', fake.accepted],
  ['204', fake.answer(204)],
  ['200 without a body', fake.answer(200)],
  ['200 without a body, in chunks', fake.answer(200, '', { 'transfer-encoding': 'chunked', 'content-type': 'application/json' })],
])('%s is an answer without messages', async (_name, script) => expect(await all(await callServer(is(script), post()))).toEqual([]));

const STREAM = [
  'id: a\r\nretry: 250\r\ndata: \r\n\r\n',
  ': comment\r\n\r\n',
  `event: message\r\nid: b\r\ndata: ${NOTE}\r\n\r\n`,
  'event: other\r\ndata: not a message\r\n\r\n',
  'data: {"jsonrpc":"2.0",\r\ndata: "id":7,"result":{}}\r\nid: é\r\n\r\n',
  `data: ${MESSAGE}\r\n\r\n`,
].join('');
const STREAMED = [NOTE, '{"jsonrpc":"2.0",\n"id":7,"result":{}}', MESSAGE];

test('a stream is many messages; comments, empty events and other types are none; the cursor moves with the reader', async () => {
  const answer = await callServer(is(fake.events([STREAM])), post());
  const found: unknown[] = [];
  for await (const { data, eventId, retryMs } of answer.messages) found.push([data.toString(), eventId, retryMs, { ...answer.cursor }]);
  expect(found).toEqual([
    [NOTE, 'b', undefined, { lastEventId: 'b', retryMs: 250 }],
    [STREAMED[1], 'é', undefined, { lastEventId: 'é', retryMs: 250 }],
    [MESSAGE, undefined, undefined, { lastEventId: 'é', retryMs: 250 }],
  ]);
});

test('wherever the bytes are cut, the messages are the same', async () => {
  const bytes = Buffer.from(STREAM);
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(cuts, async (places) => {
      const edges = [0, ...places.sort((a, b) => a - b), bytes.length];
      const pieces = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
      expect(await all(await callServer(is(fake.events(pieces)), post()))).toEqual(STREAMED);
    }),
    { numRuns: 30 },
  );
  const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
  expect(await all(await callServer(is(fake.events(single)), post()))).toEqual(STREAMED);
});

test.each<[name: string, kind: ServerFailure, script: fake.FakeScript, status?: number]>([
  ['no answer', 'timeout', fake.hang],
  ['a reset before the head', 'reset', fake.reset],
  ['no HTTP', 'malformed', fake.garbage('SSH-2.0-OpenSSH_9.6\r\n')],
  ['a page', 'malformed', fake.answer(200, '<html>', { 'content-type': 'text/html' }), 200],
  [
    'a compressed answer',
    'malformed',
    (to) => void to.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(gzipSync(MESSAGE)),
    200,
  ],
  ['a session id with a space', 'malformed', fake.answer(200, {}, { 'mcp-session-id': 'a b' }), 200],
  ['a redirect', 'status', fake.answer(307, '', { location: 'http://127.0.0.1:1/' }), 307],
  ['405 for POST', 'status', fake.answer(405), 405],
  ['500', 'status', fake.answer(500, 'oops'), 500],
  ['a large error', 'status', fake.answer(500, 'x'.repeat(100_000)), 500],
  [
    'a large answer that says so',
    'too_large',
    fake.answer(200, 'x'.repeat(2000), { 'content-type': 'application/json', 'content-length': '2000' }),
    200,
  ],
])('no answer: %s is %s', async (_name, kind, script, status) => {
  const failed = await failure(callServer(is(script), post({ headMs: 200, idleMs: 5000, maxBytes: 1000 })));
  expect(failed).toMatchObject({ kind, status });
});

test.each<[name: string, kind: ServerFailure, script: fake.FakeScript]>([
  ['text that is no JSON', 'malformed', fake.answer(200, '{"a":', { 'content-type': 'application/json' })],
  ['a batch', 'malformed', fake.answer(200, [], {})],
  ['an answer over the limit', 'too_large', (to) => void to.writeHead(200, { 'content-type': 'application/json' }).end('x'.repeat(2000))],
])('%s is %s, told to the reader', async (_name, kind, script) => {
  const answer = await callServer(is(script), post({ maxBytes: 1000 }));
  expect(await failure(all(answer))).toMatchObject({ kind, status: 200 });
});

test.each<[name: string, kind: ServerFailure, script: fake.FakeScript]>([
  ['a reset', 'reset', fake.events([`data: ${NOTE}\n\n`], { close: 'reset' })],
  ['an end in the middle of an event', 'reset', fake.events([`data: ${NOTE}\n\ndata: {`])],
  ['silence', 'idle', fake.events([`data: ${NOTE}\n\n`], { close: 'hang' })],
  ['an event over the limit', 'too_large', fake.events([`data: ${NOTE}\n\ndata: ${'x'.repeat(2000)}`], { close: 'hang' })],
  ['an event that is no JSON', 'malformed', fake.events([`data: ${NOTE}\n\ndata: [DONE]\n\n`], { close: 'hang' })],
])('the messages before %s are given, then it is %s', async (_name, kind, script) => {
  const { messages } = await callServer(is(script), post({ maxBytes: 1000, idleMs: 300 }));
  expect((await messages.next()).value?.data.toString()).toBe(NOTE);
  expect(await failure(messages.next())).toMatchObject({ kind, status: 200 });
  await server.seen.at(-1)!.closed;
});

test('comments keep a quiet stream', async () => {
  const script = fake.events([...Array.from({ length: 12 }, () => ': still here\n\n'), `data: ${NOTE}\n\n`], { pauseMs: 100 });
  expect(await all(await callServer(is(script), post({ idleMs: 1000 })))).toEqual([NOTE]);
});

test('nothing listens: connect', async () => {
  const gone = await fake.startFake(fake.accepted);
  await gone.close();
  at = fake.serverAt(connections, gone.port);
  const failed = await failure(callServer(at, post()));
  expect(failed).toMatchObject({ kind: 'connect', status: undefined });
});

test('404 for a session says that it is gone; without one it is a status', async () => {
  const script = fake.answer(404, fake.rpcError(null, -32001));
  expect(await failure(callServer(is(script), post({ sessionId: 's-1' })))).toMatchObject({ kind: 'session_gone', status: 404 });
  expect(await failure(callServer(is(script), post()))).toMatchObject({ kind: 'status', status: 404 });
});

test('a JSON-RPC error with a bad status comes along, any other body does not', async () => {
  const error = fake.rpcError(7, -32601);
  expect((await failure(callServer(is(fake.answer(404, error)), post()))).rpcError?.toString()).toBe(JSON.stringify(error));
  for (const body of ['no JSON', '{"error":"text"}', '[]'])
    expect((await failure(callServer(is(fake.answer(400, body)), post()))).rpcError).toBeUndefined();
});

test('a challenge comes along with 401 and 403 only', async () => {
  const challenge = 'Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource"';
  const script = (status: number) => fake.answer(status, '', { 'www-authenticate': challenge });
  expect(await failure(callServer(is(script(401)), post()))).toMatchObject({ status: 401, wwwAuthenticate: challenge });
  expect(await failure(callServer(is(script(403)), post()))).toMatchObject({ status: 403, wwwAuthenticate: challenge });
  expect((await failure(callServer(is(script(500)), post()))).wwwAuthenticate).toBeUndefined();
});

test('405 is an answer to GET and to DELETE', async () => {
  for (const method of ['GET', 'DELETE'] as const) {
    const answer = await callServer(is(fake.answer(405, 'no')), fake.callOf({ method }));
    expect(answer.status).toBe(405);
    expect(await all(answer)).toEqual([]);
  }
});

test('GET that is answered with JSON is malformed', async () => {
  expect(await failure(callServer(is(fake.answer(200, {})), fake.callOf({ method: 'GET' })))).toMatchObject({ kind: 'malformed' });
});

test('what cannot be sent is a bad request, and nothing is sent or counted', async () => {
  const to = is(fake.accepted);
  const before = server.seen.length;
  for (const more of [{ headers: ['x-a', 'a\nb'] }, { headers: ['x a', '1'] }, { sessionId: '\u2028' }])
    await expect(callServer(to, post(more))).rejects.toMatchObject({ code: 'TK_BAD_REQUEST' } satisfies Partial<GatewayError>);
  await expect(callServer({ ...to, path: '/a b' }, post())).rejects.toBeInstanceOf(GatewayError);
  expect(server.seen.length).toBe(before);
});

test('a signal closes the request at the server at once: before the head, in the stream, and while the reader is slow', async () => {
  for (const script of [fake.hang, fake.events([], { close: 'hang' }), fake.events([`data: ${NOTE}\n\n`], { close: 'hang' })]) {
    const leaves = new AbortController();
    const count = server.seen.length;
    const reading = callServer(is(script), post({ signal: leaves.signal })).then(all);
    reading.catch(() => undefined);
    while (server.seen.length === count) await turn();
    leaves.abort();
    expect(await failure(reading)).toMatchObject({ kind: 'aborted' });
    await server.seen.at(-1)!.closed;
  }
  expect(await failure(callServer(is(fake.hang), post({ signal: AbortSignal.abort() })))).toMatchObject({ kind: 'aborted' });
});

test('an answer without messages is over at its head, whatever follows', async () => {
  const to = is((response, { closed }) => {
    response.writeHead(202).write('and more');
    return closed;
  });
  expect(await all(await callServer(to, post()))).toEqual([]);
  await server.seen.at(-1)!.closed;
});

test('a connection serves again after an error that was read', async () => {
  const own = new Connections();
  const fresh = await fake.startFake(fake.answer(404, fake.rpcError(7, -32601)));
  at = fake.serverAt(own, fresh.port);
  for (let calls = 0; calls < 10; calls++) await failure(callServer(at, post()));
  expect(fresh.connections).toBeLessThan(5);
  await own.destroy();
  await fresh.close();
});

test('a reader that leaves lets a stream end, and its connection serves again; a stream that goes on is closed', async () => {
  const own = new Connections();
  const fresh = await fake.startFake(fake.events([`data: ${MESSAGE}\n\n`, ': the end\n\n'], { pauseMs: 10 }));
  at = fake.serverAt(own, fresh.port);
  for (let calls = 0; calls < 10; calls++) {
    const { messages } = await callServer(at, post());
    await messages.next();
    await messages.return();
    while (at.backend.inFlight > 0) await turn();
  }
  // A call can come a turn before undici has seen that the connection is free.
  expect(fresh.connections).toBeLessThan(5);
  fresh.script(fake.events([`data: ${MESSAGE}\n\n`], { close: 'hang' }));
  for (const method of ['POST', 'GET'] as const) {
    const { messages } = await callServer(at, post({ method }));
    await messages.return();
    expect(at.backend.inFlight).toBe(method === 'POST' ? 1 : 0);
    await fresh.seen.at(-1)!.closed;
    expect(await messages.next()).toEqual({ done: true, value: undefined });
  }
  await own.destroy();
  await fresh.close();
});

test('a server is read as fast as the reader takes, and the pause is no silence', async () => {
  const block = `data: ${JSON.stringify({ jsonrpc: '2.0', method: 'x', params: 'y'.repeat(1000) })}\n\n`;
  let written = 0;
  const stalled = new AbortController();
  const total = 40_000;
  const to = is(async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (; written < total; written++) {
      if (response.write(block)) continue;
      const drained = once(response, 'drain').then(() => true);
      const quick = await Promise.race([drained, new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 500))]);
      if (!quick) stalled.abort();
      await drained;
    }
    response.end();
  });
  const { messages } = await callServer(to, post({ idleMs: 200 }));
  await messages.next();
  if (!stalled.signal.aborted) await once(stalled.signal, 'abort');
  expect(written).toBeLessThan(total);
  let count = 1;
  for await (const _message of messages) count++;
  expect(count).toBe(total);
});

test('100 calls at once get each its own answer', async () => {
  const to = is((response, { body }) => {
    const { id } = JSON.parse(body) as { id: number };
    return fake.events([`data: ${NOTE}\n\n`, `data: ${JSON.stringify(fake.response(id, {}))}\n\n`])(response, server.seen.at(-1)!);
  });
  const calls = Array.from({ length: 100 }, (_, id) => callServer(to, post({ body: fake.request(id, 'ping') })).then(all));
  const answers = await Promise.all(calls);
  expect(answers).toEqual(Array.from({ length: 100 }, (_, id) => [NOTE, JSON.stringify(fake.response(id, {}))]));
});

test('a backend without room is not asked', async () => {
  server.script(fake.hang);
  at = fake.serverAt(connections, server.port, { maxParallelRequests: 1 });
  const leaves = new AbortController();
  const first = callServer(at, post({ signal: leaves.signal }));
  expect(await failure(callServer(at, post()))).toMatchObject({ kind: 'busy' });
  leaves.abort();
  await failure(first);
});

test('health: what a server does wrong counts, what a client asks for does not', async () => {
  const health = () => at.backend.endpoints[0]!.health;
  is(fake.answer(500), fake.reset, fake.hang, fake.answer(404), fake.answer(503, '', { 'retry-after': '60' }), fake.answer(200, {}));
  await failure(callServer(at, post()));
  await failure(callServer(at, post()));
  await failure(callServer(at, post({ headMs: 50 })));
  expect(health().failuresInARow).toBe(3);
  await failure(callServer(at, post()));
  expect(health().failuresInARow).toBe(0);
  await failure(callServer(at, post()));
  expect(health().failuresInARow).toBe(1);
  expect(health().cooling(Date.now())).toBe(true);
  await all(await callServer(at, post()));
  expect(health().failuresInARow).toBe(0);
});

test('an ejected endpoint is on trial no longer than until its stream begins', async () => {
  server.script(fake.reset, fake.events([], { close: 'hang' }));
  at = fake.serverAt(connections, server.port, { check: { consecutiveFailures: 1, baseEjectionMs: 0 } });
  await failure(callServer(at, post()));
  const leaves = new AbortController();
  await callServer(at, fake.callOf({ method: 'GET', signal: leaves.signal }));
  expect(at.backend.available(Date.now())).toBe(true);
  leaves.abort();
});

test('messages about failures have neither path nor credential', async () => {
  const to = { ...is(fake.answer(500, CLOSED)), credential: { queryParam: 'key', value: 'top-secret' } };
  const failed = await failure(callServer(to, post()));
  expect(failed.message).not.toContain('top-secret');
  expect(JSON.stringify(failed)).not.toContain('top-secret');
});
