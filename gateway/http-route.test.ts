import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { ask, below, open, type Origin, type OriginHandler, read, startOrigin, to, webYaml } from './origin.fixture.ts';
import { aiBackendYaml, aiRouteYaml, gatewayYaml, model } from '#core/route/route.fixture';

/** The server behind the gateway: each path shows one thing. */
const handler: OriginHandler = (request, response) => {
  const { pathname } = new URL(request.url!, 'http://x');
  switch (pathname) {
    case '/echo':
      response.writeHead(200, { 'content-type': request.headers['content-type'] ?? 'none' });
      request.pipe(response);
      break;
    case '/headers':
      response.end(JSON.stringify(request.rawHeaders));
      break;
    case '/answer-headers':
      response.writeHead(
        200,
        [
          ['X-One', '1'],
          ['Set-Cookie', 'a=1'],
          ['Set-Cookie', 'b=2'],
          ['Connection', 'X-Secret-Hop'],
          ['X-Secret-Hop', 'hop'],
          ['Keep-Alive', 'timeout=5'],
          ['X-Envoy-Upstream-Service-Time', '5'],
          ['Location', 'http://elsewhere.example.com/'],
          ['ETag', '"x"'],
        ].flat(),
      );
      response.end('ok');
      break;
    case '/status':
      response.writeHead(Number(new URL(request.url!, 'http://x').searchParams.get('code')), {
        'content-type': 'text/plain',
        'x-own': '1',
      });
      response.end(request.method === 'HEAD' ? undefined : 'body');
      break;
    case '/sized':
      response.writeHead(200, { 'content-length': '5' });
      response.end(request.method === 'HEAD' ? undefined : 'hello');
      break;
    case '/empty':
      response.writeHead(204);
      response.end();
      break;
    case '/unchanged':
      response.writeHead(304, { etag: '"x"' });
      response.end();
      break;
    case '/breaks':
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => setTimeout(() => response.destroy(), 10));
      break;
    default:
      request.resume();
      response.end(`${request.method} ${request.url} at ${request.headers.host}`);
  }
};

const filters = (list: string) => `filters: [${list}]`;

let origin: Origin;
let gateway: TestGateway;
beforeAll(async () => {
  origin = await startOrigin('origin', handler);
  const yaml = webYaml(
    { web: origin.port },
    {
      web: [
        `{${below('/')}, ${to('web')}}`,
        `{${below('/rewrite')}, ${to('web')}, ${filters('{type: URLRewrite, urlRewrite: {hostname: inner.example.com, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}}')}}`,
        `{${below('/full')}, ${to('web')}, ${filters('{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /one}}}')}}`,
        `{${below('/moved')}, ${filters('{type: RequestRedirect, requestRedirect: {scheme: https, hostname: new.example.com, path: {type: ReplacePrefixMatch, replacePrefixMatch: /there}, statusCode: 301}}')}}`,
        `{${below('/nobody')}}`,
        `{matches: [{path: {type: Exact, value: /only-post}, method: POST}], ${to('web')}}`,
        `{matches: [{path: {value: /headers}, headers: [{name: x-edit, value: "1"}]}], ${to('web', 'filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Backend, value: b}]}}]')},
          ${filters('{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: gateway}, {name: Host, value: set.example.com}], add: [{name: X-Add, value: gateway}], remove: [X-Remove]}}')}}`,
        `{matches: [{path: {value: /answer-headers}, headers: [{name: x-edit, value: "1"}]}], ${to('web')},
          ${filters('{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-One, value: set}], add: [{name: Set-Cookie, value: c=3}], remove: [ETag]}}')}}`,
      ].join(', '),
    },
    gatewayYaml('{name: http, port: 80, protocol: HTTP, hostname: "*.example.com"}'),
  );
  gateway = await startGateway({ yaml });
});
afterAll(async () => {
  await gateway.close();
  await origin.close();
});

/** Header lines as they are written, one name after the other. */
function flat(headers: Readonly<Record<string, string | readonly string[]>>): string[] {
  return Object.entries(headers).flatMap(([name, values]) => [values].flat().flatMap((value) => [name, value]));
}

const host = { host: 'a.example.com' };
const get = (path: string, headers: object = {}, method = 'GET', body?: string) =>
  ask(gateway.url + path, { method, headers: { ...host, ...headers }, ...(body === undefined ? {} : { body }) });

describe('requests', () => {
  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT', 'SEARCH'])(
    'pass with their method: %s',
    async (method) => {
      expect((await get('/any?q=a%20b&q=2', {}, method)).body).toBe(`${method} /any?q=a%20b&q=2 at a.example.com`);
    },
  );

  it('pass with their body, whatever it is', async () => {
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 256)).toString('base64');
    const answer = await get('/echo', { 'content-type': 'application/x-own' }, 'POST', body);
    expect([answer.headers['content-type'], answer.body === body]).toEqual(['application/x-own', true]);
    expect((await get('/echo', { 'content-length': 13 }, 'GET', 'a body on GET')).body).toBe('a body on GET');
  });

  it('pass as they come: the answer begins before the body has ended', async () => {
    let text = '';
    const answered = Promise.withResolvers<void>();
    const request = open(`${gateway.url}/echo`, { method: 'POST', headers: host }, answered.reject, (response) => {
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text === 'first') request.end(' second');
      });
      response.on('end', answered.resolve);
    });
    request.write('first');
    await answered.promise;
    expect(text).toBe('first second');
  });

  it('are sent to the backend without what is of the connection, or of gateways', async () => {
    const { body } = await ask(`${gateway.url}/headers`, {
      headers: flat({
        host: 'a.example.com',
        connection: 'X-Hop, keep-alive',
        'x-hop': '1',
        'keep-alive': 'timeout=5',
        te: 'trailers',
        'proxy-connection': 'x',
        'proxy-authorization': 'Basic eDp5',
        'x-envoy-forged': '1',
        'x-tierkit-forged': '1',
        'expect-ct': 'kept',
        authorization: 'Bearer of-the-client',
        cookie: 'a=1',
        'x-many': ['1', '2'],
        'accept-encoding': 'br',
      }),
    });
    const raw = JSON.parse(body) as string[];
    const got = Object.fromEntries(raw.flatMap((name, index) => (index % 2 === 0 ? [[name.toLowerCase(), raw[index + 1]]] : [])));
    expect(got).toEqual({
      host: 'a.example.com',
      connection: 'keep-alive',
      // The backend of ordinary traffic checks its own clients.
      authorization: 'Bearer of-the-client',
      cookie: 'a=1',
      'x-many': '1, 2',
      'accept-encoding': 'br',
      'expect-ct': 'kept',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': 'a.example.com',
      'x-forwarded-proto': 'http',
    });
  });

  it('say by which hops they came, and cannot say by which scheme', async () => {
    const raw = JSON.parse((await get('/headers', { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' })).body) as string[];
    const value = (name: string) => raw[raw.findIndex((each) => each.toLowerCase() === name) + 1];
    expect([value('x-forwarded-for'), value('x-forwarded-proto')]).toEqual(['203.0.113.9, 127.0.0.1', 'http']);
  });

  it('have their headers edited', async () => {
    const raw = JSON.parse(
      (await get('/headers', { 'x-edit': '1', 'x-set': 'client', 'x-add': 'client', 'x-remove': 'client' })).body,
    ) as string[];
    const values = (name: string) => raw.flatMap((each, index) => (index % 2 === 0 && each.toLowerCase() === name ? [raw[index + 1]] : []));
    expect(['x-set', 'x-add', 'x-remove', 'host', 'x-backend'].map(values)).toEqual([
      ['gateway'],
      ['client', 'gateway'],
      [],
      ['set.example.com'],
      ['b'],
    ]);
  });
});

describe('answers', () => {
  it('keep their headers, without what is of the connection', async () => {
    const { headers, rawHeaders } = await get('/answer-headers');
    expect(headers).toMatchObject({ 'x-one': '1', 'set-cookie': ['a=1', 'b=2'], location: 'http://elsewhere.example.com/', etag: '"x"' });
    expect(rawHeaders.join('\n')).not.toMatch(/secret-hop|envoy|timeout=5/i);
  });

  it('have their headers edited', async () => {
    expect((await get('/answer-headers', { 'x-edit': '1' })).headers).toMatchObject({
      'x-one': 'set',
      'set-cookie': ['a=1', 'b=2', 'c=3'],
    });
    expect((await get('/answer-headers', { 'x-edit': '1' })).headers.etag).toBeUndefined();
  });

  it.each([200, 201, 206, 301, 400, 401, 404, 418, 429, 500, 503])('pass with their status and body: %i', async (code) => {
    expect(await get(`/status?code=${code}`)).toMatchObject({ status: code, body: 'body', headers: { 'x-own': '1' } });
  });

  it('without a body keep what is said of one', async () => {
    const agent = { headers: host };
    expect(await ask(`${gateway.url}/sized`, { ...agent, method: 'HEAD' })).toMatchObject({
      status: 200,
      body: '',
      headers: { 'content-length': '5' },
    });
    expect(await get('/empty')).toMatchObject({ status: 204, body: '' });
    expect((await get('/empty')).headers['content-length']).toBeUndefined();
    expect(await get('/unchanged', { 'if-none-match': '"x"' })).toMatchObject({ status: 304, body: '', headers: { etag: '"x"' } });
  });

  it('that break off are seen to break off', async () => {
    await expect(get('/breaks')).rejects.toThrow('aborted');
    expect(gateway.accessLog.at(-1)).toMatchObject({ 'x-envoy-origin-path': '/breaks', complete: false });
  });
});

describe('rewrites and redirects', () => {
  it.each([
    ['/rewrite/a?x=1', 'GET /new/a?x=1 at inner.example.com'],
    ['/rewrite', 'GET /new at inner.example.com'],
    ['/rewritten', 'GET /rewritten at a.example.com'],
    ['/full/a/b?x=1', 'GET /one?x=1 at a.example.com'],
    // The path is decided once: what is matched is what is sent.
    ['/x/../rewrite/./a', 'GET /new/a at inner.example.com'],
    ['//rewrite//a', 'GET /new/a at inner.example.com'],
  ])('%s', async (path, seen) => {
    // Node's own URL would resolve the dots before the gateway sees them.
    const socket = net.connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write(`GET ${path} HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n`);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(socket, 'close');
    expect(text).toContain(seen);
  });

  it('a redirect is answered without the backend', async () => {
    const before = origin.requests.length;
    const { status, headers, body } = await get('/moved/a/b?x=1', {}, 'POST', 'unread');
    expect([status, headers.location, body]).toEqual([301, 'https://new.example.com/there/a/b?x=1', '']);
    expect(origin.requests.length).toBe(before);
  });
});

describe('what nothing is served for', () => {
  it.each<[string, string, string, number, RegExp]>([
    ['another host', 'b.org', '/', 404, /no listener has the host \\"b\.org\\"/],
    ['the domain of a wildcard', 'example.com', '/', 404, /no listener/],
    ['a rule without a backend', 'a.example.com', '/nobody', 500, /leads nowhere: a backend/],
  ])('%s', async (_name, name, path, status, message) => {
    const answer = await get(path, { host: name });
    expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/json']);
    expect(answer.body).toMatch(message);
  });

  it('tells HEAD nothing of a body that it does not get', async () => {
    const { status, headers, body } = await get('/', { host: 'b.org' }, 'HEAD');
    expect([status, headers['content-type'], body]).toEqual([404, undefined, '']);
  });

  it('does not answer CONNECT with a tunnel', async () => {
    const socket = net.connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write('CONNECT a.example.com:80 HTTP/1.1\r\nHost: a.example.com\r\n\r\n');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await once(socket, 'close');
    expect(text).not.toMatch(/^HTTP\/1\.1 2/);
  });
});

describe('several backends', () => {
  const running: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of running.splice(0).toReversed()) await each.close();
  });
  const start = async (names: readonly string[], rules: string, more = '') => {
    const origins = await Promise.all(names.map((name) => startOrigin(name)));
    const ports = Object.fromEntries(names.map((name, index) => [name, origins[index]!.port]));
    const started = await startGateway({ yaml: webYaml(ports, { web: rules }) + more });
    running.push(...origins, started);
    return { started, origins };
  };

  it('share requests by weight; one of weight 0 gets none', async () => {
    const refs = ['a, weight: 3', 'z, weight: 1', 'none, weight: 0'].map(
      (ref) => `{group: gateway.envoyproxy.io, kind: Backend, name: ${ref}}`,
    );
    const { started, origins } = await start(['a', 'z', 'none'], `{backendRefs: [${refs.join(', ')}]}`);
    for (let index = 0; index < 400; index++) await ask(started.url);
    const [a, z, none] = origins.map(({ requests }) => requests.length);
    // Six standard deviations of 400 draws at 3 : 1.
    expect(a!).toBeGreaterThan(248);
    expect(a!).toBeLessThan(352);
    expect([a! + z!, none]).toEqual([400, 0]);
  });

  it('of a rule where all have weight 0 answer nothing: 500, as Gateway API has it', async () => {
    const { started } = await start(['a'], `{${to('a', 'weight: 0')}}`);
    expect((await ask(started.url)).status).toBe(500);
  });

  it('are of two routes: the AI route takes its models, the other one the rest', async () => {
    const chat = {
      id: 'c',
      object: 'chat.completion',
      model: 'm',
      choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
    };
    const ai = await startOrigin('ai', (request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(chat));
    });
    running.push(ai);
    const aiYaml =
      `\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {name: ai}\nspec: {endpoints: [{ip: {address: 127.0.0.1, port: ${ai.port}}}]}\n` +
      aiBackendYaml('ai').replace('name: b}', 'name: ai}') +
      aiRouteYaml('models', `{matches: [${model('m')}], backendRefs: [{name: ai}]}`);
    const { started, origins } = await start(['web', 'audio'], `{${to('web')}}, {${below('/v1/audio')}, ${to('audio')}}`, aiYaml);
    const post = (path: string, body: object) =>
      ask(started.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    expect(JSON.parse((await post('/v1/chat/completions', { model: 'm', messages: [] })).body)).toEqual(chat);
    expect((await post('/v1/chat/completions', { model: 'other', messages: [] })).body).toBe('web');
    // A longer prefix comes before any header, as that of the model is one.
    expect((await post('/v1/audio/speech', { model: 'm', input: 'x', voice: 'y' })).body).toBe('audio');
    expect((await ask(`${started.url}/index.html`)).body).toBe('web');
    expect(JSON.parse((await ask(`${started.url}/v1/models`)).body)).toMatchObject({ data: [{ id: 'm' }] });
    expect([ai.requests.length, ...origins.map(({ requests }) => requests.length)]).toEqual([1, 2, 1]);
  });

  it('are cancelled when the client leaves', async () => {
    const gone = Promise.withResolvers<void>();
    const slow = await startOrigin('slow', (request, response) => {
      response.on('close', gone.resolve);
      response.write('begin');
      request.resume();
    });
    running.push(slow);
    const { started } = await start(
      ['a'],
      `{${to('slow')}}`,
      `\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: Backend\nmetadata: {name: slow}\nspec: {endpoints: [{ip: {address: 127.0.0.1, port: ${slow.port}}}]}\n`,
    );
    const reading = await read(started.url);
    await reading.until('begin');
    await sleep(1);
    reading.cancel();
    await gone.promise;
    expect(slow.requests).toHaveLength(1);
  });
});
