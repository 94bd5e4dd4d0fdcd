// What runs while the configuration changes, and while the process stops.
import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway, type TestGatewayOptions } from './gateway.fixture.ts';
import { ask, below, open, type Origin, type OriginHandler, read, startOrigin, to, webYaml } from './origin.fixture.ts';
import { gatewayYaml } from '#core/route/route.fixture';

let dir: string;
const running: { close(): Promise<void> }[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'running-'));
});
afterEach(async () => {
  for (const each of running.splice(0).toReversed()) await each.close();
  rmSync(dir, { recursive: true, force: true });
});

async function origin(name: string, handler?: OriginHandler): Promise<Origin> {
  const started = await startOrigin(name, handler);
  running.push(started);
  return started;
}

/** A server that answers when it is told to: each answer is begun, and held open. */
async function held(): Promise<Origin & { readonly answers: ServerResponse[] }> {
  const answers: ServerResponse[] = [];
  const started = await origin('held', (request, response) => {
    request.resume();
    response.write('begin ');
    answers.push(response);
  });
  return Object.assign(started, { answers });
}

async function start(yaml: string, options: TestGatewayOptions = {}): Promise<TestGateway> {
  write(yaml);
  const gateway = await startGateway({ paths: [dir], ...options });
  running.push(gateway);
  return gateway;
}

function write(yaml: string): void {
  writeFileSync(join(dir, 'web.yaml'), yaml);
}

async function reload(gateway: TestGateway, yaml: string): Promise<void> {
  write(yaml);
  // The change of the file may have been noticed already.
  await gateway.tier.reload('test');
}

/** Connects, and leaves. */
async function connected(url: string): Promise<void> {
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}

const eventually = (check: () => unknown) => vi.waitFor(check, { timeout: 15_000, interval: 20 });
const route = (prefix: string, name: string, more = '') => `{${below(prefix)}, ${to(name)}${more}}`;
/** Answers a chat with this id. */
function chatAnswer(id: string): OriginHandler {
  return (request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ id, object: 'chat.completion', model: 'm', choices: [] }));
  };
}

const trafficYaml = (spec: string, target = 'web') => `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: t}
spec: {targetRef: {group: gateway.networking.k8s.io, kind: HTTPRoute, name: ${target}}, ${spec}}
`;

describe('a reload that takes a route away', () => {
  it('lets what runs on it end: a request that waits, and a stream', async () => {
    const old = await held();
    const other = await origin('other');
    const gateway = await start(webYaml({ old: old.port }, { web: route('/old', 'old') }));
    const stream = await read(`${gateway.url}/old`);
    await stream.until('begin');
    await reload(gateway, webYaml({ other: other.port }, { web: route('/other', 'other') }));
    expect([(await ask(`${gateway.url}/old`)).status, (await ask(`${gateway.url}/other`)).body]).toEqual([404, 'other']);
    old.answers[0]!.write('more ');
    await stream.until('more');
    old.answers[0]!.end('end');
    expect(await stream.whole).toBe('begin more end');
    // Nobody needs its connections any more.
    await eventually(() => expect(old.open).toBe(0));
  });

  it.each<[string, (port: number) => string]>([
    ['its backend', (port) => `${backendsYaml([{ name: 'other', port }])}\n---${routeYaml('m', ['other'])}`],
    // The same backend with other settings has other connections.
    [
      'the settings of its connections',
      (port) =>
        `${backendsYaml([{ name: 'old', port }])}\n---${routeYaml('m', ['old'])}${trafficYaml('timeout: {tcp: {connectTimeout: 9s}}', 'm')}`,
    ],
  ])('leaves a request that is still being read its way to its backend: without %s', async (name, next) => {
    const old = await origin('old', chatAnswer('old'));
    const other = await origin('other', chatAnswer('other'));
    const gateway = await start(`${backendsYaml([{ name: 'old', port: old.port }])}\n---${routeYaml('m', ['old'])}`);
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hi' }] });
    const answered = Promise.withResolvers<string>();
    const headers = { 'content-type': 'application/json', 'content-length': body.length };
    const request = open(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers }, answered.reject, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => answered.resolve(text));
    });
    request.write(body.slice(0, 20));
    await eventually(async () => expect((await ask(`${gateway.adminUrl}/metrics`)).body).toMatch(/^\w*(in_flight|active)\w* 1$/m));
    await reload(gateway, next(name === 'its backend' ? other.port : old.port));
    expect(gateway.tier.configuration.current.generation).toBe(2);
    request.end(body.slice(20));
    expect(JSON.parse(await answered.promise)).toMatchObject({ id: 'old' });
    expect([old.requests.length, other.requests.length]).toEqual([1, 0]);
  });

  it('closes its connections at once where nothing runs on them', async () => {
    const old = await origin('old');
    const other = await origin('other');
    const gateway = await start(webYaml({ old: old.port }, { web: route('/', 'old') }));
    expect((await ask(gateway.url)).body).toBe('old');
    expect(old.open).toBe(1);
    await reload(gateway, webYaml({ other: other.port }, { web: route('/', 'other') }));
    await eventually(() => expect(old.open).toBe(0));
  });

  it('lets a request that began before fall back to a backend that only the old configuration has', async () => {
    const waiting = await origin('waiting', (request) => void request.resume());
    const spare = await origin('spare');
    const refs = ['waiting', 'spare'].map(
      (name) => `{group: gateway.envoyproxy.io, kind: Backend, name: ${name}, weight: ${name === 'waiting' ? 1_000_000 : 1}}`,
    );
    const policy = trafficYaml('retry: {numRetries: 3, retryOn: {triggers: [reset]}}');
    const gateway = await start(
      webYaml({ waiting: waiting.port, spare: spare.port }, { web: `{backendRefs: [${refs.join(', ')}]}` }) + policy,
    );
    const answer = ask(gateway.url);
    await eventually(() => expect(waiting.requests).toHaveLength(1));
    const other = await origin('other');
    await reload(gateway, webYaml({ other: other.port }, { web: route('/', 'other') }));
    waiting.requests[0]!.socket.destroy();
    // Not yet tried comes first, and its connections are those of a configuration that is out of service.
    expect(await answer).toMatchObject({ status: 200, body: 'spare' });
  });
});

describe('a reload that leaves a backend as it is', () => {
  it('keeps its connections', async () => {
    const kept = await origin('kept');
    const gateway = await start(webYaml({ kept: kept.port }, { web: route('/a', 'kept') }));
    await ask(`${gateway.url}/a`);
    for (const prefix of ['/b', '/c', '/d']) {
      await reload(gateway, webYaml({ kept: kept.port }, { web: route(prefix, 'kept'), second: route('/second', 'kept') }));
      expect((await ask(gateway.url + prefix)).status).toBe(200);
    }
    expect(gateway.tier.configuration.current.generation).toBe(4);
    expect([kept.connections, kept.requests.length]).toEqual([1, 4]);
  });

  it('keeps them when the reload in between was a bad one', async () => {
    const kept = await origin('kept');
    const gateway = await start(webYaml({ kept: kept.port }, { web: route('/a', 'kept') }));
    await ask(`${gateway.url}/a`);
    await reload(gateway, webYaml({ bad: 9 }, { web: route('/a', 'kept') }));
    expect((await ask(`${gateway.url}/a`)).body).toBe('kept');
    await reload(gateway, webYaml({ kept: kept.port, more: 9 }, { web: route('/b', 'kept') }));
    expect((await ask(`${gateway.url}/b`)).body).toBe('kept');
    expect(kept.connections).toBe(1);
  });

  it('keeps what is known of its health', async () => {
    let asked = 0;
    const ill = await origin('ill', (request, response) => {
      asked++;
      request.resume();
      response.writeHead(503);
      response.end();
    });
    const well = await origin('well');
    const ports = { ill: ill.port, well: well.port };
    const refs = ['ill', 'well'].map(
      (name) => `{group: gateway.envoyproxy.io, kind: Backend, name: ${name}, weight: ${name === 'ill' ? 1_000_000 : 1}}`,
    );
    const policy = trafficYaml(
      'healthCheck: {passive: {consecutive5XxErrors: 1, baseEjectionTime: 1h, maxEjectionPercent: 100}}, retry: {numRetries: 1, retryOn: {triggers: [retriable-status-codes]}}',
    );
    const yaml = (prefix: string) => webYaml(ports, { web: `{${below(prefix)}, backendRefs: [${refs.join(', ')}]}` }) + policy;
    const gateway = await start(yaml('/a'));
    expect((await ask(`${gateway.url}/a`)).body).toBe('well');
    expect(asked).toBe(1);
    await reload(gateway, yaml('/b'));
    for (let index = 0; index < 5; index++) expect((await ask(`${gateway.url}/b`)).body).toBe('well');
    expect(asked).toBe(1);
  });
});

describe('a listener that goes', () => {
  it('closes what is idle, and lets its streams end', async () => {
    const old = await held();
    const two = gatewayYaml('{name: a, port: 80, protocol: HTTP}', '{name: b, port: 81, protocol: HTTP}');
    const gateway = await start(webYaml({ old: old.port }, { web: route('/', 'old') }, two));
    const second = `http://127.0.0.1:${gateway.tier.ports.get(81)}`;
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const stream = await read(second, { agent });
    await stream.until('begin');
    await reload(gateway, webYaml({ old: old.port }, { web: route('/', 'old') }));
    await eventually(() => expect(connected(second)).rejects.toThrow('ECONNREFUSED'));
    old.answers[0]!.end('end');
    expect(await stream.whole).toBe('begin end');
    // The connection is not kept for another request.
    await eventually(() => expect(Object.keys(agent.freeSockets)).toEqual([]));
  });
});

describe('stop', () => {
  it('is unready, takes no new connections, and waits for streams; not for idle connections', async () => {
    const old = await held();
    const gateway = await start(webYaml({ old: old.port }, { web: route('/', 'old') }), { drainMs: 60_000 });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const idle = net.connect(Number(new URL(gateway.url).port), '127.0.0.1');
    const idleClosed = once(idle, 'close');
    const streams = await Promise.all([read(gateway.url, { agent }), read(gateway.url)]);
    for (const stream of streams) await stream.until('begin');
    expect((await ask(`${gateway.adminUrl}/readyz`)).status).toBe(200);

    let stopped = false;
    const stopping = gateway.tier.stop().then(() => (stopped = true));
    expect(await ask(`${gateway.adminUrl}/readyz`)).toMatchObject({ status: 503, body: '{"status":"draining"}' });
    expect((await ask(`${gateway.adminUrl}/healthz`)).status).toBe(200);
    // Until load balancers have taken notice, requests are still served.
    const late = await read(gateway.url, { agent: new http.Agent({ keepAlive: true }) });
    await late.until('begin');
    // Their connection is not used again, so that no request is sent into one that is just being closed.
    expect([streams[0].headers.connection, late.headers.connection]).toEqual(['keep-alive', 'close']);
    await eventually(() => expect(connected(gateway.url)).rejects.toThrow('ECONNREFUSED'));
    await idleClosed;

    for (const [index, answer] of old.answers.entries()) answer.write(`more${index} `);
    await Promise.all([...streams, late].map((stream) => stream.until('more')));
    expect(stopped).toBe(false);
    for (const answer of old.answers) answer.end('end');
    for (const stream of [...streams, late]) expect(await stream.whole).toMatch(/^begin more\d end$/);
    // With a minute to drain, this ends because nothing runs any more.
    await stopping;
    await expect(ask(`${gateway.adminUrl}/readyz`)).rejects.toThrow('ECONNREFUSED');
    await eventually(() => expect(old.open).toBe(0));
  });

  it('cuts what still runs after its time, so that the client can tell', async () => {
    const old = await held();
    const gateway = await start(webYaml({ old: old.port }, { web: route('/', 'old') }), { drainMs: 700 });
    const stream = await read(gateway.url);
    await stream.until('begin');
    await gateway.tier.stop();
    await expect(stream.whole).rejects.toThrow('aborted');
    await eventually(() => expect(old.open).toBe(0));
    expect(gateway.accessLog.at(-1)).toMatchObject({ complete: false });
  });

  it('comes once, however often it is asked for, and ends reloads', async () => {
    const old = await origin('old');
    const gateway = await start(webYaml({ old: old.port }, { web: route('/', 'old') }));
    const reloading = gateway.tier.reload('test');
    await Promise.all([gateway.tier.stop(), gateway.tier.stop()]);
    await reloading;
    write(webYaml({ old: old.port }, { web: route('/b', 'old') }));
    expect(await gateway.tier.reload('test')).toBe(false);
    await sleep(100);
    expect([gateway.tier.ports.size, gateway.tier.configuration.current.generation]).toEqual([0, 1]);
  });
});
