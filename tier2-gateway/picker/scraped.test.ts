import { expect, test } from 'vitest';

import { EndpointLoad } from './load.ts';
import { endpoint, endpoints, metrics, pool, prompt, request } from './pool.fixture.ts';
import type { Picker } from './picker.ts';
import { ScrapedLoad } from './scraped.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

function loadOf(requests: number): EndpointLoad {
  const load = new EndpointLoad();
  load.requests = requests;
  return load;
}

test('gauges that are a step old do not make foreign load of requests that have just ended', () => {
  const scraped = new ScrapedLoad();
  scraped.observe(metrics({ running: 50, kvUsage: 0.5 }), 0, loadOf(50), 1_000);
  scraped.observe(metrics({ running: 50, kvUsage: 0.5 }), 250, loadOf(20), 1_000);
  expect(scraped.foreign).toEqual({ running: 0, waiting: 0, kvTokens: 0 });
  // What stays is foreign after all.
  for (let at = 500; at < 8_000; at += 250) scraped.observe(metrics({ running: 50, kvUsage: 0.5 }), at, loadOf(20), 1_000);
  expect(scraped.foreign.running).toBeCloseTo(30, 0);
  expect(scraped.foreign.kvTokens).toBeCloseTo(300, 0);
});

test('a scrape that knows of fewer requests than there were all the while is doubted, and believed again later', () => {
  const scraped = new ScrapedLoad();
  for (let at = 0; at < 4_000; at += 250) scraped.observe(metrics({ running: 30 }), at, loadOf(30), 1_000);
  expect(scraped.confidence(4_000, DEFAULT_SETTINGS)).toBe(1);
  for (let at = 4_000; at < 8_000; at += 250) scraped.observe(metrics({ running: 3 }), at, loadOf(30), 1_000);
  expect(scraped.confidence(8_000, DEFAULT_SETTINGS)).toBeLessThan(0.1);
  for (let at = 8_000; at < 20_000; at += 250) scraped.observe(metrics({ running: 30 }), at, loadOf(30), 1_000);
  expect(scraped.confidence(20_000, DEFAULT_SETTINGS)).toBe(1);
});

function costs(picker: Picker): Record<string, number> {
  const ticket = picker.pick(request(prompt('probe', 400)));
  ticket.fail('aborted');
  return Object.fromEntries(ticket.ranked.map(({ id, score }) => [id.split('.')[3]!.split(':')[0]!, score]));
}

/** Of four, when only the first has load of others, and scrapes of the rest fail so often. */
function costOfFirst(foreign: number, failures: number): number {
  const { picker } = pool(4);
  for (const { id } of endpoints(4)) picker.observeMetrics(id, metrics({ running: id.startsWith('10.0.0.0') ? foreign : 0 }), 0);
  for (const { id } of endpoints(4).slice(1)) for (let time = 0; time < failures; time++) picker.metricsFailed(id, 0);
  return costs(picker)['0']!;
}

test('load of others is seen, own load does not count twice', () => {
  const { picker, clock } = pool(2);
  for (let index = 0; index < 5; index++) picker.pick(request(prompt(`own${index}`, 400), { subset: ['10.0.0.0'] }));
  picker.observeMetrics('10.0.0.0:8000', metrics({ running: 5 }), clock.at);
  picker.observeMetrics('10.0.0.1:8000', metrics({ running: 5 }), clock.at);
  const [own, foreign] = picker.endpoints();
  expect(own!.foreign.running).toBe(0);
  expect(foreign!.foreign.running).toBe(5);
});

test('an endpoint whose scrapes fail or grow old is average, not idle', () => {
  const { picker, clock } = pool(3);
  for (const [index, running] of [40, 40, 0].entries())
    picker.observeMetrics(`10.0.0.${index}:8000`, metrics({ running, waiting: running / 2 }), 0);
  const fresh = costs(picker);
  expect(fresh['2']!).toBeLessThan(fresh['0']!);
  // The idle one stops answering: it must not look idle any more.
  clock.at = 20_000;
  for (let time = 0; time < 6; time++) picker.metricsFailed('10.0.0.2:8000', clock.at);
  for (const index of [0, 1]) picker.observeMetrics(`10.0.0.${index}:8000`, metrics({ running: 40, waiting: 20 }), clock.at);
  const failed = costs(picker);
  expect(failed['2']! / failed['0']!).toBeGreaterThan(0.9);
  expect(failed['2']! / failed['0']!).toBeLessThan(1.1);
  // One that was never scraped, too.
  picker.setEndpoints([...endpoints(3), endpoint(3, { startedAt: -1e9 })]);
  const unknown = costs(picker);
  expect(unknown['3']! / unknown['0']!).toBeGreaterThan(0.9);
});

test('where most scrapes fail, the one that is left is believed little', () => {
  const idle = costOfFirst(0, 0);
  const believed = costOfFirst(40, 0) - idle;
  expect(believed).toBeGreaterThan(0);
  expect(costOfFirst(40, 6) - idle).toBeLessThan(0.4 * believed);
});

test('a new endpoint starts slowly, those of the beginning do not', () => {
  const { picker, clock } = pool(2);
  clock.at = 100_000;
  picker.setEndpoints(endpoints(3));
  const early = costs(picker);
  expect(early['2']!).toBeGreaterThan(5 * early['0']!);
  clock.at += 40_000;
  const late = costs(picker);
  expect(late['2']!).toBeCloseTo(late['0']!, 3);
});

test('the share of a new endpoint grows with its age, whatever load costs the others', () => {
  const { picker, clock } = pool(1);
  clock.at = 100_000;
  picker.setEndpoints(endpoints(2));
  /** Of picks whose requests end at once: idle or not, the endpoints cost the same. */
  const share = (): number => {
    let count = 0;
    for (let index = 0; index < 400; index++) {
      const ticket = picker.pick(request(prompt(`${clock.at} ${index}`, 40)));
      if (ticket.ranked[0]!.id === endpoint(1).id) count++;
      ticket.end();
    }
    return count / 400;
  };
  expect(share()).toBeLessThan(0.12);
  clock.at += 15_000;
  const half = share();
  expect(half).toBeGreaterThan(0.15);
  expect(half).toBeLessThan(0.35);
  clock.at += 15_000;
  expect(share()).toBeGreaterThan(0.4);
});

test('where all are new, none is spared', () => {
  const { picker, clock } = pool(1);
  clock.at = 100_000;
  picker.setEndpoints([endpoint(3, { startedAt: 100_000 }), endpoint(4, { startedAt: 100_000 })]);
  clock.at += 1_000;
  const [one, other] = Object.values(costs(picker));
  expect(one).toBeCloseTo(other!, 3);
  expect(one).toBeLessThan(5_000);
});

test('a restart is noticed, and its cache forgotten', () => {
  for (const restart of ['time', 'counter', 'pod']) {
    const { picker } = pool(1);
    picker.observeMetrics('10.0.0.0:8000', metrics({ prefixQueries: 900 }), 0);
    picker.setEndpoints([endpoint(0, { startedAt: 1 })]);
    const ticket = picker.pick(request(prompt('cached', 8_000)));
    ticket.firstToken(1);
    ticket.end();
    expect(picker.endpoints()[0]!.indexedBlocks).toBeGreaterThan(0);
    if (restart === 'time') picker.setEndpoints([endpoint(0, { startedAt: 2 })]);
    if (restart === 'counter') picker.observeMetrics('10.0.0.0:8000', metrics({ prefixQueries: 3 }), 2);
    if (restart === 'pod') picker.setEndpoints([endpoint(0, { pod: 'another', startedAt: 1 })]);
    expect(picker.endpoints()[0]!.indexedBlocks).toBe(0);
  }
});

test('a counter that falls while a stream goes on is an old scrape, and no restart', () => {
  const { picker, clock } = pool(1);
  picker.observeMetrics('10.0.0.0:8000', metrics({ running: 1, prefixQueries: 900 }), 0);
  const ticket = picker.pick(request(prompt('cached', 8_000)));
  ticket.firstToken(1);
  clock.at = 5_000;
  picker.observeMetrics('10.0.0.0:8000', metrics({ running: 1, prefixQueries: 3 }), clock.at);
  expect(picker.endpoints()[0]!.indexedBlocks).toBeGreaterThan(0);
  // Without a stream that began before, there is no such proof.
  ticket.end();
  picker.observeMetrics('10.0.0.0:8000', metrics({ prefixQueries: 1 }), clock.at);
  expect(picker.endpoints()[0]!.indexedBlocks).toBe(0);
});

test('an index that promises more than the server has is trusted less, and again when it is right', () => {
  const { picker, clock } = pool(1);
  const serve = (cachedTokens: number): void => {
    clock.at += 1_000;
    const ticket = picker.pick(request(prompt('feedback', 8_000)));
    ticket.firstToken(clock.at);
    ticket.end({ cachedTokens, inputTokens: 2_000 });
  };
  serve(0);
  for (let index = 0; index < 20; index++) serve(0);
  const { cacheTrust } = picker.endpoints()[0]!;
  expect(cacheTrust).toBeLessThan(0.1);
  expect(picker.pick(request(prompt('feedback', 8_000))).ranked[0]!.matchedTokens).toBeLessThan(200);
  for (let index = 0; index < 30; index++) serve(1_984);
  expect(picker.endpoints()[0]!.cacheTrust).toBeGreaterThan(0.95);
});

test('the index holds no more than the cache that the server reports', () => {
  const { picker, clock } = pool(1);
  picker.observeMetrics('10.0.0.0:8000', metrics({ blockSize: 16, numBlocks: 500 }), 0);
  for (let index = 0; index < 20; index++) {
    const ticket = picker.pick(request(prompt(`fill${index}`, 8_000)));
    ticket.firstToken(++clock.at);
    ticket.end();
    expect(picker.index.usedBytes(0)).toBeLessThanOrEqual(8_000 * 4);
  }
  expect(picker.index.usedBytes(0)).toBeGreaterThan(20_000);
});
