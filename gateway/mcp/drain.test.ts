// A gateway that stops ends the streams that only wait, in good order, and does not wait for them.
import { expect, test } from 'vitest';

import { startGateway } from '../gateway.fixture.ts';
import { mcpYaml } from './mcp.fixture.ts';
import { listenModern, type Message } from './modern-client.fixture.ts';
import { closeAfterEach, opening, server } from './opening.fixture.ts';
import { initialize } from './raw-client.fixture.ts';
import { idOf } from './scripted.fixture.ts';
import { answer, events, response } from './upstream/fake-server.fixture.ts';
import { startModernEverything } from './upstream/modern-everything.fixture.ts';

closeAfterEach();

// The time of a stop is never asserted: a stop that waited for a stream would take longer than a test may.
const gateway = async (servers: readonly { readonly name: string; readonly port: number }[]) => {
  const started = await opening(startGateway({ yaml: mcpYaml(servers), drainMs: 600_000 }));
  return { ...started, mcp: `${started.url}/mcp` };
};

test.each([[['one']], [['one', 'two']]])('streams of GET, at %s', async (names) => {
  const servers = await Promise.all(names.map((name) => server(name, { GET: events([], { close: 'hang' }) })));
  const { tier, mcp } = await gateway(servers);
  const session = await initialize(mcp);
  const stream = await session.stream();
  await expect.poll(() => servers.every(({ seen }) => seen.some(({ method }) => method === 'GET'))).toBe(true);
  await tier.stop();
  await expect.poll(() => stream.ended).toBe(true);
});

test('subscriptions end with their result, so that the client listens elsewhere', async () => {
  const [one, two] = await Promise.all([opening(startModernEverything({ name: 'one' })), opening(startModernEverything({ name: 'two' }))]);
  const { tier, mcp } = await gateway([
    { name: 'one', port: one.port },
    { name: 'two', port: two.port },
  ]);
  const heard: Message[] = [];
  const listening = (async () => {
    for await (const message of listenModern(mcp, { toolsListChanged: true })) heard.push(message);
  })();
  await expect.poll(() => heard.length).toBe(1);
  await tier.stop();
  await listening;
  expect(heard.at(-1)).toMatchObject({ id: 7, result: { resultType: 'complete' } });
});

test('a call that is under way is answered', async () => {
  const { promise: gate, resolve: go } = Promise.withResolvers<void>();
  const one = await server('one', {
    'tools/call': async (reply, seen) => {
      await gate;
      return answer(200, response(idOf(seen.body), { content: [] }))(reply, seen);
    },
  });
  const { tier, mcp } = await gateway([one]);
  const session = await initialize(mcp);
  const asked = session.ask('tools/call', { name: 'echo' });
  await expect.poll(() => one.of('tools/call').length).toBe(1);
  const stopping = tier.stop();
  go();
  expect((await asked).message.result).toEqual({ content: [] });
  await stopping;
});
