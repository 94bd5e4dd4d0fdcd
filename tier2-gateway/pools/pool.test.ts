import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';

import { DEFAULT_HEALTH_CHECK } from '#core/attempt/health';
import type { InferencePool } from '#core/resources/inference/inference-pool';

import { endpointId, type EndpointSource, type PoolEndpoint } from './endpoint.ts';
import { Pool, type PoolListener, type PoolOptions } from './pool.ts';

const RESOURCE: InferencePool = {
  apiVersion: 'inference.networking.k8s.io/v1',
  kind: 'InferencePool',
  metadata: { name: 'llama', namespace: 'models', labels: {}, annotations: {}, creationTimestamp: undefined },
  body: { spec: { selector: { matchLabels: { a: 'b' } }, targetPorts: [{ number: 8000 }], appProtocol: 'http' } },
  source: { file: 'f', document: 1, line: 1 },
};

const pod = (address: string, more: Partial<PoolEndpoint> = {}): PoolEndpoint => ({
  id: endpointId(address, 8000),
  pod: `pod-${address}`,
  address,
  port: 8000,
  labels: {},
  ready: true,
  terminating: false,
  ...more,
});
const A = pod('10.0.0.1');
const B = pod('10.0.0.2');
const C = pod('10.0.0.3');

function rig(first: readonly PoolEndpoint[] | undefined, more: Partial<PoolOptions> = {}) {
  let now = 100_000;
  let change: ((endpoints: readonly PoolEndpoint[]) => void) | undefined;
  const timers = new Set<() => void>();
  const asked: string[] = [];
  let page: string | Error = 'vllm:num_requests_running 1\n';
  const source: EndpointSource = {
    start(onChange) {
      change = onChange;
      if (first !== undefined) onChange(first);
    },
    stop: () => undefined,
  };
  const pool = new Pool(RESOURCE, {
    source,
    now: () => now,
    scraper: {
      random: () => 0,
      setTimer: (callback) => {
        timers.add(callback);
        return () => void timers.delete(callback);
      },
      fetchPage: async ({ id }) => {
        asked.push(id);
        if (page instanceof Error) throw page;
        return page;
      },
    },
    ...more,
  });
  pool.start();
  const listen = () => {
    const events: string[] = [];
    const listener: PoolListener = {
      onEndpoints: (endpoints) => events.push(`endpoints ${endpoints.map(({ address }) => address).join(' ')}`),
      onMetrics: (id, { running }, at) => events.push(`metrics ${id} ${running} at ${at}`),
      onMetricsFailed: (id, at) => events.push(`failed ${id} at ${at}`),
    };
    const end = pool.subscribe(listener);
    return { events, end };
  };
  return {
    pool,
    asked,
    listen,
    change: (...endpoints: PoolEndpoint[]) => change?.(endpoints),
    now: () => now,
    advance: (ms: number) => (now += ms),
    answer: (next: string | Error) => (page = next),
    async scrape() {
      const due = [...timers];
      timers.clear();
      for (const callback of due) callback();
      await new Promise((done) => setImmediate(done));
    },
    candidates: () => pool.candidates(now).map(({ endpoint }) => endpoint.address),
  };
}

describe('which endpoints take requests', () => {
  it('leaves out those that are not ready and those about to end, and counts the others', () => {
    const r = rig([A, pod('10.0.0.2', { ready: false }), pod('10.0.0.3', { terminating: true })]);
    expect(r.candidates()).toEqual(['10.0.0.1']);
    expect(r.pool.ready).toBe(1);
    expect(r.pool.endpoints()).toHaveLength(3);
    r.change(pod('10.0.0.1', { terminating: true }));
    expect(r.candidates()).toEqual([]);
    expect(r.pool.ready).toBe(0);
  });

  it('is empty before the source has spoken', () => {
    const r = rig(undefined);
    expect([r.pool.ready, r.pool.endpoints(), r.candidates()]).toEqual([0, [], []]);
  });

  it('takes the live one of two entries for one address', () => {
    const old = pod('10.0.0.1', { pod: 'old', terminating: true });
    for (const list of [
      [old, A],
      [A, old],
    ]) {
      const r = rig(list);
      expect(r.pool.endpoints()).toEqual([A]);
    }
  });

  it('passes over an ejected endpoint until its time is over, and over none when all are', () => {
    const r = rig([A, B]);
    const a = r.pool.member(A.id)!;
    for (let call = 0; call < 5; call++) r.pool.failed(a, 'local', r.now());
    expect(r.candidates()).toEqual(['10.0.0.2']);
    const b = r.pool.member(B.id)!;
    for (let call = 0; call < 5; call++) r.pool.failed(b, 'local', r.now());
    expect(r.candidates()).toEqual(['10.0.0.1', '10.0.0.2']);
    r.advance(5000);
    expect(r.candidates()).toEqual(['10.0.0.1', '10.0.0.2']);
    r.pool.started(a, r.now());
    // One call at a time tries an endpoint that was out.
    expect(r.candidates()).toEqual(['10.0.0.2']);
    a.health.succeeded();
    expect(r.candidates()).toEqual(['10.0.0.1', '10.0.0.2']);
  });

  it('ejects no more than the check allows', () => {
    const r = rig([A, B, C], { check: { ...DEFAULT_HEALTH_CHECK, maxEjectionPercent: 50 } });
    for (const endpoint of [A, B, C]) {
      for (let call = 0; call < 5; call++) r.pool.failed(r.pool.member(endpoint.id)!, 'local', r.now());
    }
    expect(r.candidates()).toEqual(['10.0.0.2', '10.0.0.3']);
  });

  it('lets an ejected pod go, but not the one that takes its address', () => {
    const r = rig([A, B]);
    for (let call = 0; call < 5; call++) r.pool.failed(r.pool.member(A.id)!, 'local', r.now());
    r.change(A, B, C);
    expect(r.candidates()).toEqual(['10.0.0.2', '10.0.0.3']);
    r.change(pod('10.0.0.1', { startedAt: 99_000 }), B, C);
    expect(r.candidates()).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  });
});

const since = (r: ReturnType<typeof rig>, id: string) => r.pool.member(id)?.readySince;

describe('slow start', () => {
  it('begins when an endpoint becomes ready, each time', () => {
    const r = rig([pod('10.0.0.1', { startedAt: 40_000 }), pod('10.0.0.2', { ready: false, startedAt: 90_000 })]);
    expect(since(r, A.id)).toBe(40_000);
    expect(since(r, B.id)).toBeUndefined();
    r.advance(1000);
    r.change(pod('10.0.0.1', { startedAt: 40_000 }), pod('10.0.0.2', { startedAt: 90_000 }), pod('10.0.0.3', { startedAt: 50_000 }));
    expect([since(r, A.id), since(r, B.id), since(r, C.id)]).toEqual([40_000, 101_000, 101_000]);
    r.advance(1000);
    r.change(pod('10.0.0.1', { startedAt: 40_000, ready: false }));
    r.change(pod('10.0.0.1', { startedAt: 40_000 }));
    expect(since(r, A.id)).toBe(102_000);
  });

  it('begins now for the first pod after a pool was empty, though it has been loading for long', () => {
    const r = rig([]);
    r.advance(500);
    r.change(pod('10.0.0.1', { startedAt: 1000 }));
    expect(since(r, A.id)).toBe(100_500);
  });
});

describe('requests in flight', () => {
  it('stay counted when a pod leaves the list and comes back', () => {
    const r = rig([A]);
    const member = r.pool.member(A.id)!;
    r.pool.started(member, r.now());
    r.pool.started(member, r.now());
    r.change();
    expect(r.pool.member(A.id)).toBeUndefined();
    r.pool.ended(member);
    r.change(A);
    expect(r.pool.member(A.id)).toBe(member);
    expect(member.inFlight).toBe(1);
    r.pool.ended(member);
    expect(r.pool.member(A.id)!.inFlight).toBe(0);
  });

  it('of the pod before are not those of the pod that has its address now', () => {
    const r = rig([A]);
    const before = r.pool.member(A.id)!;
    r.pool.started(before, r.now());
    r.change(pod('10.0.0.1', { pod: 'other' }));
    const after = r.pool.member(A.id)!;
    expect([before.inFlight, after.inFlight]).toEqual([1, 0]);
    r.pool.ended(before);
    expect([before.inFlight, after.inFlight]).toEqual([0, 0]);
  });

  it('run on to their end on a connection of an endpoint that is gone', async () => {
    const answers: ServerResponse[] = [];
    const server = createServer((_request, response) => {
      answers.push(response);
      response.write('first');
    });
    const open = new Set<Socket>();
    server.on('connection', (socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const real = pod('127.0.0.1', { id: endpointId('127.0.0.1', port), port });
    const r = rig([real]);
    const member = r.pool.member(real.id)!;
    const { body } = await member.pool.request({ path: '/', method: 'GET' });
    r.change();
    await new Promise((done) => setTimeout(done, 20));
    answers[0]!.end(' last');
    expect(await body.text()).toBe('first last');
    // And is closed then, not when some other endpoint comes or goes.
    await vi.waitFor(() => expect(open.size).toBe(0), 5000);
    await r.pool.stop();
    server.closeAllConnections();
    server.close();
  });
});

describe('events', () => {
  it('tell a listener what there is and what changes, and nothing twice', async () => {
    const r = rig([A]);
    const { events, end } = r.listen();
    await r.scrape();
    r.change({ ...A });
    r.change(A, B);
    r.advance(300);
    r.answer(new Error('no'));
    await r.scrape();
    expect(events).toEqual([
      'endpoints 10.0.0.1',
      'metrics 10.0.0.1:8000 1 at 100000',
      'endpoints 10.0.0.1 10.0.0.2',
      'failed 10.0.0.1:8000 at 100300',
      'failed 10.0.0.2:8000 at 100300',
    ]);
    expect(r.pool.lastScrape(A.id)).toMatchObject({ metrics: { running: 1 }, at: 100_000, failure: 'no' });
    expect(r.listen().events).toEqual(['endpoints 10.0.0.1 10.0.0.2', 'metrics 10.0.0.1:8000 1 at 100000']);
    end();
    r.change(A);
    expect(events).toHaveLength(5);
  });

  it('of metrics come from endpoints that take requests only', async () => {
    const r = rig([A, pod('10.0.0.2', { ready: false }), pod('10.0.0.3', { terminating: true })]);
    await r.scrape();
    await r.scrape();
    expect(r.asked).toEqual([A.id, A.id]);
  });

  it('forget the metrics of a pod that was replaced under its address', async () => {
    const r = rig([A]);
    await r.scrape();
    r.change(pod('10.0.0.1', { startedAt: 99_999 }));
    expect(r.pool.lastScrape(A.id)).toBeUndefined();
  });

  it('hold nothing against an endpoint whose metrics fail', async () => {
    const r = rig([A, B]);
    r.answer(new Error('refused'));
    for (let round = 0; round < 20; round++) await r.scrape();
    expect(r.candidates()).toEqual(['10.0.0.1', '10.0.0.2']);
  });
});
