import { expect, test } from 'vitest';

import { EndpointLoad } from './load.ts';
import { metrics } from './pool.fixture.ts';
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
