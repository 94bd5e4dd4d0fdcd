// Servers that break, clients that leave, and what the other side hears of it.
import { describe, expect, test } from 'vitest';

import { closeAfterEach, gateway, server } from './opening.fixture.ts';
import { initialize, openStream, requestOf, send } from './raw-client.fixture.ts';
import { idOf, result } from './scripted.fixture.ts';
import { answer, events, type FakeScript, hang, reset, response, rpcError } from './upstream/fake-server.fixture.ts';

closeAfterEach();

const event = (message: object, id?: string): string => `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(message)}\n\n`;
const progress = { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } };
const refuse: FakeScript = (reply, seen) => answer(200, rpcError(idOf(seen.body), -32602, 'no level'))(reply, seen);
const SHORT = { mcpLimits: { fanOutMs: 300 } };

describe('a client that leaves', () => {
  test('in the stream of a call: the server is left at once', async () => {
    const one = await server('one', { 'tools/call': events([event(progress)], { close: 'hang' }) });
    const { mcp, accessLog } = await gateway([one]);
    const session = await initialize(mcp);
    const stream = await openStream(mcp, session.headers, requestOf('tools/call', { name: 'echo' }));
    await expect.poll(() => stream.messages.length).toBe(1);
    stream.close();
    await one.seen.at(-1)!.closed;
    await expect.poll(() => accessLog.at(-1)).toMatchObject({ response_code: 499, mcp_method: 'tools/call', mcp_backend: 'one' });
  });

  test('before the head of the answer', async () => {
    const one = await server('one', { 'tools/call': hang });
    const { mcp } = await gateway([one]);
    const session = await initialize(mcp);
    const leaving = new AbortController();
    const asked = send(mcp, { body: requestOf('tools/call', { name: 'echo' }), headers: session.headers, signal: leaving.signal });
    await expect.poll(() => one.of('tools/call').length).toBe(1);
    leaving.abort();
    await expect(asked).rejects.toThrow(/abort/);
    await one.seen.at(-1)!.closed;
  });

  test('in a stream of its own', async () => {
    const one = await server('one', { GET: events([], { close: 'hang' }) });
    const { mcp, accessLog } = await gateway([one]);
    const stream = await (await initialize(mcp)).stream();
    await expect.poll(() => one.seen.some(({ method }) => method === 'GET')).toBe(true);
    stream.close();
    await one.seen.find(({ method }) => method === 'GET')!.closed;
    await expect.poll(() => accessLog.at(-1)?.['method']).toBe('GET');
  });

  test('while its session is opened: sessions that were opened already are ended', async () => {
    const [one, two] = await Promise.all([server('one'), server('two', { initialize: hang })]);
    const { mcp } = await gateway([one, two]);
    const leaving = new AbortController();
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } };
    const asked = send(mcp, { body: requestOf('initialize', params), signal: leaving.signal });
    await expect.poll(() => [one.of('notifications/initialized').length, two.of('initialize').length]).toEqual([1, 1]);
    leaving.abort();
    await expect(asked).rejects.toThrow(/abort/);
    await expect.poll(() => one.sessions.size).toBe(0);
  });
});

describe('a server that breaks', () => {
  test('in the middle of a call: the client gets an error with the id of its request, and the session goes on', async () => {
    const one = await server('one', { 'tools/call': events([event(progress)], { close: 'reset' }) });
    const { mcp } = await gateway([one]);
    const session = await initialize(mcp);
    const told = await session.ask('tools/call', { name: 'echo' });
    expect(told.events).toHaveLength(2);
    expect(told.message).toMatchObject({ id: expect.any(Number), error: { code: -32010 } });
    expect((await session.ask('tools/list')).message.result).toMatchObject({ tools: [{ name: 'echo' }] });
  });

  test.each<readonly [string, FakeScript, object]>([
    ['resets the connection', reset, { code: -32010 }],
    ['answers nothing', answer(202), { code: -32010, message: expect.stringContaining('without a response') }],
    [
      'says more than it may',
      result({ text: 'x'.repeat(3000) }),
      { code: -32010, message: expect.stringContaining('larger than 2000 bytes') },
    ],
    ['answers no JSON', answer(200, 'oh', { 'content-type': 'application/json' }), { code: -32010 }],
    ['answers a web page', answer(200, '<p>', { 'content-type': 'text/html' }), { code: -32010 }],
    ['answers a notification', answer(200, progress), { code: -32010, message: expect.stringContaining('without a response') }],
    ['has no answer to the request', answer(200, response(7, {})), { code: -32010 }],
    ['is broken', answer(500), { code: -32010, message: expect.stringContaining('status 500') }],
    ['redirects', answer(302, '', { location: 'http://example.com/' }), { code: -32010 }],
    ['streams a batch', events(['data: [1]\n\n']), { code: -32010 }],
    ['streams no message', events(['data: {"a":1}\n\n']), { code: -32010, message: expect.stringContaining('no message of MCP') }],
  ])('%s: a JSON-RPC error', async (_, script, error) => {
    const one = await server('one', { 'tools/call': script });
    const { mcp } = await gateway([one], '', { mcpLimits: { maxAnswerBytes: 2000 } });
    const told = await (await initialize(mcp)).ask('tools/call', { name: 'echo' });
    expect(told.status).toBe(200);
    expect(told.message).toMatchObject({ jsonrpc: '2.0', id: expect.any(Number), error });
  });

  test('and does not end a stream after the response: the client is not kept', async () => {
    const one = await server('one', {
      'tools/call': (reply, seen) => events([event(response(idOf(seen.body), { content: [] }))], { close: 'hang' })(reply, seen),
    });
    const { mcp } = await gateway([one]);
    expect((await (await initialize(mcp)).ask('tools/call', { name: 'echo' })).message.result).toEqual({ content: [] });
  });
});

describe('a server that refuses', () => {
  const challenge = { 'www-authenticate': 'Bearer resource_metadata="http://x/"' };

  test.each([401, 403])('with %i: the client is not told that the gateway does', async (status) => {
    const one = await server('one', { 'tools/call': answer(status, '', challenge) });
    const { mcp } = await gateway([one]);
    const told = await (await initialize(mcp)).ask('tools/call', { name: 'echo' });
    expect(told.status).toBe(200);
    expect(told.headers['www-authenticate']).toBeUndefined();
    expect(told.message.error).toMatchObject({ code: -32010, message: expect.stringContaining(`status ${status}`) });
  });

  test('a credential that is the client’s own: the challenge is for the client', async () => {
    const one = await server('one', { initialize: answer(401, '', challenge) });
    const { mcp } = await gateway([{ ...one, extra: ', forwardHeaders: [{name: Authorization}]' }]);
    const { hello } = await initialize(mcp, { authorization: 'Bearer mine' });
    expect(hello.status).toBe(401);
    expect(hello.headers['www-authenticate']).toBe(challenge['www-authenticate']);
    expect(one.of('initialize')[0]!.headers['authorization']).toBe('Bearer mine');
  });

  test('with an error of its own beside a status: the error is told', async () => {
    const one = await server('one', {
      'tools/call': (reply, seen) => answer(400, rpcError(idOf(seen.body), -32602, 'no such tool', { a: 1 }))(reply, seen),
    });
    const { mcp } = await gateway([one]);
    const told = await (await initialize(mcp)).ask('tools/call', { name: 'echo' });
    expect([told.status, told.message.error]).toEqual([400, { code: -32602, message: 'no such tool', data: { a: 1 } }]);
  });
});

describe('a server that is away when the session begins', () => {
  test('delays nobody, is named, and is heard of when it comes', async () => {
    const one = await server('one');
    const two = await server('two', {
      initialize: hang,
    });
    const { mcp } = await gateway([one, two], '', SHORT);
    const session = await initialize(mcp);
    expect(session.hello.message.result).toMatchObject({
      _meta: { 'tierkit.dev/partial': ['two'] },
      capabilities: { tools: { listChanged: true }, prompts: { listChanged: true }, resources: { listChanged: true, subscribe: true } },
    });
    const before = await session.ask('tools/list');
    expect(before.message.result).toMatchObject({ tools: [{ name: 'one__echo' }], _meta: { 'tierkit.dev/partial': ['two'] } });
    expect((await session.ask('tools/call', { name: 'two__echo' })).message.error).toMatchObject({
      code: -32010,
      message: expect.stringContaining('MCP server two'),
    });
    const stream = await session.stream();
    // From here on it answers.
    const sessions = new Set<string>();
    two.script((reply, seen) => {
      const { method, id } = JSON.parse(seen.body || '{}') as { method?: string; id?: number };
      if (method === 'initialize') {
        sessions.add('late');
        const hello = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'two', version: '1' } };
        return answer(200, response(id!, hello), { 'mcp-session-id': 'late' })(reply, seen);
      }
      if (method === 'tools/list') return answer(200, response(id!, { tools: [{ name: 'late', inputSchema: {} }] }))(reply, seen);
      return answer(seen.method === 'GET' ? 405 : 202)(reply, seen);
    });
    await expect
      .poll(() => stream.messages.map(({ method }) => method), { timeout: 10_000 })
      .toEqual(['tools', 'prompts', 'resources'].map((list) => `notifications/${list}/list_changed`));
    const { result: after } = (await session.ask('tools/list')).message;
    expect(after).toEqual({ tools: [expect.objectContaining({ name: 'one__echo' }), expect.objectContaining({ name: 'two__late' })] });
    stream.close();
  }, 20_000);

  test('and is the only one: an error in time, and no session', async () => {
    const one = await server('one', { initialize: hang });
    const { mcp } = await gateway([one], '', SHORT);
    const { hello, id } = await initialize(mcp);
    expect(id).toBeUndefined();
    expect([hello.status, hello.message.error?.code]).toEqual([200, -32010]);
  });
});

describe('what a client tells servers', () => {
  test('a cancellation reaches the server with the id of the request', async () => {
    const one = await server('one', { 'tools/call': hang });
    const { mcp } = await gateway([one]);
    const session = await initialize(mcp);
    session.ask('tools/call', { name: 'echo' }).catch(() => undefined);
    await expect.poll(() => one.of('tools/call').length).toBe(1);
    const { id } = one.of('tools/call')[0]!.message;
    const told = await session.post({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, reason: 'no more' } });
    expect(told.status).toBe(202);
    expect(one.of('notifications/cancelled')[0]!.message).toMatchObject({ params: { requestId: id, reason: 'no more' } });
  });

  test('a server’s request, its progress and its end go by ids of the gateway, which lead back to it', async () => {
    const ask = { jsonrpc: '2.0', id: 7, method: 'sampling/createMessage', params: { _meta: { progressToken: 'p' }, messages: [] } };
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 7 } };
    const ping = { jsonrpc: '2.0', id: 'q', method: 'ping' };
    const [one, two] = await Promise.all([
      server('one'),
      server('two', { GET: events([event(ask), event(cancel), event(ping)], { close: 'hang' }) }),
    ]);
    const { mcp } = await gateway([one, two]);
    const session = await initialize(mcp);
    const stream = await session.stream();
    await expect.poll(() => stream.messages.length).toBe(3);
    const [asked, cancelled, pinged] = stream.messages as unknown as { id: string; params: Record<string, never> }[];
    expect(asked!.id).not.toBe(7);
    expect(cancelled!.params['requestId']).toBe(asked!.id);
    const { progressToken } = asked!.params['_meta']! as { progressToken: string };
    await session.post({ jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken, progress: 1 } });
    await session.post({ jsonrpc: '2.0', id: asked!.id, result: { role: 'assistant' } });
    await session.post({ jsonrpc: '2.0', id: pinged!.id, result: {} });
    const told = two.seen.filter(({ body }) => body !== '').map(({ body }) => JSON.parse(body) as Record<string, unknown>);
    expect(told.slice(-3)).toMatchObject([
      { params: { progressToken: 'p' } },
      { id: 7, result: { role: 'assistant' } },
      { id: 'q', result: {} },
    ]);
    expect(one.seen.every(({ body }) => !body.includes('"result"'))).toBe(true);
    // To a server that is gone nothing can be said, and to none nobody asked.
    await two.close();
    expect((await session.post({ jsonrpc: '2.0', id: asked!.id, result: {} })).status).toBe(502);
    expect((await session.post({ jsonrpc: '2.0', id: 'made up', result: {} })).status).toBe(400);
    stream.close();
  });

  test('resources of two servers: subscriptions go to the one, and updates come under the client’s URI', async () => {
    const updated = { jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri: 'x://a' } };
    const [one, two] = await Promise.all([
      server('one', { 'resources/subscribe': result({}) }),
      server('two', { 'resources/subscribe': result({}), GET: events([event(updated)], { close: 'hang' }) }),
    ]);
    const { mcp } = await gateway([one, two]);
    const session = await initialize(mcp);
    expect((await session.ask('resources/subscribe', { uri: 'two+x://a' })).message.result).toEqual({});
    expect([one.of('resources/subscribe').length, two.of('resources/subscribe')[0]!.message['params']]).toEqual([0, { uri: 'x://a' }]);
    const stream = await session.stream();
    await expect.poll(() => stream.messages[0]?.['params']).toEqual({ uri: 'two+x://a' });
    stream.close();
  });

  test('a level of logging goes to all; who has not taken it is named', async () => {
    const [one, two] = await Promise.all([
      server('one', { 'logging/setLevel': result({}) }),
      server('two', { 'logging/setLevel': refuse }),
    ]);
    const { mcp } = await gateway([one, two]);
    const session = await initialize(mcp);
    const told = await session.ask('logging/setLevel', { level: 'debug' });
    expect(told.message.result).toEqual({ _meta: { 'tierkit.dev/partial': ['two'] } });
    expect([one, two].map((each) => each.of('logging/setLevel').length)).toEqual([1, 1]);
  });

  test('a level that no server takes is an error', async () => {
    const two = await Promise.all(['one', 'two'].map((name) => server(name, { 'logging/setLevel': refuse })));
    const { mcp } = await gateway(two);
    expect((await (await initialize(mcp)).ask('logging/setLevel', {})).message.error).toEqual({ code: -32602, message: 'no level' });
  });
});
