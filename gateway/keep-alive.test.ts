import { afterEach, expect, it } from 'vitest';

import { ask, DIALECTS, dialectOf, eventsOf, logged, pairsYaml } from './dialects.fixture.ts';
import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, hang, type Script, slow, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let gateway: TestGateway;
let first: Upstream;
let second: Upstream;

afterEach(async () => {
  await gateway.close();
  await first.close();
  await second.close();
});

async function start(one: Script, two: Script, idle: string): Promise<void> {
  first = await startUpstream((socket, request) => one(socket, request));
  second = await startUpstream((socket, request) => two(socket, request));
  const yaml = pairsYaml(first.port, second.port, `    streamIdleTimeout: ${idle}`);
  gateway = await startGateway({
    // One second is the shortest interval.
    yaml: yaml.replaceAll(
      /metadata: \{name: (\w+-(?:pair|only))\}/g,
      'metadata: {name: $1, annotations: {tierkit.dev/stream-keepalive: 1s}}',
    ),
  });
}

const stream: Script = (socket, request) => sse(eventsOf(dialectOf(request.path), ['fine']))(socket, request);

const askAll = (model: 'pair' | 'only', streams = true) =>
  Promise.all(
    DIALECTS.map(async (dialect) => ({
      dialect,
      got: await ask(gateway.url, dialect.path, dialect.request(dialect.model.replace('pair', model), streams)),
    })),
  );

it('sends comments while no token has come; the next backend can answer all the same', async () => {
  await start(hang, stream, '1200ms');
  for (const { dialect, got } of await askAll('pair')) {
    expect(got.status).toBe(200);
    expect(got.headers['content-type']).toContain('text/event-stream');
    const events = eventsOf(dialect, ['fine']).filter((event) => dialect.name !== 'chat' || !event.includes('"usage":{'));
    expect(got.text).toBe(`: keep-alive\n\n${events.join('')}`);
  }
  expect(await logged(gateway.accessLog, 3)).toMatchObject({ complete: true });
});

it('says an error as an event once there was a comment', async () => {
  await start(hang, hang, '1200ms');
  for (const { dialect, got } of await askAll('only')) {
    expect([got.status, got.whole]).toEqual([200, true]);
    expect(got.text.startsWith(': keep-alive\n\n')).toBe(true);
    expect(dialect.endsWithError(got.text)).toBe(true);
  }
  expect(await logged(gateway.accessLog, 3)).toMatchObject({ complete: false, response_code_details: 'TK_TIMEOUT' });
});

const whole: Script = (socket, request) => answer(200, dialectOf(request.path).whole('wrong'))(socket, request);

it('does not put an answer that is no stream behind comments', async () => {
  await start(slow(1150, whole), stream, '5s');
  for (const { dialect, got } of await askAll('pair')) {
    expect(got.text).not.toContain('wrong');
    expect(got.text).toContain(dialect.endMarker);
  }
});

it('leaves quick streams and whole answers as they are', async () => {
  await start(
    slow(1100, (socket, request) => answer(200, dialectOf(request.path).whole('fine'))(socket, request)),
    hang,
    '5s',
  );
  for (const { dialect, got } of await askAll('pair', false)) expect(JSON.parse(got.text)).toEqual(dialect.whole('fine'));
});
