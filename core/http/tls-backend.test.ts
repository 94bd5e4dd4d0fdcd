import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { afterEach, expect, it } from 'vitest';

import { Connections, DEFAULT_CONNECTIONS } from './client.ts';
import type { OriginTls } from './origin.ts';
import { selfSigned } from './self-signed.ts';

const own = selfSigned(['backend.test', '127.0.0.1']);
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function serve(tls: Partial<OriginTls>) {
  const seen: { readonly name: unknown; readonly host: string | undefined; readonly port: number | undefined }[] = [];
  const server = createServer({ ...own, requestCert: true, rejectUnauthorized: false, ca: own.cert }, (request, response) => {
    const socket = request.socket as TLSSocket & { servername?: unknown };
    seen.push({ name: socket.servername, host: request.headers.host, port: socket.remotePort });
    response.end(String(socket.authorized));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const connections = new Connections();
  closing.push(
    () => connections.destroy(),
    () => server.close(),
  );
  connections.kept.begin();
  const whole = { serverName: undefined, ca: own.cert, certificate: undefined, key: undefined, skipVerify: false, ...tls };
  const pool = connections.pool(
    { host: '127.0.0.1', port: (server.address() as AddressInfo).port, tls: whole },
    { ...DEFAULT_CONNECTIONS, maxConnections: 1 },
  );
  const ask = async (host: string): Promise<string> => {
    const answer = await pool.request({ method: 'GET', path: '/', origin: 'https://127.0.0.1', headers: ['host', host] });
    return answer.body.text();
  };
  return { ask, seen };
}

it('asks for the name that it is told, whatever host the client means, on one connection', async () => {
  const { ask, seen } = await serve({ serverName: 'backend.test' });
  for (const host of ['a.client.test', 'b.client.test', 'a.client.test']) await ask(host);
  expect(seen.map(({ name, host }) => [name, host])).toEqual([
    ['backend.test', 'a.client.test'],
    ['backend.test', 'b.client.test'],
    ['backend.test', 'a.client.test'],
  ]);
  expect(new Set(seen.map(({ port }) => port)).size).toBe(1);
});

it('does not believe a certificate because a client asks for its name', async () => {
  const { ask } = await serve({ serverName: 'other.test' });
  await expect(ask('backend.test')).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

it('asks an address without a name for no name, and checks the address', async () => {
  const { ask, seen } = await serve({});
  await ask('backend.test');
  expect(seen[0]!.name).toBe(false);
});

it.each([
  ['127.0.0.1 is not among them', 'other.test', false],
  ['it has one of them', 'backend.test', true],
])('checks the names that are named instead: %s', async (_name, value, isGood) => {
  const { ask } = await serve({ serverName: 'unchecked.test', subjectAltNames: [{ type: 'Hostname', value }] });
  const outcome = await ask('x').catch(({ code }: NodeJS.ErrnoException) => code);
  expect(outcome).toBe(isGood ? 'false' : 'ERR_TLS_CERT_ALTNAME_INVALID');
});

it('shows its certificate', async () => {
  const { ask } = await serve({ serverName: 'backend.test', certificate: own.cert, key: own.key });
  expect(await ask('x')).toBe('true');
});
