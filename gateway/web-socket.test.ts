import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import tls from 'node:tls';

import { afterEach, describe, expect, it } from 'vitest';

import { selfSigned } from '#core/http/self-signed';
import { gatewayYaml } from '#core/route/route.fixture';
import { ACCEPTED, SocketClient, type SocketOrigin, startSocketOrigin } from '#core/serve/web-socket.fixture';

import { startGateway, type TestGateway, type TestGatewayOptions } from './gateway.fixture.ts';
import { ask, startOrigin, to, webYaml } from './origin.fixture.ts';

const running: { close(): Promise<void> }[] = [];
const clients: SocketClient[] = [];
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  for (const each of running.splice(0).toReversed()) await each.close();
});

function client(...parts: ConstructorParameters<typeof SocketClient>): SocketClient {
  const made = new SocketClient(...parts);
  clients.push(made);
  return made;
}

async function origin(...parts: Parameters<typeof startSocketOrigin>): Promise<SocketOrigin> {
  const started = await startSocketOrigin(...parts);
  running.push(started);
  return started;
}

async function serve(port: number, rule = `{${to('a')}}`, more = '', options: Omit<TestGatewayOptions, 'yaml'> = {}): Promise<TestGateway> {
  const started = await startGateway({ yaml: webYaml({ a: port }, { web: rule }) + more, ...options });
  running.push(started);
  return started;
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(2);
}

const BASIC = `
---
apiVersion: v1
kind: Secret
metadata: {name: users}
stringData: {.htpasswd: "ann:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: users}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}], basicAuth: {users: {name: users}}}
`;

describe('a WebSocket', () => {
  it('passes in both directions, with the headers as the route says', async () => {
    const a = await origin(undefined, 'Sec-WebSocket-Protocol: chat\r\nX-Inner: 1\r\n');
    const filters =
      '{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: y}]}}, {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: X-Answer, value: z}], remove: [X-Inner]}}, {type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /inner}}}';
    const gateway = await serve(a.port, `{matches: [{path: {value: /ws}}], filters: [${filters}], ${to('a')}}`);
    const ws = client(gateway.url, { path: '/ws/1?q=1', headers: ['Sec-WebSocket-Protocol: chat', 'X-Envoy-Forged: 1'], early: 'early ' });
    await ws.until('early ');
    ws.socket.write('late');
    await ws.until('early late');
    const [head] = ws.text.split('\r\n\r\n');
    expect(head).toMatch(/^HTTP\/1\.1 101 Switching Protocols\r\n/);
    expect(head!.toLowerCase().split('\r\n')).toEqual(
      expect.arrayContaining([
        'connection: upgrade',
        'upgrade: websocket',
        `sec-websocket-accept: ${ACCEPTED}`.toLowerCase(),
        'sec-websocket-protocol: chat',
        'x-answer: z',
      ]),
    );
    expect(head).not.toMatch(/x-inner|content-length|transfer-encoding/i);
    const [seen] = a.opened;
    expect(seen!.url).toBe('/inner/1?q=1');
    expect(seen!.headers).toMatchObject({ upgrade: 'websocket', 'x-set': 'y', host: 'a.example.com', 'x-forwarded-for': '127.0.0.1' });
    expect(seen!.headers['x-envoy-forged']).toBeUndefined();
    ws.socket.end();
    await ws.untilEnd();
    await until(() => gateway.accessLog.length === 1);
    expect(gateway.accessLog[0]).toMatchObject({ response_code: 101, complete: true, bytes_sent: 10, bytes_received: 10 });
  });

  it('is let in as any request: by its policy, and by its limits', async () => {
    const a = await origin();
    const limit = `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: limit}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}]
  rateLimit: {local: {rules: [{limit: {requests: 1, unit: Hour}}]}}
`;
    const gateway = await serve(a.port, undefined, BASIC + limit);
    const stranger = client(gateway.url);
    await stranger.untilEnd();
    expect(stranger.text).toMatch(/^HTTP\/1\.1 401 [\s\S]*connection: close[\s\S]*TK_UNAUTHENTICATED/i);
    const known = { headers: [`Authorization: Basic ${Buffer.from('ann:test').toString('base64')}`] };
    const ann = client(gateway.url, { ...known, early: 'hello' });
    await ann.until('hello');
    const again = client(gateway.url, known);
    await again.untilEnd();
    expect(again.text).toMatch(/^HTTP\/1\.1 429 /);
    expect(a.opened).toHaveLength(1);
  });

  it('goes on one way when the other has ended', async () => {
    const a = await origin((socket) => {
      let heard = '';
      socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
      socket.on('end', () => setTimeout(() => socket.end(`heard ${heard.length}`), 20));
    });
    const gateway = await serve(a.port);
    const ws = client(gateway.url);
    await ws.until('\r\n\r\n');
    ws.socket.end('x'.repeat(300_000));
    await ws.until('heard 300000');
    await ws.untilEnd();

    const b = await origin((socket) => socket.end('bye'));
    const second = await serve(b.port);
    const other = client(second.url);
    await other.untilEnd();
    expect(other.text).toMatch(/bye$/);
    other.socket.end('still here');
    await until(() => second.accessLog.length === 1);
    expect(second.accessLog[0]).toMatchObject({ complete: true, bytes_received: 10 });
  });

  it('is not read faster than the other side takes it', async () => {
    let backend: net.Socket | undefined;
    const a = await origin((socket) => {
      socket.pause();
      backend = socket;
    });
    const gateway = await serve(a.port);
    const ws = client(gateway.url);
    await ws.until('\r\n\r\n');
    const chunk = Buffer.alloc(1024 * 1024);
    let sent = 0;
    while (ws.socket.write(chunk)) sent++;
    for (let turn = 0; turn < 200 && sent < 256; turn++) {
      if (ws.socket.writableLength < chunk.length) {
        ws.socket.write(chunk);
        sent++;
      }
      await sleep(1);
    }
    // What the kernel's buffers take, and not a quarter of a gigabyte.
    expect(sent).toBeLessThan(128);
    let heard = 0;
    backend!.on('data', (bytes: Buffer) => (heard += bytes.length));
    backend!.resume();
    ws.socket.end();
    await until(() => heard >= sent * chunk.length);
  });

  it('is refused by its backend in the backend’s own words', async () => {
    const plain = await startOrigin('no', (request, response) => {
      request.resume();
      response.writeHead(403, { 'x-own': '1' }).end('not you');
    });
    running.push(plain);
    const gateway = await serve(plain.port);
    const ws = client(gateway.url);
    await ws.untilEnd();
    expect(ws.text).toMatch(/^HTTP\/1\.1 403 [\s\S]*x-own: 1[\s\S]*not you/);
    expect(gateway.accessLog[0]).toMatchObject({ response_code: 403, complete: true });
  });

  it('cannot be had of a backend that is not there, or that changes to something else', async () => {
    const gone = await startOrigin('gone');
    await gone.close();
    const first = await serve(gone.port);
    const ws = client(first.url);
    await ws.untilEnd();
    expect(ws.text).toMatch(/^HTTP\/1\.1 502 [\s\S]*TK_UPSTREAM/);

    const odd = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n'));
    });
    await new Promise<void>((resolve) => {
      odd.listen(0, '127.0.0.1', resolve);
    });
    running.push({ close: () => new Promise((resolve) => void odd.close(() => resolve())) });
    const second = await serve((odd.address() as net.AddressInfo).port);
    const other = client(second.url);
    await other.untilEnd();
    expect(other.text).toMatch(/^HTTP\/1\.1 502 [\s\S]*a protocol that was not asked for/);
  });

  it('ends on both sides when one breaks', async () => {
    const opened: net.Socket[] = [];
    const a = await origin((socket) => {
      opened.push(socket);
      socket.resume();
      socket.write('there');
    });
    const gateway = await serve(a.port);
    const one = client(gateway.url);
    await one.until('there');
    opened[0]!.resetAndDestroy();
    await one.untilEnd();
    const two = client(gateway.url);
    await two.until('there');
    const left = once(opened[1]!, 'end');
    two.socket.resetAndDestroy();
    await left;
    await until(() => gateway.accessLog.length === 2);
    expect(gateway.accessLog.map(({ complete, response_flags }) => [complete, response_flags])).toEqual([
      [false, 'UC'],
      [false, 'DC'],
    ]);
  });

  it('of a client that leaves before it is open is not opened', async () => {
    const heads: net.Socket[] = [];
    const silent = net.createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', () => heads.push(socket));
    });
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    running.push({ close: () => new Promise((resolve) => void silent.close(() => resolve())) });
    const gateway = await serve((silent.address() as net.AddressInfo).port);
    const ws = client(gateway.url);
    await until(() => heads.length === 1);
    const left = once(heads[0]!, 'close');
    ws.socket.resetAndDestroy();
    await left;
    await until(() => gateway.accessLog.length === 1);
    expect(gateway.accessLog[0]).toMatchObject({ response_code: 499, response_flags: 'DC' });
  });

  it('that no backend answers is given up in the time of the route', async () => {
    const silent = net.createServer((socket) => void socket.on('error', () => undefined).resume());
    await new Promise<void>((resolve) => {
      silent.listen(0, '127.0.0.1', resolve);
    });
    running.push({ close: () => new Promise((resolve) => void silent.close(() => resolve())) });
    const gateway = await serve((silent.address() as net.AddressInfo).port, `{timeouts: {request: 50ms}, ${to('a')}}`);
    const ws = client(gateway.url);
    await ws.untilEnd();
    expect(ws.text).toMatch(/^HTTP\/1\.1 504 /);
  });

  it('that is open outlives the time of the route', async () => {
    const a = await origin();
    const gateway = await serve(a.port, `{timeouts: {request: 50ms}, ${to('a')}}`);
    const ws = client(gateway.url);
    await ws.until('\r\n\r\n');
    await sleep(120);
    ws.socket.write('later');
    await ws.until('later');
    expect(gateway.accessLog).toEqual([]);
  });

  it('outlives a reload, and with the process its drain time at most', async () => {
    const a = await origin();
    const gateway = await serve(a.port, undefined, '', { drainMs: 30 });
    const ws = client(gateway.url);
    await ws.until('\r\n\r\n');
    await gateway.tier.reload('test');
    ws.socket.write('one');
    await ws.until('one');
    await gateway.close();
    await ws.untilEnd();
    await until(() => gateway.accessLog.length === 1);
    expect(gateway.accessLog[0]).toMatchObject({ response_code: 101, complete: false });
  });
});

it('a WebSocket passes over TLS as well, whatever else the listener speaks', async () => {
  const a = await origin();
  const { cert, key } = selfSigned(['a.example.com']);
  const secret = `
---
apiVersion: v1
kind: Secret
metadata: {name: a}
type: kubernetes.io/tls
stringData: {tls.crt: ${JSON.stringify(cert)}, tls.key: ${JSON.stringify(key)}}
`;
  const listener = '{name: a, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: a}]}}';
  const gateway = await startGateway({ yaml: webYaml({ a: a.port }, { web: `{${to('a')}}` }, gatewayYaml(listener)) + secret });
  running.push(gateway);
  const over = tls.connect({
    port: Number(new URL(gateway.url).port),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ALPNProtocols: ['http/1.1'],
  });
  const ws = client(gateway.url, { over, early: 'early ' });
  await ws.until('early ');
  ws.socket.write('late');
  await ws.until('early late');
  expect(a.opened[0]!.headers).toMatchObject({ 'x-forwarded-proto': 'https' });
  ws.socket.end();
  await ws.untilEnd();
  await until(() => gateway.accessLog.length === 1);
  expect(gateway.accessLog[0]).toMatchObject({ response_code: 101, complete: true });
});

describe('an upgrade to something else', () => {
  it('is not made: the request is served as it is', async () => {
    const a = await origin();
    const gateway = await serve(a.port);
    const answer = await ask(gateway.url, {
      method: 'POST',
      headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAARAAAAAAAIAAAAA' },
      body: 'body',
    });
    expect([answer.status, answer.body]).toEqual([200, 'plain']);
    expect(a.plain[0]!.headers).not.toHaveProperty('upgrade');
    expect(a.opened).toEqual([]);
  });

  it('nor to WebSocket by a request that cannot open one', async () => {
    const a = await origin();
    const gateway = await serve(a.port);
    const headers = { connection: 'Upgrade', upgrade: 'websocket' };
    for (const request of [
      { method: 'POST', headers, body: 'x' },
      { method: 'GET', headers: { ...headers, 'content-length': '1' }, body: 'x' },
    ]) {
      const answer = await ask(gateway.url, request);
      expect([answer.status, answer.body]).toEqual([400, expect.stringContaining('a WebSocket opens with GET and without a body')]);
    }
    expect([a.opened, a.plain]).toEqual([[], []]);
  });

  it('nor to WebSocket at a backend that speaks HTTP/2 only', async () => {
    const service = `
---
apiVersion: v1
kind: Service
metadata: {name: two}
spec: {type: ExternalName, externalName: localhost, ports: [{port: 1, appProtocol: kubernetes.io/h2c}]}
`;
    const a = await origin();
    const gateway = await serve(a.port, '{backendRefs: [{name: two, port: 1}]}', service);
    const ws = client(gateway.url);
    await ws.untilEnd();
    expect(ws.text).toMatch(/^HTTP\/1\.1 501 [\s\S]*HTTP\/2/);
  });
});
