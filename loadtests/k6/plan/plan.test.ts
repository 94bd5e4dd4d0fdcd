import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { addressesOf } from './addresses.ts';
import { endOf } from './part.ts';
import { planOf, thresholdsOf } from './plan.ts';
import { SCENARIOS } from './scenarios.ts';

const ALL = addressesOf({
  BASE_URL: 'http://127.0.0.1:1/',
  TIER_ONE_URL: 'http://127.0.0.1:2',
  TIER_TWO_URL: 'http://127.0.0.1:3',
  POD_URLS: 'http://127.0.0.1:4, http://127.0.0.1:5/',
  TENANTS_URL: 'http://127.0.0.1:6',
});

test('addresses: of npm start where none is given, else only the given ones', () => {
  expect(addressesOf({})).toMatchObject({ both: 'http://127.0.0.1:1975', one: undefined, two: undefined, pods: { length: 2 } });
  expect(addressesOf({ TIER_TWO_URL: 'http://two', BASE_URL: '' })).toEqual({
    both: undefined,
    one: undefined,
    two: 'http://two',
    pods: [],
    tenants: undefined,
  });
  expect(ALL).toMatchObject({ both: 'http://127.0.0.1:1', pods: ['http://127.0.0.1:4', 'http://127.0.0.1:5'] });
});

test.each(SCENARIOS.map(({ name }) => name))('%s: k6 scenarios have names of their own, an end, and a script', (name) => {
  const { parts, rows } = planOf(name, {}, ALL);
  const names = parts.map(({ scenario }) => scenario);
  expect(new Set(names).size).toBe(names.length);
  for (const each of names) expect(each).toMatch(/^[\w-]+$/);
  expect(rows.length).toBeGreaterThan(0);
  expect(endOf(parts)).toBeLessThan(600);
  expect(parts.every(({ startS, seconds, rate }) => startS >= 0 && seconds > 0 && rate > 0)).toBe(true);
  expect(existsSync(join(import.meta.dirname, '../scenarios', `${name}.ts`))).toBe(true);
});

test('tiers take turns, one at a time, in the reverse order the next time', () => {
  const { parts, rows } = planOf('streaming', { LOAD_SECONDS: '8', LOAD_ROUNDS: '2' }, ALL);
  expect(parts.map(({ tier }) => tier)).toEqual(['pods', 'two', 'one', 'both', 'both', 'one', 'two', 'pods']);
  for (const [index, part] of parts.slice(1).entries()) {
    const before = parts[index]!;
    expect(part.startS).toBeGreaterThan(before.startS + before.seconds);
  }
  expect(rows.map(({ tier, seconds, scenarios }) => [tier, seconds, scenarios.length])).toEqual([
    ['pods', 8, 2],
    ['two', 8, 2],
    ['one', 8, 2],
    ['both', 8, 2],
  ]);
});

test('a tier without an address is left out; none at all is an error', () => {
  expect(planOf('smoke', {}, addressesOf({})).settings.tiers).toEqual(['pods', 'both']);
  expect(() => planOf('smoke', { LOAD_TIERS: 'one' }, addressesOf({}))).toThrow('smoke: there is no address for one');
  expect(() => planOf('smoke', { LOAD_RATE: 'x' }, ALL)).toThrow('LOAD_RATE must be a number above 0, not "x"');
});

test('a stream that ends in silence fails every scenario, except where the pods themselves are asked', () => {
  for (const { name } of SCENARIOS) {
    const plan = planOf(name, {}, ALL);
    const thresholds = thresholdsOf(plan);
    for (const { tier, part } of plan.rows) {
      const expected = tier === 'pods' ? 'count>=0' : 'count==0';
      expect(thresholds[`llm_errors{tier:${tier},part:${part},class:cut}`]).toEqual([expected]);
    }
  }
});

test('faults: the first pod is told before the requests of a phase, and healed by the last one', () => {
  const { parts } = planOf('faults', {}, ALL);
  const orders = parts.filter(({ behaviour }) => behaviour === 'inject');
  for (const order of orders.filter(({ part }) => part !== 'out-of-memory')) {
    const load = parts.find(({ part, behaviour }) => part === order.part && behaviour === 'stream')!;
    expect(load.startS).toBeGreaterThanOrEqual(order.startS + order.seconds);
  }
  expect(orders.at(-1)?.failures).toEqual([]);
});
