import { connect as connectHttp2 } from 'node:http2';
import { connect, type ConnectionOptions } from 'node:tls';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { selfSigned } from '../http/self-signed.ts';
import { gatewayYaml, routesOf } from '../route/route.fixture.ts';
import { Listeners } from './listeners.ts';

const server = selfSigned(['a.test', 'b.test']);
const alice = selfSigned(['alice']);
const bob = selfSigned(['bob']);
const text = (pem: string) => JSON.stringify(pem);

function portsOf(frontend: string | undefined, authority = alice.cert) {
  const gateway = gatewayYaml('{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}');
  const routes =
    routesOf(`${frontend === undefined ? gateway : gateway.replace('listeners:', `tls: {frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]${frontend}}}}}, listeners:`)}
---
apiVersion: v1
kind: Secret
metadata: {name: cert}
stringData: {tls.crt: ${text(server.cert)}, tls.key: ${text(server.key)}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca}
data: {ca.crt: ${text(authority)}}
`);
  expect(routes.problems).toEqual([]);
  return routes.compiled.ports;
}

let listeners: Listeners;
beforeEach(() => {
  listeners = new Listeners('127.0.0.1', 0, (_request, response) => void response.end('served'));
});
afterEach(() => listeners.close());

async function serve(frontend: string | undefined, authority?: string): Promise<number> {
  (await listeners.prepare(portsOf(frontend, authority)))();
  return listeners.ports.get(443)!;
}

interface Heard {
  readonly served: boolean;
  readonly resumed: boolean;
  readonly session: Buffer | undefined;
}

/** One request on a connection of its own. */
function ask(port: number, options: ConnectionOptions = {}): Promise<Heard> {
  return new Promise((resolve) => {
    let heard = '';
    let session: Buffer | undefined;
    let resumed = false;
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername: 'a.test', ...options });
    socket.on('secureConnect', () => {
      resumed = socket.isSessionReused();
      socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
    });
    socket.on('session', (given: Buffer) => void (session = given));
    socket.on('data', (chunk: Buffer) => void (heard += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve({ served: heard.includes('served'), resumed, session }));
  });
}

const passing = async (port: number, options: ConnectionOptions = {}) =>
  Promise.all([{}, alice, bob].map(async (shown) => (await ask(port, { ...options, ...shown })).served));

describe.each([
  ['with a name', {}],
  ['without a name', { servername: '' }],
  ['of TLS 1.2', { maxVersion: 'TLSv1.2' } as const],
])('clients %s', (_name, options) => {
  it.each([
    ['that are asked for nothing all pass', undefined, [true, true, true]],
    ['pass with a certificate of the authority', '', [false, true, false]],
    ['all pass where that is permitted', ', mode: AllowInsecureFallback', [true, true, true]],
  ])('%s', async (_title, frontend, expected) => {
    expect(await passing(await serve(frontend), options)).toEqual(expected);
  });
});

it.each([['a.test'], ['']])(
  'checks clients by the configuration in service, from the next connection on: name "%s"',
  async (servername) => {
    const port = await serve(undefined);
    expect(await passing(port, { servername })).toEqual([true, true, true]);
    expect(await serve('')).toBe(port);
    expect(await passing(port, { servername })).toEqual([false, true, false]);
    await serve('', bob.cert);
    expect(await passing(port, { servername })).toEqual([false, false, true]);
    await serve(', mode: AllowInsecureFallback');
    expect(await passing(port, { servername })).toEqual([true, true, true]);
    await serve(undefined);
    expect(await passing(port, { servername })).toEqual([true, true, true]);
  },
);

it.each([
  ['TLSv1.2', undefined],
  ['TLSv1.3', undefined],
  ['TLSv1.2', ', mode: AllowInsecureFallback'],
  ['TLSv1.3', ', mode: AllowInsecureFallback'],
] as const)('lets nobody come back by a ticket from before: %s, %s', async (maxVersion, before) => {
  const port = await serve(before);
  const first = await ask(port, { maxVersion });
  const { session } = first;
  expect(session).toBeDefined();
  const again = await ask(port, { maxVersion, session: session! });
  expect([again.served, again.resumed]).toEqual([true, true]);
  await serve('');
  expect(await ask(port, { maxVersion, session: again.session ?? session! })).toMatchObject({ served: false });
});

it('checks clients of HTTP/2 as well', async () => {
  const port = await serve('');
  const outcomes = await Promise.all(
    [{}, alice, bob].map(
      (shown) =>
        new Promise<boolean>((resolve) => {
          const client = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, servername: 'a.test', ...shown });
          client.on('error', () => resolve(false));
          client.on('close', () => resolve(false));
          const stream = client.request({ ':path': '/', ':authority': 'a.test' });
          stream.on('error', () => resolve(false));
          stream.on('response', () => {
            resolve(true);
            client.destroy();
          });
        }),
    ),
  );
  expect(outcomes).toEqual([false, true, false]);
});
