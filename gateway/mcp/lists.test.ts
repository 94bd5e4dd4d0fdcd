// Lists of many servers: pages, servers that are late or wrong, and a hundred at once.
import { expect, test } from 'vitest';

import { closeAfterEach, gateway, server } from './opening.fixture.ts';
import { initialize, type RawAnswer } from './raw-client.fixture.ts';
import { idOf, result } from './scripted.fixture.ts';
import { answer, events, type FakeScript, hang, response, rpcError } from './upstream/fake-server.fixture.ts';

closeAfterEach();

const namesOf = ({ message }: RawAnswer): string[] => (message.result!['tools'] as { name: string }[]).map(({ name }) => name);
const partialOf = ({ message }: RawAnswer): unknown =>
  (message.result?.['_meta'] as Record<string, unknown> | undefined)?.['tierkit.dev/partial'];
const cursorOf = ({ message }: RawAnswer): string | undefined => message.result?.['nextCursor'] as string | undefined;

/** `count` tools, one a page. */
function paged(count: number): FakeScript {
  return (reply, seen) => {
    const { params } = JSON.parse(seen.body) as { params: { cursor?: string } };
    const page = Number(params.cursor ?? 0);
    const next = page + 1 < count ? { nextCursor: String(page + 1) } : {};
    return result({ tools: [{ name: `t${page}`, inputSchema: {} }], ...next })(reply, seen);
  };
}

test('pages of two servers of different lengths are the pages of one list', async () => {
  const both = await Promise.all([server('one', { 'tools/list': paged(3) }), server('two', { 'tools/list': paged(1) })]);
  const { mcp } = await gateway(both);
  const session = await initialize(mcp);
  const pages: string[][] = [];
  let cursor: string | undefined;
  do {
    const page = await session.ask('tools/list', cursor === undefined ? {} : { cursor });
    pages.push(namesOf(page));
    cursor = cursorOf(page);
  } while (cursor !== undefined && pages.length < 10);
  expect(pages).toEqual([['one__t0', 'two__t0'], ['one__t1'], ['one__t2']]);
  expect(both[1].of('tools/list')).toHaveLength(1);
});

test('a cursor of another list, or made up, is refused', async () => {
  const both = await Promise.all([server('one', { 'tools/list': paged(3) }), server('two')]);
  const { mcp } = await gateway(both);
  const session = await initialize(mcp);
  const cursor = cursorOf(await session.ask('tools/list'))!;
  for (const [method, given] of [
    ['prompts/list', cursor],
    ['tools/list', '1'],
    ['tools/list', cursor.slice(0, -2)],
  ] as const)
    expect((await session.ask(method, { cursor: given })).message.error?.code).toBe(-32602);
});

test('a cursor that is too long to be handed on: what is behind it is said to be missing', async () => {
  const both = await Promise.all([
    server('one', { 'tools/list': result({ tools: [{ name: 'a' }], nextCursor: 'x'.repeat(100_000) }) }),
    server('two'),
  ]);
  const { mcp } = await gateway(both);
  const told = await (await initialize(mcp)).ask('tools/list');
  expect([namesOf(told), cursorOf(told), partialOf(told)]).toEqual([['one__a', 'two__echo'], undefined, ['one']]);
});

const error: FakeScript = (reply, seen) => answer(200, rpcError(idOf(seen.body), -32603))(reply, seen);
test.each<readonly [string, FakeScript]>([
  ['answers too late', hang],
  ['trickles for ever', events(Array<string>(100).fill(': \n\n'), { pauseMs: 50, close: 'hang' })],
  ['answers with an error', error],
  ['has no list in its answer', result({})],
  ['has something else for a list', result({ tools: {} })],
  [
    'says a member twice',
    (reply, seen) =>
      answer(200, `{"jsonrpc":"2.0","id":${idOf(seen.body)},"result":{"tools":[],"tools":[]}}`, { 'content-type': 'application/json' })(
        reply,
        seen,
      ),
  ],
  ['sends too much', result({ tools: [{ name: 'x'.repeat(5000) }] })],
])('a server that %s is left out and named', async (_, script) => {
  const both = await Promise.all([server('one'), server('two', { 'tools/list': script })]);
  const { mcp } = await gateway(both, '', { mcpLimits: { fanOutMs: 300, maxAnswerBytes: 3000 } });
  const told = await (await initialize(mcp)).ask('tools/list');
  expect([namesOf(told), partialOf(told)]).toEqual([['one__echo'], ['two']]);
});

const unknown: FakeScript = (reply, seen) => answer(200, rpcError(idOf(seen.body), -32601))(reply, seen);

test('a server that does not know the method has nothing, and is not missed', async () => {
  const both = await Promise.all([server('one'), server('two', { 'tools/list': unknown })]);
  const { mcp } = await gateway(both);
  const told = await (await initialize(mcp)).ask('tools/list');
  expect([namesOf(told), partialOf(told)]).toEqual([['one__echo'], undefined]);
});

test('where no server answers, the list is an error and not empty', async () => {
  const both = await Promise.all([server('one', { 'tools/list': error }), server('two', { 'tools/list': error })]);
  const { mcp } = await gateway(both);
  expect((await (await initialize(mcp)).ask('tools/list')).message.error?.code).toBe(-32010);
});

test('servers without the capability are not asked', async () => {
  const both = await Promise.all([
    server('one', { 'prompts/list': result({ prompts: [{ name: 'p' }] }) }),
    server('two', {}, { tools: {} }),
  ]);
  const { mcp } = await gateway(both);
  const told = await (await initialize(mcp)).ask('prompts/list');
  expect(told.message.result).toEqual({ prompts: [{ name: 'one__p' }] });
  expect(two(both).of('prompts/list')).toEqual([]);
});

const two = <T>([, second]: readonly T[]): T => second!;

test('tasks of the only server that has any go to it; of two they are not offered', async () => {
  const tasks = { tools: {}, tasks: { list: {}, cancel: {} } };
  const made = await Promise.all([
    server('one'),
    server('two', { 'tasks/get': result({ taskId: 't', status: 'working' }), 'tasks/list': result({ tasks: [{ taskId: 't' }] }) }, tasks),
    server('three', {}, tasks),
  ]);
  const { mcp } = await gateway(made.slice(0, 2));
  const session = await initialize(mcp);
  expect(session.hello.message.result).toMatchObject({ capabilities: { tasks: { list: {} } } });
  expect((await session.ask('tasks/get', { taskId: 't' })).message.result).toEqual({ taskId: 't', status: 'working' });
  expect((await session.ask('tasks/list')).message.result).toEqual({ tasks: [{ taskId: 't' }] });
  const all = await initialize((await gateway(made)).mcp);
  expect(all.hello.message.result?.['capabilities']).not.toHaveProperty('tasks');
  expect((await all.ask('tasks/get', { taskId: 't' })).message.error?.code).toBe(-32601);
});

test('a completion goes to the server of the prompt or resource, in its words', async () => {
  const complete = result({ completion: { values: ['v'] } });
  const both = await Promise.all([server('one', { 'completion/complete': complete }), server('two', { 'completion/complete': complete })]);
  const { mcp } = await gateway(both);
  const session = await initialize(mcp);
  await session.ask('completion/complete', { ref: { type: 'ref/prompt', name: 'two__p' }, argument: { name: 'a', value: '' } });
  await session.ask('completion/complete', { ref: { type: 'ref/resource', uri: 'one+x://{a}' }, argument: { name: 'a', value: '' } });
  const refs = both.map((each) => each.of('completion/complete').map(({ message }) => (message['params'] as { ref: object }).ref));
  expect(refs).toEqual([[{ type: 'ref/resource', uri: 'x://{a}' }], [{ type: 'ref/prompt', name: 'p' }]]);
});

test('of a hundred servers all are asked at once', async () => {
  let waiting = 0;
  const { promise: all, resolve: release } = Promise.withResolvers<void>();
  const list: FakeScript = async (reply, seen) => {
    if (++waiting === 100) release();
    await all;
    return answer(200, response(idOf(seen.body), { tools: [{ name: 'echo', inputSchema: {} }] }))(reply, seen);
  };
  const hundred = await Promise.all(Array.from({ length: 100 }, (_, index) => server(`s${index}`, { 'tools/list': list })));
  const { mcp } = await gateway(hundred);
  const session = await initialize(mcp);
  // None is answered before all are asked: one after the other they would never be.
  const told = await session.ask('tools/list');
  expect([namesOf(told).length, partialOf(told)]).toEqual([100, undefined]);
  expect((await session.ask('tools/call', { name: 's99__echo' })).message.result).toMatchObject({ content: [{ text: 's99' }] });
}, 60_000);
