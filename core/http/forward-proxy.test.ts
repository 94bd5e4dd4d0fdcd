import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { afterEach, describe, expect, it, test } from 'vitest';

import { connectionFailure } from '../attempt/failure.ts';

import { Connections, DEFAULT_CONNECTIONS } from './client.ts';
import { type ProxyBehaviour, startProxy, type TestProxy } from './forward-proxy.fixture.ts';
import { proxyAddress } from './forward-proxy.ts';
import type { OriginTls } from './origin.ts';
import { selfSigned } from './self-signed.ts';

test.each([
  ['proxy.corp:3128', 'proxy.corp', 3128],
  ['proxy:1', 'proxy', 1],
  ['10.0.0.1:65535', '10.0.0.1', 65_535],
  ['[fd00::1]:3128', 'fd00::1', 3128],
])('%s', (text, host, port) => {
  expect(proxyAddress(text)).toEqual({ host, port });
});

test.each([
  'proxy',
  'proxy:',
  ':3128',
  'proxy:0',
  'proxy:65536',
  'proxy:3128/',
  'http://proxy:3128',
  'user:word@proxy:3128',
  'fd00::1:3128',
  '[proxy]:3128',
  '[10.0.0.1]:3128',
  '[]:3128',
  'pro xy:3128',
  'proxy\r\nx:3128',
  '-proxy:3128',
  'a..b:3128',
  '10.0.0.256:3128',
  '10.1:3128',
])('%j is no address of a proxy', (text) => {
  expect(proxyAddress(text)).toBeUndefined();
});

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const own = selfSigned(['backend.test', '127.0.0.1']);

async function listen(server: Server & { closeAllConnections?(): void }): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.close();
    server.closeAllConnections?.();
  });
  return (server.address() as AddressInfo).port;
}

/** A backend that is told by name only, behind a proxy. */
async function behind(proxy: TestProxy, tls: OriginTls | undefined, { timeoutMs = 5000, host = 'backend.test' } = {}) {
  const connections = new Connections();
  connections.kept.begin();
  closing.push(
    () => connections.destroy(),
    () => proxy.close(),
  );
  const pool = connections.pool(
    { host, port: 4321, tls, proxy: proxyAddress(proxy.address)! },
    { ...DEFAULT_CONNECTIONS, connectTimeoutMs: timeoutMs, maxConnections: 1 },
  );
  return async (): Promise<string> => {
    const headers = ['host', 'client.test', 'authorization', 'Bearer canary'];
    const answer = await pool.request({ method: 'POST', path: '/canary-path', origin: 'http://x', headers, body: 'canary-body' });
    return answer.body.text();
  };
}

const NO_TLS = { serverName: undefined, ca: own.cert, certificate: undefined, key: undefined, skipVerify: false };

describe('a tunnel', () => {
  it('is asked for by host and port alone, and leads on to plain HTTP; it serves many requests', async () => {
    let count = 0;
    const port = await listen(createHttp((request, response) => response.end(`${++count} ${request.headers.authorization}`)));
    const proxy = await startProxy({ 'backend.test:4321': port });
    const ask = await behind(proxy, undefined);
    expect([await ask(), await ask()]).toEqual(['1 Bearer canary', '2 Bearer canary']);
    expect(proxy.heads).toEqual(['CONNECT backend.test:4321 HTTP/1.1\r\nhost: backend.test:4321\r\n\r\n']);
  });

  it('has TLS to the other end in it: of what is in it the proxy reads nothing', async () => {
    const names: unknown[] = [];
    const server = createHttps({ ...own, requestCert: true, rejectUnauthorized: false, ca: own.cert }, (request, response) => {
      const socket = request.socket as TLSSocket & { servername?: unknown };
      names.push(socket.servername, socket.authorized);
      response.end(request.headers.authorization);
    });
    const proxy = await startProxy({ 'backend.test:4321': await listen(server) });
    const ask = await behind(proxy, { ...NO_TLS, certificate: own.cert, key: own.key });
    expect(await ask()).toBe('Bearer canary');
    expect(names).toEqual(['backend.test', true]);
    expect(proxy.passed().length).toBeGreaterThan(100);
    expect(proxy.heads.join() + proxy.passed()).not.toContain('canary');
  });

  it('does not make a certificate good that has the name of the proxy', async () => {
    const port = await listen(createHttps(selfSigned(['127.0.0.1']), (_request, response) => response.end()));
    const proxy = await startProxy({ 'backend.test:4321': port });
    const ask = await behind(proxy, { ...NO_TLS, ca: undefined });
    const error = await ask().catch((thrown: Error) => thrown);
    expect(connectionFailure(error as Error, false)).toMatchObject({
      reason: 'connect',
      message: expect.stringMatching(/^no connection to the backend \(.*SELF_SIGNED/) as string,
    });
    const other = selfSigned(['127.0.0.1', 'other.test']);
    const port2 = await listen(createHttps(other, (_request, response) => response.end()));
    const ask2 = await behind(await startProxy({ 'backend.test:4321': port2 }), { ...NO_TLS, ca: other.cert });
    await expect(ask2()).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('to somebody who does not speak TLS is no connection: it is not the proxy that failed', async () => {
    const silent = createTcp((socket) => void socket.on('error', () => undefined));
    const proxy = await startProxy({ 'backend.test:4321': await listen(silent) });
    const ask = await behind(proxy, NO_TLS, { timeoutMs: 500 });
    const error = await ask().catch((thrown: Error) => thrown);
    expect(connectionFailure(error as Error, false)).toMatchObject({
      reason: 'connect',
      message: 'no connection to the backend (UND_ERR_CONNECT_TIMEOUT)',
    });
    await expect.poll(() => proxy.open).toBe(0);
  });

  it('has brackets around an IPv6 address', async () => {
    const proxy = await startProxy({ '[2001:db8::1]:4321': await listen(createHttp((_request, response) => response.end('six'))) });
    const ask = await behind(proxy, undefined, { host: '2001:db8::1' });
    expect(await ask()).toBe('six');
  });
});

const REFUSALS: readonly (readonly [string, ProxyBehaviour, string])[] = [
  ['refuses', 'HTTP/1.1 403 Forbidden\r\ncontent-length: 6\r\n\r\ncanary', 'answered CONNECT with 403'],
  [
    'asks for a login',
    'HTTP/1.1 407 canary\r\nproxy-authenticate: Basic realm="canary"\r\ncontent-length: 0\r\n\r\n',
    'asks for a login (407), and none is sent to it',
  ],
  ['has no way itself', 'HTTP/1.0 502 Bad Gateway\r\n\r\n', 'answered CONNECT with 502'],
  ['leads elsewhere', 'HTTP/1.1 302 Found\r\nlocation: http://canary/\r\n\r\n', 'answered CONNECT with 302'],
  ['says half of its answer', 'HTTP/1.1 200 Connection estab', 'closed the connection before it answered'],
  ['says half of its head', 'HTTP/1.1 200 OK\r\nx-a: b\r\n', 'closed the connection before it answered'],
  ['says nothing and goes', '', 'closed the connection before it answered'],
  ['does not speak HTTP', 'garbage canary\r\n\r\n', 'did not answer in HTTP (HPE_INVALID_CONSTANT)'],
  ['has no end of headers', `HTTP/1.1 200 OK\r\nx-canary: ${'x'.repeat(100_000)}`, 'did not answer in HTTP (HPE_HEADER_OVERFLOW)'],
  ['hangs', undefined, 'did not answer within 50 ms'],
];

describe('a proxy that fails is told apart from the backend, and nothing is sent', () => {
  it.each(REFUSALS)('%s', async (_name, behaviour, fault) => {
    const proxy = await startProxy();
    proxy.behave(behaviour);
    const ask = await behind(proxy, undefined, { timeoutMs: behaviour === undefined ? 50 : 5000 });
    const error = (await ask().catch((thrown: unknown) => thrown)) as Error;
    expect(error.message).toBe(`the forward proxy ${proxy.address} ${fault}`);
    expect(connectionFailure(error, false)).toMatchObject({
      reason: 'connect',
      message: `no way to the backend: the forward proxy ${fault}`,
    });
    expect(proxy.heads.join()).not.toContain('canary');
    expect(proxy.passed()).toBe('');
  });

  it('is not there', async () => {
    const proxy = await startProxy();
    await proxy.close();
    const ask = await behind(proxy, undefined);
    await expect(ask()).rejects.toThrow(`the forward proxy ${proxy.address} cannot be reached (ECONNREFUSED)`);
  });

  it('is this machine, where it may not be', async () => {
    const connections = new Connections();
    connections.kept.begin();
    closing.push(() => connections.destroy());
    const pool = connections.pool({
      host: 'backend.test',
      port: 1,
      tls: undefined,
      proxy: { host: 'localhost', port: 1, elsewhere: true },
    });
    await expect(pool.request({ method: 'GET', path: '/', origin: 'http://x' })).rejects.toThrow('cannot be reached (ERR_LOCAL_ADDRESS)');
  });

  it('answers when it is well again: a failure is not remembered', async () => {
    const proxy = await startProxy({ 'backend.test:4321': await listen(createHttp((_request, response) => response.end('well'))) });
    proxy.behave('HTTP/1.1 503 Busy\r\n\r\n');
    const ask = await behind(proxy, undefined);
    await expect(ask()).rejects.toThrow('answered CONNECT with 503');
    proxy.behave('tunnel');
    expect(await ask()).toBe('well');
  });

  it('is left at once: a connection whose request failed is not kept', async () => {
    const proxy = await startProxy();
    proxy.behave(undefined);
    const ask = await behind(proxy, undefined, { timeoutMs: 50 });
    await expect(ask()).rejects.toThrow('did not answer');
    await expect.poll(() => proxy.open).toBe(0);
  });
});
