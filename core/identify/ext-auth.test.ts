import type { RequestListener } from 'node:http';

import { Pool } from 'undici';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { caller, compile, headersOf, identify, refusal, type Running, secure, serve } from './identify.fixture.ts';
import type { Security } from './identity.ts';

const ref = (name: string, weight: number) => ({ kind: 'Backend', group: 'gateway.envoyproxy.io', name, weight });

let server: Running;
let pool: Pool;
let answer: RequestListener;

beforeEach(async () => {
  answer = (_, response) => response.end();
  server = await serve((request, response) => {
    answer(request, response);
  });
  pool = new Pool(server.url, { connections: 1, headersTimeout: 0, bodyTimeout: 0 });
});
afterEach(async () => {
  await pool.destroy();
  await server.close();
});

const policy = (extAuth: object = {}, http: object = {}, rest: object = {}, around: object = {}): Security =>
  secure(
    {
      extAuth: { http: { backendRefs: [{ kind: 'Backend', group: 'gateway.envoyproxy.io', name: 'auth' }], ...http }, ...extAuth },
      ...rest,
    },
    { backends: { auth: pool }, ...around },
  );
const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    response.writeHead(code, headers).end('canary-upstream-text');

it('shows the service the request, and no more of its headers than the policy says', async () => {
  const security = policy({ headersToExtAuth: ['X-Tenant', 'cookie', 'Host', 'x-forwarded-for', 'x-tierkit-role'] }, { path: '/check/' });
  const who = caller(
    {
      host: 'evil.test:1',
      authorization: 'Bearer canary-token',
      'x-tenant': 't',
      'x-other': 'o',
      cookie: 'a=1',
      'content-length': '500',
      'transfer-encoding': 'chunked',
      'x-forwarded-for': '10.0.0.1',
      'x-tierkit-role': 'admin',
    },
    { method: 'PUT', path: '/v1/chat', query: '?a=1', host: 'gateway.test', address: '192.0.2.7' },
  );
  expect((await identify(security, who)).headers).toEqual([]);
  const [seen] = server.seen;
  expect(seen).toMatchObject({ method: 'PUT', url: '/check/v1/chat?a=1' });
  expect(seen!.headers).toEqual({
    host: 'gateway.test',
    'content-length': '0',
    authorization: 'Bearer canary-token',
    'x-tenant': 't',
    cookie: 'a=1',
    'x-forwarded-for': '192.0.2.7',
    connection: 'keep-alive',
  });
});

it('asks with each method, and with the path alone where there is no prefix', async () => {
  const security = policy();
  for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE']) await identify(security, caller({}, { method }));
  expect(server.seen.map(({ method, url }) => `${method} ${url}`)).toEqual(
    ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'].map((method) => `${method} /v1/chat/completions`),
  );
});

it('takes on the headers that the policy names, from the service and never from the client', async () => {
  answer = (_, response) => response.writeHead(200, { 'x-user': 'ada', 'x-roles': ['a', 'b'], 'x-other': 'no' }).end();
  const security = policy({}, { headersToBackend: ['X-User', 'x-roles', 'x-absent'] });
  const identity = await identify(security, caller({ 'x-user': 'root', 'x-absent': 'forged' }));
  expect(headersOf(identity)).toEqual({ 'x-user': 'ada', 'x-roles': 'a, b' });
  expect(security.owned).toEqual(new Set(['x-user', 'x-roles', 'x-absent']));
});

it.each([
  [401, 'TK_UNAUTHENTICATED', 401],
  [403, 'TK_FORBIDDEN', 403],
  [404, 'TK_FORBIDDEN', 403],
  [429, 'TK_FORBIDDEN', 403],
  [302, 'TK_FORBIDDEN', 403],
  [201, 'TK_FORBIDDEN', 403],
  [204, 'TK_FORBIDDEN', 403],
  [500, 'TK_FORBIDDEN', 403],
  [503, 'TK_FORBIDDEN', 403],
])('refuses after %i, without its text and without going elsewhere', async (code, expected, ours) => {
  answer = status(code, { location: '/elsewhere', 'x-secret': 'canary-upstream-header' });
  const error = await refusal(policy(), caller({ authorization: 'Bearer canary-token' }));
  expect(error).toMatchObject({ code: expected, status: ours });
  expect(JSON.stringify([error.message, error.headers])).not.toContain('canary');
  expect(server.seen).toHaveLength(1);
});

it('passes the challenge of a 401 on', async () => {
  answer = status(401, { 'www-authenticate': 'Bearer realm="x"' });
  expect((await refusal(policy(), caller())).headers).toEqual({ 'www-authenticate': 'Bearer realm="x"' });
  answer = status(401, { 'www-authenticate': 'x'.repeat(1025) });
  expect((await refusal(policy(), caller())).headers).toEqual({});
});

const failures: [string, RequestListener][] = [
  ['a server error', status(502)],
  ['a broken connection', (request) => request.socket.destroy()],
  ['no answer in time', () => undefined],
  ['no HTTP', (request) => request.socket.end('SSH-2.0-canary\r\n')],
  ['headers without end', (_, response) => response.writeHead(200, { a: 'x'.repeat(20_000) }).end()],
];
it.each(failures)('after %s lets the request pass only with failOpen', async (_, failing) => {
  answer = failing;
  const error = await refusal(policy({ timeout: '50ms' }), caller({ authorization: 'Bearer canary-token' }));
  expect(error).toMatchObject({ code: 'TK_FORBIDDEN', status: 403, message: 'the authorization service of this route gave no answer' });
  const open = policy({ timeout: '50ms', failOpen: true }, { headersToBackend: ['x-user'] });
  expect(await identify(open, caller({ 'x-user': 'root' }))).toEqual({ clientId: undefined, headers: [] });
});

it('after a refused connection too', async () => {
  await server.close();
  expect((await refusal(policy(), caller())).status).toBe(403);
  expect((await identify(policy({ failOpen: true }), caller())).headers).toEqual([]);
});

it('does not let failOpen turn a refusal into a pass', async () => {
  answer = status(403);
  expect((await refusal(policy({ failOpen: true }), caller())).status).toBe(403);
});

it('does not let a request pass with failOpen because the service cannot be asked about such a one', async () => {
  const security = policy({ failOpen: true, headersToExtAuth: ['x-tenant'] });
  expect((await refusal(security, caller({}, { method: 'CONNECT' }))).status).toBe(403);
  expect((await refusal(security, caller({ 'x-tenant': 'a\u0000b' }))).status).toBe(403);
  expect((await refusal(security, caller({}, { path: '/a b' }))).status).toBe(403);
  expect(server.seen).toHaveLength(0);
  // The one connection is still good.
  await identify(security, caller());
  expect(server.seen).toHaveLength(1);
});

it('counts the time in which a request waits for a connection', async () => {
  answer = () => undefined;
  const slow = identify(policy({ timeout: '400ms' }), caller()).catch(() => 'slow');
  const quick = refusal(policy({ timeout: '50ms' }), caller()).then(() => 'quick');
  expect(await Promise.race([slow, quick])).toBe('quick');
  expect(await slow).toBe('slow');
  answer = (_, response) => response.end();
  await identify(policy(), caller());
});

it('waits ten seconds where the policy names no time', async () => {
  const timeout = vi.spyOn(AbortSignal, 'timeout');
  await identify(policy(), caller());
  expect(timeout).toHaveBeenCalledExactlyOnceWith(10_000);
  timeout.mockRestore();
});

it('decides by the head of an answer: a body without end or of any size neither delays nor fills anything', async () => {
  let written = 0;
  answer = (_, response) => {
    response.writeHead(200);
    const timer = setInterval(() => {
      for (let index = 0; index < 16 && response.writable; index++) {
        response.write('x'.repeat(16_384));
        written += 16_384;
      }
    }, 1);
    response.on('close', () => {
      clearInterval(timer);
      response.destroy();
    });
  };
  await identify(policy({ timeout: '5s' }), caller());
  await vi.waitFor(() => expect(server.seen[0]!.socket.destroyed).toBe(true), { timeout: 2000 });
  expect(written).toBeLessThan(20_000_000);
  // The next request gets a connection of its own.
  answer = (_, response) => response.end('small');
  await identify(policy(), caller());
});

it('uses a connection again after ordinary answers', async () => {
  answer = (_, response) => response.end('a small body');
  for (let index = 0; index < 5; index++) await identify(policy(), caller());
  expect(new Set(server.seen.map(({ socket }) => socket.remotePort)).size).toBe(1);
});

it('is not shown a header as evidence that another part of the policy sets, and runs before that part', async () => {
  const around = { secrets: { keys: { a: 'canary-key-a' } } };
  const apiKeyAuth = { credentialRefs: [{ name: 'keys' }], extractFrom: [{ headers: ['x-api-key'] }], forwardClientIDHeader: 'x-client' };
  const security = policy({ headersToExtAuth: ['x-client', 'x-api-key'] }, {}, { apiKeyAuth }, around);
  await identify(security, caller({ 'x-client': 'forged', 'x-api-key': 'canary-key-a' }));
  expect(server.seen[0]!.headers).toMatchObject({ 'x-api-key': 'canary-key-a' });
  expect(server.seen[0]!.headers).not.toHaveProperty('x-client');
  answer = status(403);
  expect((await refusal(security, caller())).code).toBe('TK_FORBIDDEN');
});

it('shares requests out by weight', async () => {
  const other = await serve((_, response) => response.end());
  const second = new Pool(other.url);
  const security = secure(
    { extAuth: { http: { backendRefs: [ref('auth', 3), ref('second', 1), ref('never', 0)] } } },
    { backends: { auth: pool, second, never: pool } },
  );
  for (let index = 0; index < 200; index++) await identify(security, caller());
  expect(server.seen.length + other.seen.length).toBe(200);
  expect(other.seen.length).toBeGreaterThan(20);
  expect(other.seen.length).toBeLessThan(90);
  await second.destroy();
  await other.close();
});

it('reports what cannot work', () => {
  const ref = { kind: 'Backend', group: 'gateway.envoyproxy.io', name: 'auth', weight: 0 };
  const { problems } = compile(
    { extAuth: { http: { backendRefs: [ref], path: 'check?x', headersToBackend: ['Content-Length'] }, headersToExtAuth: ['Connection'] } },
    { backends: { auth: pool } },
  );
  expect(problems).toEqual([
    'spec.extAuth.http.backendRefs: names no backend with a weight above 0',
    'spec.extAuth.headersToExtAuth[0]: header connection belongs to the connection and cannot be used here',
    'spec.extAuth.http.headersToBackend[0]: header content-length belongs to the connection and cannot be used here',
    'spec.extAuth.http.path: must start with a slash and have no query or space',
  ]);
});
