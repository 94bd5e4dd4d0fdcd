// Clients of 2026-07-28, at servers of both eras.
import { once } from 'node:events';

import { describe, expect, test } from 'vitest';

import type { TestGateway } from '../gateway.fixture.ts';
import { startMcp } from './mcp.fixture.ts';
import { askModern, listenModern, type Message, type Reply } from './modern-client.fixture.ts';
import { closeAfterEach, opening } from './opening.fixture.ts';
import { startEverything } from './upstream/everything.fixture.ts';
import { type ModernEverything, startModernEverything } from './upstream/modern-everything.fixture.ts';

closeAfterEach();

const modern = (name: string, pageSize = Number.POSITIVE_INFINITY) => opening(startModernEverything({ name, pageSize }));
const legacy = (name: string) => opening(startEverything({ name }));

async function gateway(servers: Readonly<Record<string, { readonly port: number }>>): Promise<{ url: string; mcp: TestGateway }> {
  const mcp = await opening(startMcp(Object.entries(servers).map(([name, { port }]) => ({ name, port }))));
  return { url: `${mcp.url}/mcp`, mcp };
}

const namesIn = ({ result }: Reply, list = 'tools', member = 'name'): string[] =>
  (result[list] as Record<string, string>[]).map((entry) => entry[member]!);
const textOf = ({ result }: Reply): string => (result['content'] as { text: string }[])[0]!.text;
const call = (url: string, name: string, args: object = {}, more: object = {}): Promise<Reply> =>
  askModern(url, 'tools/call', { name, arguments: args, ...more });

/** The same call once more, with what the model said. */
const answerTo = ({ result }: Reply, words: string): object => {
  const [key] = Object.keys(result['inputRequests'] as object);
  const { requestState } = result;
  return { requestState, inputResponses: { [key!]: { role: 'assistant', model: 'm', content: { type: 'text', text: words } } } };
};

/** The next messages of a stream. */
async function take(stream: AsyncIterator<Message>, count: number): Promise<Message[]> {
  const taken: Message[] = [];
  while (taken.length < count) {
    const next = await stream.next();
    if (next.done === true) break;
    taken.push(next.value);
  }
  return taken;
}

async function both(pageSize?: number): Promise<{ one: ModernEverything; two: ModernEverything; url: string; mcp: TestGateway }> {
  const [one, two] = await Promise.all([modern('one', pageSize), modern('two', pageSize)]);
  return { one, two, ...(await gateway({ one, two })) };
}

async function bridged(): Promise<{ url: string; server: Awaited<ReturnType<typeof legacy>>; mcp: TestGateway }> {
  const server = await legacy('old');
  return { server, ...(await gateway({ old: server })) };
}

describe('two modern servers behind one path', () => {
  test('describe themselves as one', async () => {
    const { url } = await both();
    const { result } = await askModern(url, 'server/discover');
    expect(result).toMatchObject({
      resultType: 'complete',
      cacheScope: 'private',
      ttlMs: 60_000,
      capabilities: { resources: { subscribe: true } },
    });
    expect(result['supportedVersions']).toContain('2026-07-28');
    expect(result['instructions']).toContain('Instructions of two');
  });

  test('are one list, page after page', async () => {
    const { url } = await both(10);
    const all: string[] = [];
    let cursor: unknown;
    let pages = 0;
    do {
      const page = await askModern(url, 'tools/list', cursor === undefined ? {} : { cursor });
      all.push(...namesIn(page));
      cursor = page.result['nextCursor'];
      pages++;
    } while (cursor !== undefined);
    const own = namesIn(await askModern((await modern('three')).url, 'tools/list'));
    expect(pages).toBe(Math.ceil(own.length / 10));
    expect(all.toSorted()).toEqual(['one', 'two'].flatMap((name) => own.map((tool) => `${name}__${tool}`)).toSorted());
    expect((await askModern(url, 'tools/list', { cursor: 'made-up' })).error.code).toBe(-32602);
  });

  test('are asked in their own words, header and body', async () => {
    const { url, mcp } = await both();
    const seen = JSON.parse(textOf(await call(url, 'two__echo_headers'))) as Record<string, string>;
    expect(seen).toMatchObject({ 'mcp-name': 'echo_headers', 'mcp-method': 'tools/call', 'mcp-protocol-version': '2026-07-28' });
    expect(mcp.accessLog.at(-1)).toMatchObject({ mcp_backend: 'two', mcp_name: 'two__echo_headers' });
    const read = await askModern(url, 'resources/read', { uri: 'one+test://static-text' });
    expect(read.result['contents']).toMatchObject([{ uri: 'one+test://static-text' }]);
    const argument = { name: 'x', value: 'pa' };
    const completed = await askModern(url, 'completion/complete', {
      ref: { type: 'ref/prompt', name: 'two__test_simple_prompt' },
      argument,
    });
    expect(completed.result['completion']).toMatchObject({ total: 3 });
  });

  test('get the headers of parameters', async () => {
    const { url } = await both();
    const params = { name: 'one__test_x_mcp_header', arguments: { region: 'eu' } };
    const passed = await askModern(url, 'tools/call', params, { headers: { 'mcp-param-region': '=?base64?ZXU=?=' } });
    expect(textOf(passed)).toBe('region eu');
    const without = await askModern(url, 'tools/call', params);
    expect(without).toMatchObject({ status: 400, error: { code: -32020 } });
  });

  test('know their own state again, and it is good for nothing else', async () => {
    const { url } = await both();
    const asked = await call(url, 'two__test_input_required_result_request_state');
    expect(asked.result).toMatchObject({ resultType: 'input_required', inputRequests: { confirm: { method: 'elicitation/create' } } });
    const { requestState } = asked.result;
    const more = { requestState, inputResponses: { confirm: { action: 'accept', content: { ok: true } } } };
    expect(textOf(await call(url, 'two__test_input_required_result_request_state', {}, more))).toBe('state-ok');
    expect((await call(url, 'one__test_input_required_result_request_state', {}, more)).error.code).toBe(-32602);
    expect((await call(url, 'two__test_input_required_result_tampered_state', {}, more)).error.code).toBe(-32602);
    expect((await call(url, 'two__test_input_required_result_request_state', {}, { ...more, requestState: 'x' })).error.code).toBe(-32602);
  });

  test('are heard on one stream, under the names and the id of the client', async () => {
    const { one, two, url } = await both();
    const left = new AbortController();
    const filter = { toolsListChanged: true, resourceSubscriptions: ['two+test://watched-resource'] };
    const stream = listenModern(url, filter, { signal: left.signal, id: 'mine' });
    const tag = { 'io.modelcontextprotocol/subscriptionId': 'mine' };
    expect(await take(stream, 1)).toMatchObject([
      { method: 'notifications/subscriptions/acknowledged', params: { notifications: filter, _meta: tag } },
    ]);
    await call(url, 'one__touch_watched');
    await call(url, 'one__test_trigger_prompt_change');
    await call(url, 'two__touch_watched');
    await call(url, 'one__test_trigger_tool_change');
    const heard = await take(stream, 2);
    expect(heard.map(({ method }) => method ?? '').toSorted()).toEqual([
      'notifications/resources/updated',
      'notifications/tools/list_changed',
    ]);
    expect(heard).toContainEqual(
      expect.objectContaining({ method: 'notifications/resources/updated', params: { uri: 'two+test://watched-resource', _meta: tag } }),
    );
    const gone = Promise.all([once(one.events, 'left'), once(two.events, 'left')]);
    left.abort();
    await gone;
  });

  test('end a subscription in good order', async () => {
    const { one, url } = await both();
    const stream = listenModern(url, { toolsListChanged: true });
    await take(stream, 1);
    one.events.emit('end');
    expect(await take(stream, 2)).toEqual([
      { jsonrpc: '2.0', id: 7, result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': 7 } } },
    ]);
  });

  test('cut a subscription off where one of them is gone', async () => {
    const { one, url } = await both();
    const stream = listenModern(url, { toolsListChanged: true });
    await take(stream, 1);
    await one.close();
    await expect(take(stream, 2)).rejects.toThrow(/terminated/);
  });

  test('are left as the client leaves', async () => {
    const { one, url } = await both();
    const left = new AbortController();
    const cancelled = once(one.events, 'cancelled');
    const waiting = askModern(url, 'tools/call', { name: 'one__wait', arguments: {} }, { signal: left.signal });
    while (!one.methods.includes('tools/call')) await new Promise((resolve) => setImmediate(resolve));
    left.abort();
    await expect(waiting).rejects.toThrow(/aborted/);
    await cancelled;
  });

  test('of which one is away are the other one', async () => {
    const { two, url } = await both();
    await two.close();
    const listed = await askModern(url, 'tools/list');
    expect(listed.result).toMatchObject({ resultType: 'complete', ttlMs: 0, _meta: { 'tierkit.dev/partial': ['two'] } });
    expect(namesIn(listed).every((name) => name.startsWith('one__'))).toBe(true);
    expect((await call(url, 'two__test_simple_text')).error.message).toContain('MCP server two');
  });

  test('are told what this revision does not have', async () => {
    const { url } = await both();
    for (const method of ['ping', 'initialize', 'tasks/list', 'made/up'])
      expect(await askModern(url, method)).toMatchObject({ status: 404, error: { code: -32601 } });
    const get = await fetch(url, { headers: { 'mcp-protocol-version': '2026-07-28', accept: 'text/event-stream' } });
    expect(get.status).toBe(405);
    expect(get.headers.get('allow')).toBe('POST');
  });
});

describe('a server of the legacy era', () => {
  test('is described as a modern one', async () => {
    const { url } = await bridged();
    const { result } = await askModern(url, 'server/discover');
    expect(result).toMatchObject({
      resultType: 'complete',
      capabilities: { tools: { listChanged: true } },
      instructions: 'Instructions of old',
      _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'old' } },
    });
  });

  test('answers in one session, in the words of the client', async () => {
    const { url, server } = await bridged();
    const listed = await askModern(url, 'tools/list', {}, { id: 'a' });
    expect(listed).toMatchObject({ result: { resultType: 'complete', ttlMs: 0, cacheScope: 'private' }, messages: [{ id: 'a' }] });
    expect(namesIn(listed)).toContain('test_simple_text');
    expect(textOf(await call(url, 'test_simple_text'))).toMatch(/simple text/);
    expect(await askModern(url, 'resources/read', { uri: 'test://none' })).toMatchObject({ error: { code: -32602 } });
    expect(await askModern(url, 'made/up')).toMatchObject({ status: 404, error: { code: -32601 } });
    expect(server.sessions).toBe(1);
  });

  test('is not mixed up by clients that use the same ids', async () => {
    const { url } = await bridged();
    const words = Array.from({ length: 8 }, (_, index) => `word ${index}`);
    const replies = await Promise.all(words.map((word) => call(url, 'echo', { word })));
    expect(replies.map((reply) => JSON.parse(textOf(reply)) as unknown)).toEqual(words.map((word) => ({ word })));
  });

  test('that has forgotten the session gets a new one', async () => {
    const { url, server } = await bridged();
    await call(url, 'test_simple_text');
    await server.forgetSessions();
    expect(textOf(await call(url, 'test_simple_text'))).toMatch(/simple text/);
    expect(server.sessions).toBe(1);
  });

  test('tells of progress, and logs only for who wants it', async () => {
    const { url } = await bridged();
    const asking = { name: 'test_tool_with_progress', arguments: {} };
    const progress = await askModern(url, 'tools/call', asking, { meta: { progressToken: 'mine' } });
    const tokens = progress.messages.flatMap(({ params }) => (params === undefined ? [] : [params['progressToken']]));
    expect(tokens).toEqual(['mine', 'mine', 'mine']);
    const logging = { name: 'test_tool_with_logging', arguments: {} };
    expect((await askModern(url, 'tools/call', logging)).messages).toHaveLength(1);
    const logged = await askModern(url, 'tools/call', logging, { meta: { 'io.modelcontextprotocol/logLevel': 'info' } });
    expect(logged.messages.map(({ method }) => method)).toContain('notifications/message');
    const less = await askModern(url, 'tools/call', logging, { meta: { 'io.modelcontextprotocol/logLevel': 'error' } });
    expect(less.messages).toHaveLength(1);
  });

  test('asks the client, and goes on where it was', async () => {
    const { url } = await bridged();
    const asked = await call(url, 'test_sampling', { prompt: 'hello' });
    expect(asked.result).toMatchObject({ resultType: 'input_required' });
    const [[key, request]] = Object.entries(asked.result['inputRequests'] as Record<string, Message>) as [[string, Message]];
    expect(request).toMatchObject({ method: 'sampling/createMessage', params: { maxTokens: 100 } });
    const { requestState } = asked.result;
    const again = await call(url, 'test_sampling', { prompt: 'hello' }, { requestState, inputResponses: {} });
    expect(again.result).toMatchObject({ resultType: 'input_required', inputRequests: { [key]: request } });
    const inputResponses = { [key]: { role: 'assistant', model: 'm', content: { type: 'text', text: 'sampled' } } };
    const told = await call(url, 'test_sampling', { prompt: 'hello' }, { requestState, inputResponses });
    expect(textOf(told)).toContain('sampled');
    expect((await call(url, 'test_sampling', { prompt: 'hello' }, { requestState, inputResponses })).error.code).toBe(-32602);
  });

  test('asks the client on the stream of the session, and nobody where it may be somebody else', async () => {
    const { url } = await bridged();
    const ask = (prompt: string, more = {}): Promise<Reply> => call(url, 'test_sampling_elsewhere', { prompt }, more);
    const asked = await ask('hello');
    expect(asked.result).toMatchObject({ resultType: 'input_required' });
    expect(JSON.stringify(asked.result)).toContain('hello');
    // While it is held another one of the same session asks: clients without a name cannot be told apart.
    const other = await ask('other');
    expect(other.error.message).toContain('It cannot be told which client is to be asked this');
    expect(textOf(await ask('hello', answerTo(asked, 'sampled')))).toContain('sampled');
    // And then there is only one again.
    const again = await ask('again');
    expect(textOf(await ask('again', answerTo(again, 'once more')))).toContain('once more');
  });

  test('cannot ask a client that says that it cannot be asked', async () => {
    const { url } = await bridged();
    const told = await askModern(url, 'tools/call', { name: 'test_sampling', arguments: { prompt: 'x' } }, { capabilities: {} });
    expect(told.result['resultType']).not.toBe('input_required');
  });

  test('that ends its stream early is asked for the rest', async () => {
    const { url } = await bridged();
    expect(textOf(await call(url, 'test_reconnection'))).toBe('The stream was taken up again');
  });

  test('is listened to, in a session that ends with it', async () => {
    const { url, server } = await bridged();
    const left = new AbortController();
    const stream = listenModern(
      url,
      { toolsListChanged: true, resourceSubscriptions: ['test://watched-resource'] },
      { signal: left.signal },
    );
    expect(await take(stream, 1)).toMatchObject([{ params: { notifications: { toolsListChanged: true } } }]);
    expect(server.sessions).toBe(1);
    left.abort();
    while (server.sessions > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  test('has no session left when the gateway has stopped', async () => {
    const { url, server, mcp } = await bridged();
    await call(url, 'test_simple_text');
    expect(server.sessions).toBe(1);
    await mcp.close();
    expect(server.sessions).toBe(0);
  });
});

test('servers of both eras are one', async () => {
  const [one, old] = await Promise.all([modern('one'), legacy('old')]);
  const { url } = await gateway({ one, old });
  const listed = await askModern(url, 'tools/list');
  expect(namesIn(listed)).toEqual(expect.arrayContaining(['one__test_simple_text', 'old__test_simple_text']));
  expect(listed.result).toMatchObject({ resultType: 'complete', ttlMs: 0, cacheScope: 'private' });
  expect(listed.result['_meta'] ?? {}).not.toHaveProperty(['tierkit.dev/partial']);
  for (const name of ['one', 'old']) expect(textOf(await call(url, `${name}__test_simple_text`))).toMatch(/simple text/);
  expect((await askModern(url, 'server/discover')).result).toMatchObject({ capabilities: { tools: { listChanged: true } } });
});
