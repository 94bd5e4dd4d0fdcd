import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type ProxyBehaviour, startProxy, type TestProxy } from '#core/http/forward-proxy.fixture';
import { type Certificate, selfSigned } from '#core/http/self-signed';

import { ask, CHAT, eventsOf, inFlight, logged } from './dialects.fixture.ts';
import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { read } from './origin.fixture.ts';
import { answer, type Script, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let dir: string;
const running: { close(): Promise<unknown> }[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'forward-proxy-'));
});
afterEach(async () => {
  for (const each of running.splice(0).toReversed()) await each.close();
  rmSync(dir, { recursive: true, force: true });
});

async function kept<T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const one = await starting;
  running.push(one);
  return one;
}

const upstream = (script: Script) => kept(startUpstream(script));
const saying = (text: string) => upstream(answer(200, CHAT.whole(text)));

/** Speaks TLS in front of a backend. @returns its port, and the names that it was asked for */
async function tlsFront({ port }: Upstream, certificate: Certificate) {
  const names: unknown[] = [];
  const server = createServer(certificate, (socket) => {
    names.push((socket as { servername?: unknown }).servername);
    const behind = connect(port, '127.0.0.1');
    for (const each of [socket, behind]) each.on('error', () => behind.destroy());
    socket.on('close', () => behind.destroy());
    socket.pipe(behind).pipe(socket);
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push({ close: async () => void server.close() });
  return { port: (server.address() as AddressInfo).port, names };
}

/** Backends `a` and `b` whose names only the proxy knows: `a.example.com:4321` and so on. */
const NAMED = backendsYaml([
  { name: 'a', port: 1, key: 'sk-canary' },
  { name: 'b', port: 2, key: 'sk-canary' },
]).replace(
  /ip: \{address: 127.0.0.1, port: ([12])\}/g,
  (_all, port) => `fqdn: {hostname: ${port === '1' ? 'a' : 'b'}.example.com, port: 4321}`,
);

/** With the settings of the Gateway. */
function through(proxy: Pick<TestProxy, 'address'> | undefined, yaml: string): string {
  const named = yaml.replace('metadata: {name: gw}', 'metadata: {name: gw, annotations: {aigateway.envoyproxy.io/gateway-config: egress}}');
  return `${named}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: GatewayConfig
metadata: {name: egress}
spec: ${proxy === undefined ? '{}' : `{forwardProxy: {address: "${proxy.address}"}}`}
`;
}

const tlsYaml = (hostname: string, ca: string) => `
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: tls}
spec:
  targetRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: a}]
  validation: {hostname: ${hostname}, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca}
data: {ca.crt: ${JSON.stringify(ca)}}
`;

/** A connection that is not there within this time. */
const patienceYaml = (ms: number) => `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: patience}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}], timeout: {tcp: {connectTimeout: ${ms}ms}}}
`;

async function start(yaml: string): Promise<TestGateway> {
  writeFileSync(join(dir, 'all.yaml'), yaml);
  return kept(startGateway({ paths: [dir] }));
}

const chat = ({ url }: TestGateway, model = 'm') => ask(url, CHAT.path, CHAT.request(model, false));
const route = (...names: string[]) => `\n---\n${routeYaml('m', names)}`;

describe('a provider behind a proxy', () => {
  const certificate = selfSigned(['a.example.com', 'b.example.com']);

  it('is called with TLS to itself: the proxy is told host and port, and reads nothing', async () => {
    const first = await upstream(sse(eventsOf(CHAT, ['one ', 'two'])));
    const front = await tlsFront(first, certificate);
    const proxy = await kept(startProxy({ 'a.example.com:4321': front.port }));
    const gateway = await start(through(proxy, NAMED + route('a') + tlsYaml('a.example.com', certificate.cert)));
    for (let turn = 0; turn < 2; turn++) {
      const { status, text } = await ask(gateway.url, CHAT.path, CHAT.request('m', true));
      expect(status).toBe(200);
      expect(text).toContain(CHAT.endMarker);
    }
    expect(first.requests.map(({ headers }) => headers['authorization'])).toEqual(['Bearer sk-canary', 'Bearer sk-canary']);
    expect(front.names).toEqual(['a.example.com']);
    expect(proxy.heads).toEqual(['CONNECT a.example.com:4321 HTTP/1.1\r\nhost: a.example.com:4321\r\n\r\n']);
    expect(proxy.passed().length).toBeGreaterThan(0);
    expect(proxy.passed()).not.toMatch(/canary|messages/);
    const told = await (await fetch(`${gateway.adminUrl}/config`)).text();
    expect(JSON.parse(told)).toMatchObject({ lastReload: {} });
    expect(told).toContain(`"forwardProxy":"${proxy.address}"`);
  });

  it('is not believed with the certificate of another: the next one is asked', async () => {
    const first = await saying('wrong');
    const front = await tlsFront(first, certificate);
    const second = await saying('right');
    const proxy = await kept(startProxy({ 'a.example.com:4321': front.port, 'b.example.com:4321': second.port }));
    const gateway = await start(through(proxy, NAMED + route('a', 'b') + tlsYaml('c.example.com', certificate.cert)));
    expect((await chat(gateway)).text).toContain('right');
    expect(first.requests).toEqual([]);
  });

  it('is called through it without TLS as well', async () => {
    const first = await saying('plain');
    const proxy = await kept(startProxy({ 'a.example.com:4321': first.port }));
    const gateway = await start(through(proxy, NAMED + route('a')));
    expect((await chat(gateway)).text).toContain('plain');
    expect(first.requests[0]!.headers).toMatchObject({ host: 'a.example.com:4321', authorization: 'Bearer sk-canary' });
    expect(proxy.heads.join()).not.toContain('canary');
  });
});

const FAULTS: readonly (readonly [string, ProxyBehaviour, string])[] = [
  ['refuses', 'HTTP/1.1 403 Forbidden\r\ncontent-length: 5\r\n\r\nwrong', 'answered CONNECT with 403'],
  [
    'asks for a login',
    'HTTP/1.1 407 Login\r\nproxy-authenticate: Basic realm="x"\r\ncontent-length: 0\r\n\r\n',
    'asks for a login (407), and none is sent to it',
  ],
  ['finds nobody', 'HTTP/1.1 504 Gateway Timeout\r\n\r\n', 'answered CONNECT with 504'],
  ['says half of its answer', 'HTTP/1.1 200 Conn', 'closed the connection before it answered'],
  ['does not speak HTTP', 'garbage\r\n\r\n', 'did not answer in HTTP (HPE_INVALID_CONSTANT)'],
  ['hangs', undefined, 'did not answer within 1000 ms'],
];

describe('a proxy', () => {
  it.each(FAULTS)('that %s for one backend leads to the next one, and is told apart from it', async (_name, behaviour, fault) => {
    const [first, second] = [await saying('wrong'), await saying('right')];
    const proxy = await kept(startProxy({ 'a.example.com:4321': first.port, 'b.example.com:4321': second.port }));
    proxy.behave(behaviour, 'a.example.com:4321');
    const alone = `\n---\n${routeYaml('alone', ['a'])}`;
    const patience = behaviour === undefined ? patienceYaml(1000) : '';
    const gateway = await start(through(proxy, NAMED + route('a', 'b') + alone + patience));

    expect((await chat(gateway)).text).toContain('right');
    const refused = await chat(gateway, 'alone');
    expect(refused.status).toBe(502);
    const { message } = CHAT.error(refused.text);
    expect(message).toContain(`no way to the backend: the forward proxy ${fault}`);
    expect(message).not.toContain(proxy.address);
    expect(first.requests).toEqual([]);
    const line = await logged(gateway.accessLog, 2);
    expect(JSON.stringify(line)).toContain('connect');
    expect(JSON.stringify([gateway.log, gateway.accessLog])).not.toContain('canary');
  });

  it('that is not there is an attempt that failed', async () => {
    const proxy = await startProxy();
    await proxy.close();
    const gateway = await start(through(proxy, NAMED + route('a')));
    const { status, text } = await chat(gateway);
    expect([status, CHAT.error(text).message]).toEqual([
      502,
      expect.stringContaining('the forward proxy cannot be reached (ECONNREFUSED)'),
    ]);
  });

  it('that fails once is asked again where a policy wants it', async () => {
    const first = await saying('at last');
    const proxy = await kept(startProxy({ 'a.example.com:4321': first.port }));
    proxy.behave('HTTP/1.1 503 Busy\r\n\r\n');
    const retry = patienceYaml(5000).replace('timeout: {', 'retry: {numRetries: 20, perRetry: {backOff: {baseInterval: 1ms}}}, timeout: {');
    const gateway = await start(through(proxy, NAMED + route('a') + retry));
    const asking = chat(gateway);
    await expect.poll(() => proxy.heads.length).toBeGreaterThan(1);
    proxy.behave('tunnel');
    expect((await asking).text).toContain('at last');
  });
});

describe('a reload', () => {
  const words = ['one ', 'two ', 'three'];

  /** Begins an answer, and goes on when it is told to. */
  function held(): { readonly script: Script; readonly goOn: () => void } {
    const gate = Promise.withResolvers<void>();
    const [first, ...rest] = eventsOf(CHAT, words);
    const script: Script = async (socket, request) => {
      await sse([first!, rest[0]!], { close: 'hang' })(socket, { ...request, closed: gate.promise as unknown as Promise<number> });
      for (const event of rest.slice(1)) socket.write(`${Buffer.byteLength(event).toString(16)}\r\n${event}\r\n`);
      socket.write('0\r\n\r\n');
    };
    return { script, goOn: gate.resolve };
  }

  it('to another proxy, and to none, holds for new requests; what runs goes on to its end', async () => {
    const { script, goOn } = held();
    const first = await upstream(script);
    const [one, two] = [await kept(startProxy()), await kept(startProxy())];
    const yaml = backendsYaml([{ name: 'a', port: first.port }]) + route('a');
    const gateway = await start(through(one, yaml));
    const asking = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(CHAT.request('m', true)),
    };
    const begun = await read(gateway.url + CHAT.path, asking);
    await begun.until('one ');

    first.script(answer(200, CHAT.whole('fine')));
    const turns: [TestProxy | undefined, number, number][] = [
      [two, 1, 1],
      [undefined, 1, 1],
      [two, 1, 2],
    ];
    for (const [proxy, ofOne, ofTwo] of turns) {
      writeFileSync(join(dir, 'all.yaml'), through(proxy, yaml));
      await gateway.tier.reload('test');
      expect((await chat(gateway)).status).toBe(200);
      expect([one.heads.length, two.heads.length]).toEqual([ofOne, ofTwo]);
    }
    expect(one.open).toBeGreaterThan(0);
    goOn();
    const text = await begun.whole;
    expect(text).toContain('three');
    expect(text).toContain(CHAT.endMarker);
    // The first proxy is left when the last answer through it has ended.
    await expect.poll(() => one.open).toBe(0);
    expect(await inFlight(gateway.adminUrl)).toBe(0);
  });

  it('that says no proxy but a URL is refused without telling it, and the old one goes on', async () => {
    const first = await saying('fine');
    const proxy = await kept(startProxy());
    const yaml = backendsYaml([{ name: 'a', port: first.port }]) + route('a');
    const gateway = await start(through(proxy, yaml));
    writeFileSync(join(dir, 'all.yaml'), through({ address: 'http://user:canary@proxy:3128' }, yaml));
    await gateway.tier.reload('test');
    expect(gateway.log.join()).toContain('spec.forwardProxy.address: must be host:port');
    expect(gateway.log.join()).not.toContain('canary');
    expect((await chat(gateway)).status).toBe(200);
    expect(proxy.heads).toHaveLength(1);
  });
});
