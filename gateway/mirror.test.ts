import { Agent, type IncomingMessage, type ServerResponse } from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { ask, open, type Origin, startOrigin, to, webYaml } from './origin.fixture.ts';

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0).toReversed()) await each.close();
});

interface Heard {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Whether the request was whole. */
  readonly whole: boolean;
}

/** A server that notes what it hears. @param answer once the request is over */
async function listener(
  name: string,
  answer: (response: ServerResponse) => void = (response) => void response.end(name),
): Promise<Origin & { readonly heard: Heard[] }> {
  const heard: Heard[] = [];
  const origin = await startOrigin(name, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    request.on('close', () => {
      heard.push({ method: request.method!, url: request.url!, headers: request.headers, body, whole: request.complete });
      if (request.complete) answer(response);
    });
  });
  running.push(origin);
  return Object.assign(origin, { heard });
}

async function start(ports: Readonly<Record<string, number>>, rule: string, more = ''): Promise<TestGateway> {
  const gateway = await startGateway({ yaml: webYaml(ports, { web: rule }) + more });
  running.push(gateway);
  return gateway;
}

const mirror = (name: string, more = '') =>
  `{type: RequestMirror, requestMirror: {backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: ${name}}${more === '' ? '' : `, ${more}`}}}`;

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(2);
}

/** What the metrics say of copies: `backend result` → count. */
async function counts({ adminUrl }: TestGateway): Promise<Record<string, number>> {
  const { body } = await ask(`${adminUrl}/metrics`);
  const lines = body.matchAll(/^tierkit_mirrored_requests_total\{backend="([^"]*)",result="([^"]*)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, backend, result, count]) => [`${backend} ${result}`, Number(count)]));
}

describe('a copy of a request', () => {
  it('is what the backend gets, as the rule’s filters leave it, and its answer nobody’s', async () => {
    const a = await listener('a');
    const one = await listener('one', (response) => void response.writeHead(500, { 'x-one': '1' }).end('no'));
    const two = await listener('two');
    const filters = `{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: y}], remove: [X-Remove]}}, ${mirror('one')}, ${mirror('two')}, {type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /in}}}`;
    const ofBackend = 'filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Of-A, value: a}]}}]';
    const gateway = await start(
      { a: a.port, one: one.port, two: two.port },
      `{matches: [{path: {value: /out}}], filters: [${filters}], ${to('a', ofBackend)}}`,
    );
    const body = 'b'.repeat(300_000);
    const answer = await ask(`${gateway.url}/out/1?q=1`, { method: 'PUT', headers: { 'x-remove': '1', 'x-tierkit-forged': '1' }, body });
    expect([answer.status, answer.body, answer.headers['x-one']]).toEqual([200, 'a', undefined]);
    await until(() => one.heard.length === 1 && two.heard.length === 1);
    const { 'x-of-a': ofA, ...headers } = a.heard[0]!.headers;
    expect(ofA).toBe('a');
    for (const { heard } of [one, two]) expect(heard).toEqual([{ ...a.heard[0], headers }]);
    expect(headers).toMatchObject({ 'x-set': 'y', host: new URL(gateway.url).host, 'x-forwarded-for': '127.0.0.1' });
    expect(Object.keys(headers).filter((name) => /remove|forged/.test(name))).toEqual([]);
    let counted: Record<string, number> = {};
    while (Object.keys(counted).length < 2) counted = await counts(gateway);
    expect(counted).toEqual({ 'default/one ok': 1, 'default/two ok': 1 });
  });

  it('carries no credential that the policy keeps', async () => {
    const a = await listener('a');
    const copied = await listener('copied');
    const gateway = await start(
      { a: a.port, copied: copied.port },
      `{filters: [${mirror('copied')}], ${to('a')}}`,
      `
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {ann: secret-key}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}]
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-key], params: [key], cookies: [key]}], forwardClientIDHeader: x-client, sanitize: true}
`,
    );
    expect((await ask(gateway.url)).status).toBe(401);
    const headers = { 'x-key': 'secret-key', cookie: 'key=secret-key; other=1', 'proxy-authorization': 'Basic secret-key' };
    expect((await ask(`${gateway.url}/?key=secret-key&other=1`, { headers })).status).toBe(200);
    await until(() => copied.heard.length === 1);
    // The one that was not let in was not copied either.
    expect(copied.heard).toHaveLength(1);
    expect(copied.heard).toEqual(a.heard);
    expect(JSON.stringify(copied.heard)).not.toContain('secret-key');
    expect(copied.heard[0]).toMatchObject({ url: '/?other=1', headers: { cookie: 'other=1', 'x-client': 'ann' } });
  });

  it('is made of the share that the filter says, evenly', async () => {
    const a = await startOrigin('a');
    const [none, some, half] = [await startOrigin('none'), await startOrigin('some'), await startOrigin('half')];
    running.push(a, none, some, half);
    const filters = [
      mirror('none', 'percent: 0'),
      mirror('some', 'percent: 20'),
      mirror('half', 'fraction: {numerator: 1, denominator: 2}'),
    ];
    const gateway = await start(
      { a: a.port, none: none.port, some: some.port, half: half.port },
      `{filters: [${filters.join(', ')}], ${to('a')}}`,
    );
    for (let round = 0; round < 100; round++) await ask(gateway.url);
    await until(() => some.requests.length >= 18 && half.requests.length >= 48);
    await sleep(20);
    expect(none.requests.length).toBe(0);
    expect(some.requests.length).toBeLessThanOrEqual(22);
    expect(half.requests.length).toBeLessThanOrEqual(52);
  });

  it('neither fails nor delays the request: a mirror that is not there, breaks off, or says nothing', async () => {
    const a = await listener('a');
    const gone = await startOrigin('gone');
    await gone.close();
    const breaking = await startOrigin('breaking', (request) => void request.socket.destroy());
    const silent = await startOrigin('silent', (request) => void request.resume());
    running.push(breaking, silent);
    const gateway = await start(
      { a: a.port, gone: gone.port, breaking: breaking.port, silent: silent.port },
      `{filters: [${['gone', 'breaking', 'silent'].map((name) => mirror(name)).join(', ')}], ${to('a')}}`,
    );
    for (let round = 0; round < 20; round++) {
      const answer = await ask(gateway.url, { method: 'POST', body: 'x' });
      expect([answer.status, answer.body]).toEqual([200, 'a']);
    }
    const counted = await counts(gateway);
    // What does not answer is not asked again and again.
    expect(counted['default/gone skipped']).toBeGreaterThan(0);
    expect(counted['default/gone failed']! + counted['default/gone skipped']!).toBe(20);
    expect(gone.requests.length).toBe(0);
  });

  it('is given up where its mirror takes the body more slowly than the backend', async () => {
    const a = await listener('a');
    const sockets = new Set<net.Socket>();
    const stuck = net.createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.pause();
    });
    await new Promise<void>((resolve) => {
      stuck.listen(0, '127.0.0.1', resolve);
    });
    running.push({
      close: () =>
        new Promise((resolve) => {
          stuck.close(() => resolve());
          for (const socket of sockets) socket.destroy();
        }),
    });
    const gateway = await start(
      { a: a.port, stuck: (stuck.address() as net.AddressInfo).port },
      `{filters: [${mirror('stuck')}], ${to('a')}}`,
    );
    const answer = await ask(gateway.url, { method: 'POST', body: Buffer.alloc(32 * 1024 * 1024, 'x') });
    expect([answer.status, a.heard[0]!.body.length]).toEqual([200, 32 * 1024 * 1024]);
    let counted: Record<string, number> = {};
    while (Object.keys(counted).length === 0) counted = await counts(gateway);
    expect(counted).toEqual({ 'default/stuck given_up': 1 });
  });

  it('of a request that breaks off is not whole either', async () => {
    const a = await listener('a');
    const copied = await listener('copied');
    const gateway = await start({ a: a.port, copied: copied.port }, `{filters: [${mirror('copied')}], ${to('a')}}`);
    const request = open(
      gateway.url,
      { method: 'POST' },
      () => undefined,
      () => undefined,
    );
    request.write('begun');
    await until(() => a.requests.length === 1 && copied.requests.length === 1);
    request.destroy();
    await until(() => a.heard.length === 1 && copied.heard.length === 1);
    expect([a.heard[0]!.whole, copied.heard[0]!.whole]).toEqual([false, false]);
  });

  it('is whole also where the backend answers before it has heard all', async () => {
    const early = await startOrigin('early', (request, response) => {
      response.end('enough');
      request.resume();
    });
    running.push(early);
    const copied = await listener('copied');
    const gateway = await start({ early: early.port, copied: copied.port }, `{filters: [${mirror('copied')}], ${to('early')}}`);
    let answered = false;
    const agent = new Agent({ keepAlive: true });
    running.push({ close: () => Promise.resolve(agent.destroy()) });
    const request = open(
      gateway.url,
      { method: 'POST', agent },
      () => undefined,
      (response) => {
        response.resume();
        answered = true;
      },
    );
    request.write('first ');
    await until(() => answered);
    request.end('second');
    await until(() => copied.heard.length === 1);
    expect(copied.heard[0]).toMatchObject({ body: 'first second', whole: true });
  });
});
