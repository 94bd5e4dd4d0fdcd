import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { endpointsOf, type PoolEndpoint } from './endpoint.ts';
import type { EndpointMetrics } from './engine-metrics.ts';
import { Scraper, ScrapeRound, type ScrapeSettings } from './scrape.ts';

const PAGE = 'vllm:num_requests_running 0\nvllm:num_requests_waiting 0\nvllm:kv_cache_usage_perc 0.1\n';
const BUSY = PAGE.replace('running 0', 'running 3');
const endpoint = (address: string, port = 8000) => endpointsOf({ address, labels: {}, ready: true, terminating: false }, [port])[0]!;
const numbered = (index: number) => endpoint(`10.0.${index >> 8}.${index & 255}`);
const settle = () => new Promise((done) => setImmediate(done));

/** A scraper with pages and clock by hand. */
function rig({
  random = 0,
  isActive = () => false,
  round,
}: { random?: number; isActive?: (id: string) => boolean; round?: ScrapeRound } = {}) {
  let now = 1000;
  const timers: { callback: () => void; ms: number }[] = [];
  const pages: ((page: string | Error) => void)[] = [];
  const asked: PoolEndpoint[] = [];
  const events: string[] = [];
  const scraper = new Scraper({
    now: () => now,
    random: () => random,
    isActive,
    round,
    setTimer: (callback, ms) => {
      const timer = { callback, ms };
      timers.push(timer);
      return () => void (timers.includes(timer) && timers.splice(timers.indexOf(timer), 1));
    },
    fetchPage: (target) => {
      asked.push(target);
      return new Promise((resolve, reject) => pages.push((page) => (page instanceof Error ? reject(page) : resolve(page))));
    },
    onMetrics: (id, metrics, at) => events.push(`${id} ${metrics.running} at ${at}`),
    onFailed: (id, at, reason) => events.push(`${id} failed at ${at}: ${reason}`),
  });
  return {
    scraper,
    events,
    asked,
    timers,
    advance: (ms: number) => void (now += ms),
    /** Runs the one timer that waits, lets the page come after a while, and returns the time to the next. */
    async round(page: string | Error, took = 0) {
      expect(timers).toHaveLength(1);
      timers.splice(0)[0]!.callback();
      now += took;
      pages.shift()!(page);
      await settle();
      return timers[0]?.ms;
    },
    pages,
  };
}

describe('when it scrapes', () => {
  it('asks an endpoint at work every 250 ms, and one at rest ever more rarely down to once a second', async () => {
    const r = rig();
    r.scraper.update([endpoint('10.0.0.1')]);
    expect(await r.round(BUSY)).toBe(250);
    expect(await r.round(PAGE)).toBe(375);
    expect(await r.round(PAGE)).toBe(562.5);
    expect(await r.round(PAGE)).toBe(843.75);
    expect(await r.round(PAGE)).toBe(1000);
    expect(await r.round(PAGE)).toBe(1000);
    expect(await r.round(BUSY)).toBe(250);
  });

  it('takes an endpoint for busy that has our own requests', async () => {
    const active = new Set(['10.0.0.1:8000']);
    const r = rig({ isActive: (id) => active.has(id) });
    r.scraper.update([endpoint('10.0.0.1')]);
    expect(await r.round(PAGE)).toBe(250);
    active.clear();
    expect(await r.round(PAGE)).toBe(375);
  });

  it('spreads the moments, never beyond a second', async () => {
    const r = rig({ random: 0.999 });
    r.scraper.update([endpoint('10.0.0.1')]);
    expect(await r.round(BUSY)).toBeCloseTo(200, 0);
    for (let round = 0; round < 5; round++) await r.round(PAGE);
    expect(r.timers[0]!.ms).toBeCloseTo(800, 0);
  });

  it('asks each of thousands less often, those at work before those at rest, over all that share the round', async () => {
    const round = new ScrapeRound();
    const [r, other] = [rig({ random: 0.5, round }), rig({ random: 0.5, round })];
    other.scraper.update(Array.from({ length: 3000 }, (_, index) => numbered(index)));
    r.scraper.update(Array.from({ length: 1000 }, (_, index) => numbered(3000 + index)));
    expect(Math.max(...r.timers.map(({ ms }) => ms))).toBe(4000);
    const next = async (page: string) => {
      r.timers.shift()!.callback();
      r.pages.shift()!(page);
      await settle();
      return r.timers.at(-1)!.ms;
    };
    expect(await next(PAGE)).toBe(7200);
    // The one at work shares its part of the time with none.
    expect(await next(BUSY)).toBe(225);
    for (let index = 1; index < 250; index++) await next(BUSY);
    expect(await next(BUSY)).toBeCloseTo(0.9 * 2 * 251);
    other.scraper.update([]);
    expect(await next(PAGE)).toBe(1800);
    await r.scraper.stop();
    expect(round).toEqual({ endpoints: 0, busy: 0 });
  });

  it('spares a server whose page takes long', async () => {
    const r = rig();
    r.scraper.update([endpoint('10.0.0.1')]);
    expect(await r.round(BUSY, 150)).toBe(600);
    expect(await r.round(BUSY, 900)).toBe(1000);
  });

  it('has one scrape of an endpoint at a time', async () => {
    const r = rig();
    r.scraper.update([endpoint('10.0.0.1')]);
    r.timers.splice(0)[0]!.callback();
    r.scraper.update([endpoint('10.0.0.1')]);
    expect(r.timers).toEqual([]);
    expect(r.asked).toHaveLength(1);
    r.pages.shift()!(PAGE);
    await settle();
    expect(r.timers).toHaveLength(1);
  });
});

describe('what it tells', () => {
  it('tells a failure as such, with no numbers, and goes on', async () => {
    const r = rig();
    r.scraper.update([endpoint('10.0.0.1')]);
    await r.round(new Error('connect ECONNREFUSED'));
    r.advance(250);
    await r.round('<html>', 5);
    r.advance(250);
    await r.round(BUSY, 10);
    expect(r.events).toEqual([
      '10.0.0.1:8000 failed at 1000: connect ECONNREFUSED',
      '10.0.0.1:8000 failed at 1255: the page has no metrics of a known engine',
      '10.0.0.1:8000 3 at 1515',
    ]);
  });

  it('tells nothing of an endpoint that has gone while its page was on the way', async () => {
    const r = rig();
    r.scraper.update([endpoint('10.0.0.1')]);
    r.timers.splice(0)[0]!.callback();
    r.scraper.update([]);
    r.pages.shift()!(PAGE);
    await settle();
    expect(r.events).toEqual([]);
    expect(r.timers).toEqual([]);
  });

  it('reads the label as it is at the time', async () => {
    const r = rig();
    r.scraper.update([endpoint('10.0.0.1')]);
    await r.round(PAGE);
    r.scraper.update([{ ...endpoint('10.0.0.1'), labels: { 'llm-d.ai/engine-type': 'sglang' } }]);
    await r.round(`${PAGE}sglang:num_running_reqs 8\n`);
    expect(r.events.at(-1)).toContain(' 8 at');
  });
});

describe('over HTTP', () => {
  let server: Server | undefined;
  let scraper: Scraper | undefined;
  const sockets = new Set<Socket>();
  afterEach(async () => {
    await scraper?.stop();
    for (const socket of sockets) socket.destroy();
    server?.close();
    sockets.clear();
  });

  async function scrape(listener: RequestListener, settings: Partial<ScrapeSettings> = {}) {
    server = createServer(listener);
    server.on('connection', (socket) => sockets.add(socket));
    await new Promise<void>((done) => server!.listen(0, '127.0.0.1', done));
    const metrics: EndpointMetrics[] = [];
    const failures: string[] = [];
    scraper = new Scraper({
      settings: { busyMs: 5, idleMs: 10, ...settings },
      onMetrics: (_id, found) => metrics.push(found),
      onFailed: (_id, _at, reason) => failures.push(reason),
    });
    const target = endpoint('127.0.0.1', (server.address() as AddressInfo).port);
    scraper.update([target]);
    return { metrics, failures, target };
  }

  it('keeps one connection, and asks for the path', async () => {
    const requests: string[] = [];
    const { metrics } = await scrape((request, response) => {
      requests.push(`${request.method} ${request.url} ${request.headers.accept}`);
      response.write(PAGE.slice(0, 20));
      setTimeout(() => response.end(PAGE.slice(20)), 2);
    });
    await vi.waitFor(() => expect(metrics.length).toBeGreaterThan(3), 5000);
    expect(sockets.size).toBe(1);
    expect(new Set(requests)).toEqual(new Set(['GET /metrics text/plain;version=0.0.4']));
    expect(metrics[0]).toMatchObject({ engine: 'vllm', kvUsage: 0.1 });
  });

  it('gives up a page that does not come, one that stops half-way, one that is too long, and an error', async () => {
    let turn = 0;
    const { metrics, failures } = await scrape(
      (_request, response) => {
        turn++;
        if (turn === 1) return;
        if (turn === 2) response.write(PAGE);
        else if (turn === 3) response.end('#'.repeat(10_000));
        else if (turn === 4) response.writeHead(503).end('no');
        else if (turn === 5) response.destroy();
        else response.end(PAGE);
      },
      { timeoutMs: 80, maxBytes: 5000 },
    );
    await vi.waitFor(() => expect(metrics.length).toBeGreaterThan(0), 5000);
    expect(failures.slice(0, 4)).toEqual(['no answer within 80 ms', 'no answer within 80 ms', 'more than 5000 bytes', 'status 503']);
    expect(failures[4]).toMatch(/other side closed|terminated|ECONNRESET|socket/i);
  });

  it('leaves an endpoint that is gone, in the middle of a page too', async () => {
    let closed = false;
    const { metrics, failures } = await scrape(
      (_request, response) => {
        response.on('close', () => (closed = true));
        response.write(PAGE);
      },
      { timeoutMs: 60_000 },
    );
    await vi.waitFor(() => expect(sockets.size).toBe(1), 5000);
    await new Promise((done) => setTimeout(done, 20));
    scraper!.update([]);
    await vi.waitFor(() => expect(closed).toBe(true), 5000);
    expect([...metrics, ...failures]).toEqual([]);
  });

  it('says when nobody listens', async () => {
    const { failures, target } = await scrape((_request, response) => response.end(PAGE));
    await scraper!.stop();
    server!.close();
    for (const socket of sockets) socket.destroy();
    failures.length = 0;
    scraper = new Scraper({ onMetrics: () => undefined, onFailed: (_id, _at, reason) => failures.push(reason) });
    scraper.update([target]);
    await vi.waitFor(() => expect(failures[0]).toContain('ECONNREFUSED'), 5000);
  });
});
