// What becomes of a call decides whether it is paid.
import { describe, expect, test } from 'vitest';

import { askModern, type Reply } from '../modern-client.fixture.ts';
import { closeAfterEach, opening, server } from '../opening.fixture.ts';
import { initialize, openStream, requestOf, send } from '../raw-client.fixture.ts';
import { idOf, result } from '../scripted.fixture.ts';
import { startEverything } from '../upstream/everything.fixture.ts';
import { answer, events, type FakeScript, garbage, hang, reset, response, rpcError, startFake } from '../upstream/fake-server.fixture.ts';
import { startModernEverything } from '../upstream/modern-everything.fixture.ts';
import { DOLLAR, toolBudget, tollGateway, type TollGateway, toolPrices } from './tolls.fixture.ts';

closeAfterEach();

const PAID = [DOLLAR, 0];
const FREE = [0, 0];
const MONEY = [toolPrices('{tool: "*", price: "1"}'), toolBudget('100')] as const;

async function gateway(port: number, route = '', options: Parameters<typeof tollGateway>[2] = {}): Promise<TollGateway> {
  return tollGateway([{ name: 'one', port }], MONEY, { route, ...options });
}

/** Settlement comes with the end of the request, which a client that leaves does not see. */
async function settled(at: TollGateway): Promise<readonly number[]> {
  for (;;) {
    const [used, reserved] = await at.spent();
    if (reserved === 0 && at.accessLog.some(({ mcp_method: method }) => method === 'tools/call')) return [used, reserved];
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const error =
  (code: number): FakeScript =>
  (reply, seen) =>
    answer(200, rpcError(idOf(seen.body), code))(reply, seen);
const refusal =
  (status: number, code: number): FakeScript =>
  (reply, seen) =>
    answer(status, rpcError(idOf(seen.body), code))(reply, seen);
const head = 'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":1}}\n\n';

test.each<[string, FakeScript, readonly number[]]>([
  ['a result', result({ content: [] }), PAID],
  ['an error of the tool itself', result({ content: [], isError: true }), PAID],
  ['a task', result({ task: { taskId: 't', status: 'working' } }), PAID],
  ['an unknown tool', error(-32602), FREE],
  ['an unknown method', error(-32601), FREE],
  ['a URL that the user has to see first', error(-32042), FREE],
  ['an error within the server', error(-32603), PAID],
  ['an error of its own', error(-32000), PAID],
  ['a status that refuses', answer(403), FREE],
  ['too many requests', answer(429), FREE],
  ['a session that is gone for good', answer(404), FREE],
  ['a refusal of the protocol with a status', refusal(400, -32602), FREE],
  ['another place', answer(307, '', { location: '/' }), FREE],
  ['a fault', answer(500), PAID],
  ['a fault that says that it did nothing', refusal(500, -32602), FREE],
  ['a broken connection', reset, PAID],
  ['what is no HTTP', garbage('x'), PAID],
  ['no answer in time', hang, PAID],
  ['a broken stream', events([head], { close: 'reset' }), PAID],
  ['a stream without a response', events([head]), PAID],
])('a call that is answered with %s', async (_what, script, spent) => {
  const one = await server('one', { 'tools/call': script });
  const at = await gateway(one.port, '', { mcpLimits: { callMs: 300 } });
  await (await initialize(at.mcp)).ask('tools/call', { name: 'echo' }).catch(() => undefined);
  expect(await settled(at)).toEqual(spent);
});

describe('a call that does not get to the server costs nothing:', () => {
  test('it is away', async () => {
    const one = await server('one');
    const at = await gateway(one.port);
    const session = await initialize(at.mcp);
    await one.close();
    expect((await session.ask('tools/call', { name: 'echo' })).message.error).toMatchObject({ code: -32010 });
    expect(await settled(at)).toEqual(FREE);
  });

  test('it has no session, and gives none', async () => {
    const one = await server('one');
    const at = await gateway(one.port);
    const session = await initialize(at.mcp);
    one.script(answer(404), reset);
    await session.ask('tools/call', { name: 'echo' });
    expect(one.of('initialize')).toHaveLength(2);
    expect(await settled(at)).toEqual(FREE);
  });

  test('the caller may not', async () => {
    const one = await server('one');
    const authorization =
      ', securityPolicy: {authorization: {defaultAction: Deny, rules: [{target: {tools: [{backend: one, tool: other}]}}]}}';
    const at = await gateway(one.port, authorization);
    const session = await initialize(at.mcp);
    expect((await session.ask('tools/call', { name: 'echo' })).status).toBe(403);
    expect(await settled(at)).toEqual(FREE);
    expect(one.of('tools/call')).toEqual([]);
  });

  test('the route does not show it', async () => {
    const one = await server('one');
    const at = await tollGateway([{ name: 'one', port: one.port, extra: ', toolSelector: {include: [other]}' }], MONEY);
    expect((await (await initialize(at.mcp)).ask('tools/call', { name: 'echo' })).message.error).toMatchObject({ code: -32602 });
    expect(await settled(at)).toEqual(FREE);
  });
});

test('a call in a session that the server has forgotten is paid once', async () => {
  const one = await server('one');
  const at = await gateway(one.port);
  const session = await initialize(at.mcp);
  one.forget();
  expect((await session.ask('tools/call', { name: 'echo' })).message.result).toBeDefined();
  expect(one.of('tools/call')).toHaveLength(2);
  expect(await settled(at)).toEqual(PAID);
});

test('what is held while a call is under way is given to nobody else, and is paid when the client leaves', async () => {
  const arrived = Promise.withResolvers<void>();
  const one = await server('one', {
    'tools/call': (reply, seen) => {
      arrived.resolve();
      return hang(reply, seen);
    },
  });
  const at = await tollGateway([{ name: 'one', port: one.port }], [MONEY[0], toolBudget('1')]);
  const session = await initialize(at.mcp);
  const left = new AbortController();
  const body = requestOf('tools/call', { name: 'echo' });
  const leaving = send(at.mcp, { body, headers: session.headers, signal: left.signal }).catch(() => 'left');
  await arrived.promise;
  expect(await at.spent()).toEqual([0, DOLLAR]);
  expect((await session.ask('tools/call', { name: 'echo' })).status).toBe(429);
  left.abort();
  expect(await leaving).toBe('left');
  while ((await at.spent())[1] > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await at.spent()).toEqual(PAID);
});

test('who listens to the rest of an answer pays no second time', async () => {
  const one = await server('one', {
    'tools/call': events(['id: 1\nretry: 1\ndata: \n\n']),
    GET: (reply, seen) =>
      seen.headers['last-event-id'] === '1'
        ? events([`id: 2\ndata: ${JSON.stringify(response(lastId, { content: [] }))}\n\n`])(reply, seen)
        : answer(405)(reply, seen),
  });
  const at = await gateway(one.port);
  const session = await initialize(at.mcp);
  const request = requestOf('tools/call', { name: 'echo' });
  const lastId = request.id;
  const broken = await openStream(at.mcp, session.headers, request);
  while (!broken.ended) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await settled(at)).toEqual(PAID);
  const rest = await session.stream({ 'last-event-id': broken.ids[0]! });
  while (!rest.ended) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(rest.messages).toMatchObject([{ id: lastId, result: {} }]);
  expect(await settled(at)).toEqual(PAID);
});

test('to follow a task costs nothing', async () => {
  const one = await server(
    'one',
    {
      'tools/call': result({ task: { taskId: 't', status: 'working' } }),
      'tasks/get': result({ taskId: 't' }),
      'tasks/result': result({ content: [] }),
    },
    { tools: {}, tasks: { requests: { tools: { call: {} } } } },
  );
  const at = await gateway(one.port);
  const session = await initialize(at.mcp);
  await session.ask('tools/call', { name: 'echo', task: {} });
  for (const method of ['tasks/get', 'tasks/result']) expect((await session.ask(method, { taskId: 't' })).message.result).toBeDefined();
  expect(await settled(at)).toEqual(PAID);
});

const call = (at: TollGateway, name: string, more: object = {}): Promise<Reply> =>
  askModern(at.mcp, 'tools/call', { name, arguments: {}, ...more });

describe('the modern era', () => {
  test('pays for results, and for no refusal', async () => {
    const one = await opening(startModernEverything({ name: 'one' }));
    const at = await tollGateway([{ name: 'one', port: one.port }], [MONEY[0], toolBudget('1')]);
    expect((await call(at, 'none')).error.code).toBe(-32602);
    expect(await at.spent()).toEqual(FREE);
    expect((await call(at, 'test_simple_text')).result['content']).toBeDefined();
    expect(await at.spent()).toEqual(PAID);
    const calls = one.methods.filter((method) => method === 'tools/call').length;
    expect(await call(at, 'test_simple_text')).toMatchObject({
      status: 429,
      error: { code: -32011, data: { code: 'TK_BUDGET' } },
      messages: [{ id: 7 }],
    });
    expect(one.methods.filter((method) => method === 'tools/call')).toHaveLength(calls);
  });

  test('pays once for a call of several rounds, when its result comes', async () => {
    const one = await opening(startModernEverything({ name: 'one' }));
    const at = await gateway(one.port);
    const asked = await call(at, 'test_input_required_result_request_state');
    expect(asked.result).toMatchObject({ resultType: 'input_required' });
    expect(await at.spent()).toEqual(FREE);
    const { requestState } = asked.result;
    const inputResponses = { confirm: { action: 'accept', content: { ok: true } } };
    await call(at, 'test_input_required_result_request_state', { requestState, inputResponses });
    expect(await at.spent()).toEqual(PAID);
  });

  test('pays once for a call that is held at a server of the legacy era', async () => {
    const one = await opening(startEverything({ name: 'one' }));
    const at = await gateway(one.port);
    const asked = await call(at, 'test_sampling', { arguments: { prompt: 'x' } });
    const { requestState, inputRequests } = asked.result;
    expect(await at.spent()).toEqual(FREE);
    const [key] = Object.keys(inputRequests as object);
    const inputResponses = { [key!]: { role: 'assistant', model: 'm', content: { type: 'text', text: 'sampled' } } };
    const again = { requestState, arguments: { prompt: 'x' } };
    expect((await call(at, 'test_sampling', { ...again, inputResponses: {} })).result).toMatchObject({ resultType: 'input_required' });
    expect(await at.spent()).toEqual(FREE);
    expect((await call(at, 'test_sampling', { ...again, inputResponses })).result['content']).toBeDefined();
    expect(await at.spent()).toEqual(PAID);
    // Nothing is held any more: nobody was asked.
    expect((await call(at, 'test_sampling', { ...again, inputResponses })).error.code).toBe(-32602);
    expect(await at.spent()).toEqual(PAID);
    expect((await call(at, 'none')).messages).toHaveLength(1);
  });

  test('a client with sessions pays once for all rounds of a modern server', async () => {
    const one = await opening(startModernEverything({ name: 'one' }));
    const at = await gateway(one.port);
    const session = await initialize(at.mcp);
    expect((await session.ask('tools/call', { name: 'test_x_mcp_header', arguments: { region: 'eu' } })).message.result).toBeDefined();
    expect(await at.spent()).toEqual(PAID);
    expect((await session.ask('tools/call', { name: 'none' })).message.error).toMatchObject({ code: -32602 });
    expect(await at.spent()).toEqual(PAID);
  });

  test('a question that the client cannot answer is no result', async () => {
    const one = await opening(
      startFake((reply, seen) => {
        const { method } = JSON.parse(seen.body || '{}') as { method?: string };
        const discovered = {
          resultType: 'complete',
          supportedVersions: ['2026-07-28'],
          capabilities: { tools: {} },
          ttlMs: 0,
          cacheScope: 'private',
        };
        const question = { resultType: 'input_required', inputRequests: { roots: { method: 'roots/list' } } };
        if (method === 'server/discover') return answer(200, response(idOf(seen.body), discovered))(reply, seen);
        if (method === 'tools/call') return answer(200, response(idOf(seen.body), question))(reply, seen);
        return answer(404, rpcError(method === undefined ? null : idOf(seen.body), -32601))(reply, seen);
      }),
    );
    const at = await gateway(one.port);
    expect((await (await initialize(at.mcp)).ask('tools/call', { name: 'echo' })).message.error).toBeDefined();
    expect(await settled(at)).toEqual(FREE);
  });
});
