// Extensions in a running gateway.
import { request as send } from 'node:http';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from '../gateway.fixture.ts';
import { answerJson, startRecorder } from '../recorder.fixture.ts';
import { type Extension, type ExtensionRequest, type ExtensionResult, Refusal } from './extension.ts';

type Upstream = Awaited<ReturnType<typeof startRecorder>>;
let upstream: Upstream;
let other: Upstream;
let gateway: TestGateway;

beforeEach(async () => {
  upstream = await startRecorder();
  other = await startRecorder();
});

afterEach(async () => {
  await gateway.close();
  await upstream.close();
  await other.close();
});

async function start(...extensions: readonly Extension[]): Promise<void> {
  gateway = await startGateway({
    yaml: [
      backendsYaml([
        { name: 'a', port: upstream.port, key: 'key-a' },
        { name: 'b', port: other.port, key: 'key-b' },
        { name: 'n', port: upstream.port, schema: 'Anthropic', key: 'key-n' },
      ]),
      routeYaml('m', ['a']),
      routeYaml('two', ['a', 'b']),
      routeYaml('claude', ['n']),
    ].join('\n---\n'),
    extensions,
  });
}

async function post(body: object, path = '/v1/chat/completions', headers: Record<string, string> = {}) {
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, text: await answer.text() };
}

const add = (name: string): Extension => ({ name, attempt: () => ({ setHeaders: { 'x-last': name }, setBody: { [name]: 1 } }) });

/** An extension that keeps what it is told. */
function keeper(): Extension & { results: (ExtensionResult & { readonly id: string })[] } {
  const results: (ExtensionResult & { readonly id: string })[] = [];
  return { name: 'keep', results, settled: (request: ExtensionRequest, result) => void results.push({ id: request.id, ...result }) };
}

describe('authorize', () => {
  test('sees the request, without its credentials', async () => {
    let seen: object | undefined;
    await start({
      name: 'look',
      authorize(request) {
        const { id, operation, dialect, model, stream, clientId, headers } = request;
        seen = {
          id,
          operation,
          dialect,
          model,
          stream,
          clientId,
          headers: { ...headers },
          body: request.json(),
          same: request.json() === request.json(),
        };
      },
    });
    await post({ model: 'claude', stream: false, x: [1] }, '/anthropic/v1/messages', {
      'x-request-id': 'id-1',
      'x-mine': '1',
      authorization: 'Bearer s',
      cookie: 's',
      'x-tierkit-internal': 's',
    });
    expect(seen).toMatchObject({
      id: 'id-1',
      operation: 'messages',
      dialect: 'anthropic',
      model: 'claude',
      stream: false,
      clientId: undefined,
      body: { model: 'claude', stream: false, x: [1] },
      same: true,
      headers: { 'x-mine': '1' },
    });
    for (const name of ['authorization', 'cookie', 'x-tierkit-internal']) expect(seen).not.toHaveProperty(['headers', name]);
  });

  test('what it does to the body changes nothing', async () => {
    await start({
      name: 'scribble',
      authorize(request) {
        (request.json() as { model: string }).model = 'other';
      },
    });
    await post({ model: 'm', x: 1 });
    expect(upstream.last().body.toString()).toBe('{"model":"m","x":1}');
  });

  test.each([
    ['/v1/chat/completions', 'm', '{"error":{"message":"not today","type":"invalid_request_error","param":null,"code":"TK_REFUSED"}}'],
    ['/anthropic/v1/messages', 'claude', '"error":{"type":"invalid_request_error","message":"not today","code":"TK_REFUSED"}'],
  ])('a refusal is told in the words of %s, and nothing is sent', async (path, model, told) => {
    await start({
      name: 'refuse',
      async authorize() {
        await Promise.resolve();
        throw new Refusal('not today', 451);
      },
    });
    const { status, text } = await post({ model }, path);
    expect(status).toBe(451);
    expect(text).toContain(told);
    expect(upstream.seen).toHaveLength(0);
    expect(gateway.accessLog.at(-1)).toMatchObject({ response_code: 451, response_code_details: 'TK_REFUSED' });
    expect(gateway.log.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  test.each([
    [200, 400],
    [302, 400],
    [500, 400],
    [Number.NaN, 400],
    [403, 403],
  ])('a refusal with status %s is %s', async (asked, status) => {
    await start({
      name: 'refuse',
      authorize() {
        throw new Refusal('no', asked);
      },
    });
    expect((await post({ model: 'm' })).status).toBe(status);
  });

  test('the first one that refuses decides', async () => {
    const asked: string[] = [];
    const make = (name: string, refuses: boolean): Extension => ({
      name,
      authorize() {
        asked.push(name);
        if (refuses) throw new Refusal(name);
      },
    });
    await start(make('one', false), make('two', true), make('three', true));
    expect((await post({ model: 'm' })).text).toContain('"two"');
    expect(asked).toEqual(['one', 'two']);
  });

  test.each([
    ['an Error', () => new Error('boom')],
    ['a text', () => 'boom'],
    ['nothing', () => undefined],
    ['what only looks like a refusal', () => ({ name: 'Refusal', message: 'boom', status: 400 })],
  ])('%s that is thrown harms its own request only', async (_, thrown) => {
    await start({
      name: 'broken',
      authorize(request) {
        if (request.headers['x-throw'] !== undefined) throw thrown();
      },
    });
    const [broken, good] = await Promise.all([post({ model: 'm' }, undefined, { 'x-throw': '1' }), post({ model: 'm' })]);
    expect(broken.status).toBe(500);
    expect(broken.text).toContain('the extension \\"broken\\" failed');
    expect(broken.text).not.toContain('boom');
    expect(good.status).toBe(200);
    const lines = gateway.log.filter((line) => line.includes('hook \\"authorize\\"'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('extension \\"broken\\"');
  });
});

describe('attempt', () => {
  test('changes headers and members, anew for each attempt', async () => {
    const attempts: object[] = [];
    await start({
      name: 'edit',
      async attempt(request, attempt) {
        attempts.push({ ...attempt, model: request.model });
        await Promise.resolve();
        return {
          setHeaders: { 'X-Try': `${attempt.backend} ${attempt.attempt}` },
          removeHeaders: ['X-Mine'],
          setBody: { tries: attempt.attempt, nested: { a: [true, null] } },
          removeBody: ['secret'],
        };
      },
    });
    upstream.answer = answerJson({ error: { message: 'busy' } }, 503);
    const { status } = await post({ model: 'two', secret: 1, kept: 1.0, tries: 'x' }, undefined, { 'x-mine': '1', 'x-try': 'client' });
    expect(status).toBe(200);
    expect(attempts).toEqual([
      { backend: 'default/a', attempt: 1, model: 'two' },
      { backend: 'default/b', attempt: 2, model: 'two' },
    ]);
    for (const [recorder, number, name] of [
      [upstream, 1, 'a'],
      [other, 2, 'b'],
    ] as const) {
      const { headers, body } = recorder.last();
      expect(headers['x-try']).toBe(`default/${name} ${number}`);
      expect(headers).not.toHaveProperty('x-mine');
      expect(body.toString()).toBe(`{"model":"two","kept":1,"tries":${number},"nested":{"a":[true,null]}}`);
    }
  });

  test('several see what earlier ones changed', async () => {
    await start(add('one'), { name: 'none', attempt: () => undefined }, add('two'));
    await post({ model: 'm' });
    expect(upstream.last().headers['x-last']).toBe('two');
    expect(upstream.last().body.toString()).toBe('{"model":"m","one":1,"two":1}');
  });

  test('a body as deep as the gateway takes it can be changed', async () => {
    await start({ name: 'edit', attempt: () => ({ setBody: { x: 1 } }) });
    const deep = JSON.parse(`${'['.repeat(120)}${']'.repeat(120)}`) as unknown;
    expect((await post({ model: 'm', deep })).status).toBe(200);
  });

  test('the backend’s credential is put on afterwards', async () => {
    const seen: string[] = [];
    await start({
      name: 'thief',
      attempt(request) {
        seen.push(JSON.stringify(request));
        return { setHeaders: { Authorization: 'Bearer mine' }, removeHeaders: ['authorization'] };
      },
    });
    await post({ model: 'm' });
    expect(upstream.last().headers.authorization).toBe('Bearer key-a');
    await post({ model: 'claude' }, '/anthropic/v1/messages');
    expect(upstream.last().headers['x-api-key']).toBe('key-n');
    expect(seen.join()).not.toContain('key-');
  });

  test.each([
    ['Host', { setHeaders: { Host: 'evil' } }],
    ['Content-Length', { setHeaders: { 'content-length': '1' } }],
    ['Transfer-Encoding', { removeHeaders: ['Transfer-Encoding'] }],
    ['Connection', { setHeaders: { connection: 'close' } }],
    ['Upgrade', { setHeaders: { upgrade: 'h2c' } }],
    ['Expect', { setHeaders: { expect: '100-continue' } }],
    ['a line break in a value', { setHeaders: { 'x-a': 'a\r\nx-evil: 1' } }],
    ['a letter that no header has', { setHeaders: { 'x-a': '日' } }],
    ['a name that is none', { setHeaders: { 'x a': '1' } }],
    ['a number as value', { setHeaders: { 'x-a': 5 as unknown as string } }],
    ['a value that is no JSON', { setBody: { x: undefined } }],
    ['a value that refers to itself', { setBody: { x: circular() } }],
  ])('%s cannot be changed: the extension fails, and no backend is blamed', async (_, changes) => {
    await start({ name: 'wild', attempt: (request) => (request.model === 'm' ? changes : undefined) });
    for (let count = 0; count < 6; count++) {
      const { status, text } = await post({ model: 'm' });
      expect(status).toBe(500);
      expect(text).toContain('the extension \\"wild\\" failed');
    }
    expect(upstream.seen).toHaveLength(0);
    expect(gateway.log.filter((line) => line.includes('hook \\"attempt\\"'))).toHaveLength(6);
    expect((await post({ model: 'two' })).status).toBe(200);
    expect(upstream.seen).toHaveLength(1);
  });

  test('an upload has no members to change', async () => {
    await start({ name: 'edit', attempt: () => ({ setBody: { x: 1 } }) });
    const form = new FormData();
    form.append('model', 'm');
    const answer = await fetch(`${gateway.url}/v1/audio/transcriptions`, { method: 'POST', body: form });
    expect(answer.status).toBe(500);
    await answer.arrayBuffer();
    expect(upstream.seen).toHaveLength(0);
  });
});

describe('settled', () => {
  test('is told of a good answer, and of the last of several attempts', async () => {
    const keep = keeper();
    await start(keep);
    await post({ model: 'm' }, undefined, { 'x-request-id': 'one' });
    upstream.answer = answerJson({ error: { message: 'busy' } }, 500);
    await post({ model: 'two' }, undefined, { 'x-request-id': 'two' });
    await post({ model: 'm' }, undefined, { 'x-request-id': 'three' });
    expect(keep.results).toMatchObject([
      {
        id: 'one',
        status: 200,
        complete: true,
        clientGone: false,
        attempts: 1,
        backend: 'default/a',
        usage: { input: 3, output: 2, source: 'reported' },
      },
      { id: 'two', status: 200, complete: true, attempts: 2, backend: 'default/b' },
      { id: 'three', status: 500, complete: false, attempts: 1, backend: 'default/a', usage: undefined },
    ]);
    for (const { durationMs } of keep.results) expect(durationMs).toBeGreaterThan(0);
  });

  test('is told of a client that left in the middle of a stream', async () => {
    const keep = keeper();
    await start(keep);
    upstream.answer = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const timer = setInterval(() => response.write('data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'), 5);
      response.on('close', () => clearInterval(timer));
    };
    const request = send(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { 'content-type': 'application/json' } });
    request.on('error', () => undefined);
    request.on('response', (answer) => {
      answer.on('error', () => undefined);
      answer.once('data', () => request.destroy());
    });
    request.end('{"model":"m","stream":true}');
    while (keep.results.length === 0)
      await new Promise((next) => {
        setTimeout(next, 5);
      });
    expect(keep.results).toMatchObject([{ complete: false, clientGone: true, attempts: 1, backend: 'default/a' }]);
  });

  test('what it throws changes nothing, and the next one is told too', async () => {
    const keep = keeper();
    await start(
      {
        name: 'broken',
        settled() {
          throw new Error('boom');
        },
      },
      keep,
    );
    expect((await post({ model: 'm' })).status).toBe(200);
    expect(keep.results).toHaveLength(1);
    expect(gateway.log.filter((line) => line.includes('extension \\"broken\\", hook \\"settled\\"'))).toHaveLength(1);
  });
});

function circular(): object {
  const object: Record<string, unknown> = {};
  object['self'] = object;
  return object;
}
