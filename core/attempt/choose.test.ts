import { describe, expect, it } from 'vitest';

import { backend, plan, seeded, target } from './attempt.fixture.ts';
import { choose, type Tried } from './choose.ts';
import type { Plan, Target } from './plan.ts';

const NOW = 1_000_000;
const half = () => 0.5;

function eject(given: Target, forMs = 5000): void {
  const endpoint = given.backend.endpoints[0]!;
  for (let count = 0; count < 5; count++) given.backend.failed(endpoint, 'server', NOW + forMs - 5000);
}

/** Names in the order in which a request would try them. */
function walk(given: Plan, random = half, most = 20): string[] {
  const tried: Tried<Target> = new Map();
  const names: string[] = [];
  while (names.length < most) {
    const next = choose(given, tried, names.length, NOW, random);
    if (next === undefined) break;
    tried.set(next, (tried.get(next) ?? 0) + 1);
    names.push(next.id);
  }
  return names;
}

const two = () => [target('a'), target('b', { priority: 1 })];

const staying = (each: number, most: number) =>
  plan([target('a1'), target('a2'), target('b', { priority: 1 }), target('c', { priority: 2 })], {
    attemptsPerPriority: each,
    maxAttempts: most,
  });

describe('choose', () => {
  it('draws by weight', () => {
    const given = plan([
      target('a', { weight: 70 }),
      target('b', { weight: 25 }),
      target('c', { weight: 5 }),
      target('never', { weight: 0 }),
    ]);
    const random = seeded(42);
    const counts: Record<string, number> = {};
    for (let draw = 0; draw < 20_000; draw++) {
      const { id } = choose(given, new Map(), 0, NOW, random)!;
      counts[id] = (counts[id] ?? 0) + 1;
    }
    expect(Object.keys(counts).toSorted()).toEqual(['a', 'b', 'c']);
    // Three standard deviations of 20,000 draws are below 200.
    expect(counts['a']).toBeCloseTo(14_000, -2.6);
    expect(counts['b']).toBeCloseTo(5000, -2.6);
    expect(counts['c']).toBeCloseTo(1000, -2.6);
  });

  it('reaches the first and the last at the ends of the range', () => {
    const given = plan([target('none', { weight: 0 }), target('a'), target('b'), target('none', { weight: 0 })]);
    expect(choose(given, new Map(), 0, NOW, () => 0)!.id).toBe('a');
    expect(choose(given, new Map(), 0, NOW, () => 1 - Number.EPSILON)!.id).toBe('b');
  });

  it('walks the priorities in their order, each target once', () => {
    const given = plan([target('c', { priority: 2 }), target('a'), target('b', { priority: 1 }), target('a2')]);
    expect(walk(given, () => 0)).toEqual(['a', 'a2', 'b', 'c']);
  });

  it('draws by weight among those not tried yet', () => {
    const given = plan([target('a', { weight: 1000 }), target('b', { weight: 1 }), target('c', { weight: 1 })]);
    expect(walk(given, () => 0.999)).toEqual(['b', 'a', 'c']);
  });

  it('never takes a target of weight 0, also as the only one', () => {
    expect(walk(plan([target('a', { weight: 0 })]))).toEqual([]);
    expect(walk(plan([target('a', { weight: 0 }), target('b', { weight: 0, priority: 1 })], { maxAttempts: 5 }))).toEqual([]);
  });

  it('makes as many attempts as the policy says', () => {
    expect(walk(plan([target('a')], { maxAttempts: 3 }))).toEqual(['a', 'a', 'a']);
    expect(walk(plan([target('a')]))).toEqual(['a']);
    expect(walk(plan(two(), { maxAttempts: 1 }))).toEqual(['a']);
    expect(walk(plan(two(), { maxAttempts: 4 }))).toEqual(['a', 'b', 'a', 'a']);
  });

  it('stays a number of attempts at each priority, with fresh targets first', () => {
    expect(walk(staying(1, 4), () => 0)).toEqual(['a1', 'b', 'c', 'a2']);
    expect(walk(staying(2, 6), () => 0)).toEqual(['a1', 'a2', 'b', 'b', 'c', 'c']);
    expect(walk(staying(3, 5), () => 0)).toEqual(['a1', 'a2', 'a1', 'b', 'b']);
  });

  it('goes on to the next priority where the attempts of one cannot be made', () => {
    const [a, b] = [target('a'), target('b', { priority: 1 })];
    eject(a);
    expect(walk(plan([a, b], { attemptsPerPriority: 2, maxAttempts: 3 }))).toEqual(['b', 'b', 'b']);
  });

  it('passes over an ejected one while another one is left, and then tries it', () => {
    const [a, b] = [target('a'), target('b', { priority: 1 })];
    eject(a);
    expect(walk(plan([a, b]))).toEqual(['b', 'a']);
    eject(b);
    expect(walk(plan([a, b]))).toEqual(['a', 'b']);
  });

  it('passes over one that is cooling down', () => {
    const [a, b] = [target('a'), target('b', { priority: 1 })];
    a.backend.endpoints[0]!.health.coolDown(NOW, 1000);
    expect(walk(plan([a, b]))).toEqual(['b', 'a']);
    a.backend.endpoints[0]!.health.coolDown(NOW - 2000, 1000);
    expect(choose(plan([a, b]), new Map(), 0, NOW + 1001, half)!.id).toBe('a');
  });

  it('never takes a full one', () => {
    const full = target('full', { backend: backend('full', { limits: { maxParallelRequests: 1 } }) });
    full.backend.started(full.backend.endpoints[0]!, NOW, false);
    expect(walk(plan([full, target('b', { priority: 1 })]))).toEqual(['b']);
    expect(walk(plan([full]))).toEqual([]);
    full.backend.ended(full.backend.endpoints[0]!, false);
    expect(walk(plan([full]))).toEqual(['full']);
  });

  it('leaves no room for more retries than the limit, while first attempts pass', () => {
    const limited = target('a', { backend: backend('a', { limits: { maxParallelRetries: 1 } }) });
    limited.backend.started(limited.backend.endpoints[0]!, NOW, true);
    const given = plan([limited], { maxAttempts: 5 });
    expect(choose(given, new Map(), 0, NOW, half)!.id).toBe('a');
    expect(choose(given, new Map(), 1, NOW, half)).toBeUndefined();
  });

  it('counts retries against the share of what is in flight, and never fewer than the minimum', () => {
    const { backend: limited } = target('a', {
      backend: backend('a', { limits: { maxParallelRetries: 0, retryBudget: { share: 0.2, minimum: 1 } } }),
    });
    const endpoint = limited.endpoints[0]!;
    expect(limited.hasRoom(true)).toBe(true);
    limited.started(endpoint, NOW, true);
    expect(limited.hasRoom(true)).toBe(false);
    for (let count = 0; count < 9; count++) limited.started(endpoint, NOW, false);
    expect(limited.hasRoom(true)).toBe(true);
    limited.started(endpoint, NOW, true);
    expect(limited.hasRoom(true)).toBe(false);
  });
});

const fail = (given: ReturnType<typeof backend>, index: number) => {
  for (let count = 0; count < 5; count++) given.failed(given.endpoints[index]!, 'server', NOW);
};
const picks = (given: ReturnType<typeof backend>, count: number, random = half) =>
  Array.from({ length: count }, () => given.endpoints.indexOf(given.endpoint(NOW, random)));

describe('the endpoint of a backend', () => {
  it('goes round', () => {
    const given = backend('a', { endpoints: 3, balance: { type: 'RoundRobin', panicPercent: 0 } });
    expect(picks(given, 6)).toEqual([0, 1, 2, 0, 1, 2]);
  });

  it('is the one with the fewest requests, in turn where several have', () => {
    const given = backend('a', { endpoints: 3 });
    expect(picks(given, 3)).toEqual([0, 1, 2]);
    given.started(given.endpoints[0]!, NOW, false);
    given.started(given.endpoints[2]!, NOW, false);
    expect(picks(given, 3)).toEqual([1, 1, 1]);
  });

  it('is none that is ejected', () => {
    const given = backend('a', { endpoints: 3, balance: { type: 'RoundRobin', panicPercent: 0 } });
    fail(given, 1);
    expect(new Set(picks(given, 10))).toEqual(new Set([0, 2]));
  });

  it('is any of them in a panic: when too few or none are left', () => {
    const given = backend('a', { endpoints: 4, balance: { type: 'RoundRobin', panicPercent: 50 } });
    fail(given, 0);
    fail(given, 1);
    expect(new Set(picks(given, 8))).toEqual(new Set([2, 3]));
    fail(given, 2);
    expect(new Set(picks(given, 8))).toEqual(new Set([0, 1, 2, 3]));
    const all = backend('a', { endpoints: 2, balance: { type: 'Random', panicPercent: 0 } });
    fail(all, 0);
    fail(all, 1);
    expect(new Set(picks(all, 50, seeded(7)))).toEqual(new Set([0, 1]));
  });

  it('is ejected no further than the percentage allows, but one always may be', () => {
    const given = backend('a', { endpoints: 4, check: { maxEjectionPercent: 50 } });
    for (const index of [0, 1, 2]) fail(given, index);
    expect(given.endpoints.map(({ health }) => health.ejected(NOW))).toEqual([true, true, false, false]);
    const strict = backend('a', { endpoints: 4, check: { maxEjectionPercent: 10 } });
    for (const index of [0, 1]) fail(strict, index);
    expect(strict.endpoints.map(({ health }) => health.ejected(NOW))).toEqual([true, false, false, false]);
  });
});
