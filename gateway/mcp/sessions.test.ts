// Sessions over replicas, their ends, and servers that forget them.
import { randomBytes } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { closeAfterEach, gateway, server } from './opening.fixture.ts';
import { initialize, type RawSession, requestOf, send } from './raw-client.fixture.ts';
import { answer, events, rpcError } from './upstream/fake-server.fixture.ts';
import { parseKeys, type SealKeys } from './sealed/keys.ts';

closeAfterEach();

const secret = (): string => randomBytes(32).toString('base64');
function keysOf(...secrets: readonly string[]): SealKeys {
  const keys = parseKeys(secrets.join('\n'));
  if (typeof keys === 'string') throw new Error(keys);
  return keys;
}

const event = (message: object, id: string): string => `id: ${id}\ndata: ${JSON.stringify(message)}\n\n`;
const note = (n: number): object => ({ jsonrpc: '2.0', method: 'notifications/message', params: { level: 'info', data: n } });
const call = (session: RawSession) => session.ask('tools/call', { name: 'one__echo' });

describe('replicas with the same keys', () => {
  test('serve each other’s sessions: 1,000 of them, each request at any of three', async () => {
    const both = await Promise.all([server('one'), server('two')]);
    const keys = keysOf(secret());
    const urls = (await Promise.all([1, 2, 3].map(() => gateway(both, '', { mcpKeys: () => keys })))).map(({ mcp }) => mcp);
    const anywhere = (n: number): string => urls[(n * 7919) % 3]!;
    const texts: string[] = [];
    for (let batch = 0; batch < 20; batch++) {
      const told = await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const n = batch * 50 + index;
          const session = await initialize(anywhere(n));
          const name = n % 2 === 0 ? 'one' : 'two';
          const { message } = await session.at(anywhere(n + 1)).ask('tools/call', { name: `${name}__echo` });
          return JSON.stringify(message.result?.['content']).includes(name) ? 'right' : JSON.stringify(message);
        }),
      );
      texts.push(...told);
    }
    expect(texts).toHaveLength(1000);
    expect(new Set(texts)).toEqual(new Set(['right']));
    // No replica had to open a session of its own.
    expect(both.map(({ sessions }) => sessions.size)).toEqual([1000, 1000]);
  }, 60_000);

  test('go on through a rotation of keys, until the old key is taken out', async () => {
    const [old, fresh] = [secret(), secret()];
    let keys = keysOf(old);
    const both = await Promise.all([server('one'), server('two')]);
    const { mcp } = await gateway(both, '', { mcpKeys: () => keys });
    const first = await initialize(mcp);
    const statuses: number[] = [];
    for (const next of [keysOf(old, fresh), keysOf(fresh, old)]) {
      keys = next;
      statuses.push((await call(first)).status);
    }
    const second = await initialize(mcp);
    keys = keysOf(fresh);
    expect([...statuses, (await call(first)).status, (await call(second)).status]).toEqual([200, 200, 404, 200]);
  });
});

describe('a session', () => {
  test('that was ended is gone, at the servers too, and its streams end', async () => {
    const both = await Promise.all(['one', 'two'].map((name) => server(name, { GET: events([], { close: 'hang' }) })));
    const { mcp } = await gateway(both);
    const session = await initialize(mcp);
    const stream = await session.stream();
    await expect.poll(() => both.map(({ seen }) => seen.some(({ method }) => method === 'GET'))).toEqual([true, true]);
    expect((await session.delete()).status).toBe(204);
    await expect.poll(() => both.map(({ sessions }) => sessions.size)).toEqual([0, 0]);
    await expect.poll(() => stream.ended).toBe(true);
    const after = await Promise.all([call(session), session.delete(), session.stream()]);
    expect(after.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect(both.map((each) => each.of('initialize').length)).toEqual([1, 1]);
  });

  test('that a server forgot is opened there anew, once for all who notice, and the request is sent again', async () => {
    const both = await Promise.all([server('one'), server('two')]);
    const { mcp } = await gateway(both);
    const session = await initialize(mcp, {}, { sampling: {} });
    for (const each of both) each.forget();
    const told = await Promise.all(Array.from({ length: 10 }, () => call(session)));
    expect(told.map(({ message }) => message.result?.['content'])).toEqual(told.map(() => [{ type: 'text', text: 'one' }]));
    expect(both[0].of('initialize').map(({ message }) => message['params'])).toMatchObject([
      { capabilities: { sampling: {} } },
      { capabilities: { sampling: {} } },
    ]);
    // A list is no less patient.
    expect((await session.ask('tools/list')).message.result).toMatchObject({ tools: [{ name: 'one__echo' }, { name: 'two__echo' }] });
    expect(both[1].of('initialize')).toHaveLength(2);
  });

  test('that a server forgot and says so with status 400', async () => {
    const one = await server('one');
    const { mcp } = await gateway([one]);
    const session = await initialize(mcp);
    one.script(
      answer(400, rpcError(null, -32000, 'Bad Request: No valid session ID provided')),
      (reply, seen) =>
        answer(
          200,
          { jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: {} } },
          { 'mcp-session-id': 'again' },
        )(reply, seen),
      answer(202),
      (reply, seen) =>
        answer(200, { jsonrpc: '2.0', id: (JSON.parse(seen.body) as { id: number }).id, result: { content: [] } })(reply, seen),
    );
    expect((await session.ask('tools/call', { name: 'echo' })).message.result).toEqual({ content: [] });
    expect(one.seen.at(-1)!.headers).toMatchObject({ 'mcp-session-id': 'again', 'mcp-protocol-version': '2025-06-18' });
  });

  test('is not opened anew for an answer of the client: there it would be about something else', async () => {
    const ask = { jsonrpc: '2.0', id: 1, method: 'roots/list' };
    const one = await server('one', { GET: events([event(ask, 'e')], { close: 'hang' }) });
    const { mcp } = await gateway([one]);
    const session = await initialize(mcp);
    const stream = await session.stream();
    await expect.poll(() => stream.messages.length).toBe(1);
    one.forget();
    expect((await session.post({ jsonrpc: '2.0', id: stream.messages[0]!['id'], result: { roots: [] } })).status).toBe(502);
    expect(one.of('initialize')).toHaveLength(1);
    stream.close();
  });

  test('of which the first who noticed has left is opened for the others', async () => {
    const one = await server('one');
    const { mcp, accessLog } = await gateway([one]);
    const session = await initialize(mcp);
    one.forget();
    const { promise: gate, resolve: go } = Promise.withResolvers<void>();
    const hello = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: {} };
    one.script(async (reply, seen) => {
      const { method, id } = JSON.parse(seen.body) as { method: string; id: number };
      if (method === 'initialize') {
        await gate;
        return answer(200, { jsonrpc: '2.0', id, result: hello }, { 'mcp-session-id': 'fresh' })(reply, seen);
      }
      if (method === 'notifications/initialized') return answer(202)(reply, seen);
      const known = seen.headers['mcp-session-id'] === 'fresh';
      return (known ? answer(200, { jsonrpc: '2.0', id, result: { content: [] } }) : answer(404))(reply, seen);
    });
    const leaving = new AbortController();
    const body = requestOf('tools/call', { name: 'echo' });
    const first = send(mcp, { body, headers: session.headers, signal: leaving.signal });
    await expect.poll(() => one.of('initialize').length).toBe(2);
    const asking = [1, 2].map(() => session.ask('tools/call', { name: 'echo' }));
    leaving.abort();
    await expect(first).rejects.toThrow(/abort/);
    go();
    const told = await Promise.all(asking);
    expect(told.map(({ message }) => message.result)).toEqual([{ content: [] }, { content: [] }]);
    await expect.poll(() => accessLog.some(({ response_code }) => response_code === 499)).toBe(true);
    expect(one.of('initialize')).toHaveLength(2);
  });
});

describe('streams', () => {
  test('of two servers are one, which goes on at any replica where it broke off', async () => {
    const keys = keysOf(secret());
    const one = await server('one', { GET: events([event(note(1), 'a1')], { close: 'hang' }) });
    const two = await server('two', { GET: events([event(note(2), 'b1')], { close: 'hang' }) });
    const [here, there] = await Promise.all([1, 2].map(() => gateway([one, two], '', { mcpKeys: () => keys })));
    const session = await initialize(here!.mcp);
    const stream = await session.stream();
    await expect.poll(() => stream.messages.length).toBe(2);
    stream.close();
    const again = await session.at(there!.mcp).stream({ 'last-event-id': stream.ids.at(-1) });
    const resumed = (each: typeof one) => each.seen.filter(({ method }) => method === 'GET').map(({ headers }) => headers['last-event-id']);
    await expect
      .poll(() => [resumed(one), resumed(two)])
      .toEqual([
        [undefined, 'a1'],
        [undefined, 'b1'],
      ]);
    again.close();
  });

  test('cannot be resumed by an event of another session', async () => {
    const one = await server('one', { GET: events([event(note(1), 'a1')], { close: 'hang' }) });
    const { mcp } = await gateway([one]);
    const [mine, other] = await Promise.all([initialize(mcp), initialize(mcp)]);
    const stream = await other.stream();
    await expect.poll(() => stream.ids.length).toBe(1);
    expect((await mine.stream({ 'last-event-id': stream.ids[0] })).status).toBe(400);
    expect((await mine.stream({ 'last-event-id': 'a1' })).status).toBe(400);
    stream.close();
  });

  test('of an answer that broke off give the rest, in the client’s words', async () => {
    const one = await server('one');
    const two = await server('two', {
      'tools/call': events(['id: c1\nretry: 10\ndata:\n\n']),
      GET: (reply, seen) => {
        const { id } = two.of('tools/call')[0]!.message as { id: number };
        const content = [{ type: 'resource_link', uri: 'x://a', name: 'a' }];
        return events([event({ jsonrpc: '2.0', id, result: { content } }, 'c2')], { close: 'hang' })(reply, seen);
      },
    });
    const { mcp } = await gateway([one, two]);
    const session = await initialize(mcp);
    const broken = await session.ask('tools/call', { name: 'two__echo' });
    expect(broken.events).toEqual([]);
    const [id] = /^id: (.+)$/m.exec(broken.text)!.slice(1);
    const rest = await session.stream({ 'last-event-id': id });
    await expect.poll(() => rest.ended).toBe(true);
    expect(rest.messages).toMatchObject([{ id: two.of('tools/call')[0]!.message['id'], result: { content: [{ uri: 'two+x://a' }] } }]);
    expect(one.seen.some(({ method }) => method === 'GET')).toBe(false);
  });

  test('two of one session are served', async () => {
    const one = await server('one', { GET: events([event(note(1), 'a1')], { close: 'hang' }) });
    const { mcp } = await gateway([one]);
    const session = await initialize(mcp);
    const streams = await Promise.all([session.stream(), session.stream()]);
    await expect.poll(() => streams.map(({ messages }) => messages.length)).toEqual([1, 1]);
    for (const stream of streams) stream.close();
  });

  test('wait for a client that reads slowly: the server is not read further', async () => {
    const big = note(1);
    const text = event({ ...big, params: { level: 'info', data: 'x'.repeat(60_000) } }, 'b');
    let sent = 0;
    const one = await server('one', {
      GET: async (reply, { closed }) => {
        reply.writeHead(200, { 'content-type': 'text/event-stream' });
        while (!reply.destroyed && sent < 2000) {
          sent++;
          if (!reply.write(text)) await Promise.race([closed, new Promise((resolve) => reply.once('drain', resolve))]);
        }
        await closed;
      },
    });
    const { mcp } = await gateway([one]);
    const session = await initialize(mcp);
    const { default: net } = await import('node:net');
    const { port } = new URL(mcp);
    const socket = net.connect(Number(port), '127.0.0.1');
    socket.write(`GET /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\nmcp-session-id: ${session.id}\r\n\r\n`);
    await new Promise((resolve) => socket.once('readable', resolve));
    let before = -1;
    await expect
      .poll(
        () => {
          const stood = sent === before && sent > 0;
          before = sent;
          return stood;
        },
        { interval: 300, timeout: 10_000 },
      )
      .toBe(true);
    expect(sent).toBeLessThan(2000);
    socket.destroy();
  });
});
