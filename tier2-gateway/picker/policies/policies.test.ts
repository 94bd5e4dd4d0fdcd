import { expect, test } from 'vitest';

import { bytesOfBlocks, digestPrompt } from '../digest.ts';
import { Clock, endpoint, endpoints, metrics, prompt, request, seeded, text } from '../pool.fixture.ts';
import type { Policy, Ticket } from '../policy.ts';
import { ApproximatePrefixIndex } from './approximate-prefix.ts';
import type { Candidate } from './candidates.ts';
import { labelFilter, prefixAffinityFilter } from './filters.ts';
import { referenceDefault, stickyUntilSaturated } from './reference.ts';
import {
  activeRequestScorer,
  kvScorer,
  loadAwareScorer,
  loraScorer,
  noHitLruScorer,
  prefixScorer,
  queueScorer,
  tokenLoadScorer,
} from './scorers.ts';
import { LeastRequestPolicy, RandomPolicy, RoundRobinPolicy, TwoChoicesPolicy } from './simple.ts';
import { WeightedPolicy } from './weighted.ts';
import type { WeighedRequest } from './weighted.ts';

function around(clock = new Clock(), seed = 11): { now: () => number; random: () => number } {
  return { now: clock.now, random: seeded(seed) };
}

function counts(policy: Policy, picks: number, end = false): number[] {
  const all = new Map<string, number>();
  for (let index = 0; index < picks; index++) {
    const ticket = policy.pick(request(prompt(`c${index}`, 400)));
    all.set(ticket.endpoint!, (all.get(ticket.endpoint!) ?? 0) + 1);
    if (end) ticket.end();
  }
  return [...all.values()].sort((one, other) => one - other);
}

const simple = {
  random: RandomPolicy,
  'round robin': RoundRobinPolicy,
  'least request': LeastRequestPolicy,
  'two choices': TwoChoicesPolicy,
};

for (const [name, Simple] of Object.entries(simple)) {
  test(`${name}: lists who may serve, counts exactly, forgets what is forgotten`, () => {
    const clock = new Clock();
    const policy = new Simple(around(clock));
    expect(policy.pick(request(prompt('none', 10))).endpoint).toBeUndefined();
    policy.setEndpoints([...endpoints(5), endpoint(5, { ready: false }), endpoint(6, { draining: true })]);
    const tickets: Ticket[] = [];
    for (let index = 0; index < 40; index++) {
      const ticket = policy.pick(request(prompt(`e${index}`, 400)));
      expect(ticket.ranked.map(({ id }) => id).sort()).toEqual(endpoints(5).map(({ id }) => id));
      tickets.push(ticket);
    }
    tickets.forEach((ticket, index) => {
      if (index % 3 === 0) ticket.fail('reset');
      if (index % 3 === 1) ticket.end();
      if (index % 4 === 0) ticket.moveTo('10.0.0.2:8000');
    });
    clock.at = 1e9;
    policy.sweep(clock.at);
    expect(policy.sweep(2e9)).toBe(0);
    expect(policy.inFlight()).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(policy.pick(request(prompt('s', 10), { subset: ['10.0.0.3'] })).endpoint).toBe('10.0.0.3:8000');
  });
}

function ofTen<T extends Policy>(policy: T): T {
  policy.setEndpoints(endpoints(10));
  return policy;
}

test('round robin and least request are even, two choices nearly, random is not', () => {
  expect(counts(ofTen(new RoundRobinPolicy(around())), 100)).toEqual(Array.from({ length: 10 }, () => 10));
  expect(counts(ofTen(new LeastRequestPolicy(around())), 100)).toEqual(Array.from({ length: 10 }, () => 10));
  const two = counts(ofTen(new TwoChoicesPolicy(around())), 1_000);
  expect(two.at(-1)! - two[0]!).toBeLessThan(20);
  const random = counts(ofTen(new RandomPolicy(around())), 1_000);
  expect(random.at(-1)! - random[0]!).toBeGreaterThan(20);
});

test('the reference herds in a burst between two scrapes', () => {
  const policy = referenceDefault(around());
  policy.setEndpoints(endpoints(4));
  for (const { id } of endpoints(4)) policy.observeMetrics(id, metrics({ waiting: id.startsWith('10.0.0.1') ? 0 : 1, kvUsage: 0.5 }), 0);
  expect(counts(policy, 30)).toEqual([30]);
});

test('the reference: one that was never scraped looks idle', () => {
  const policy = referenceDefault(around());
  policy.setEndpoints(endpoints(3));
  for (const index of [0, 1]) policy.observeMetrics(`10.0.0.${index}:8000`, metrics({ waiting: 3, kvUsage: 0.3 }), 0);
  expect(policy.pick(request(prompt('x', 400))).endpoint).toBe('10.0.0.2:8000');
});

test('the reference follows prefixes, but not answers, and does not undo failures', () => {
  const policy = referenceDefault(around());
  policy.setEndpoints(endpoints(4));
  const first = request(prompt('conversation', 4_096));
  const ticket = policy.pick(first);
  const home = ticket.endpoint;
  ticket.end({ output: text('answer', 4_096) });
  const next = policy.pick(request(first.prompt.continued(text('answer', 4_096))));
  expect(next.endpoint).toBe(home);
  expect(next.ranked[0]!.matchedTokens).toBe(1_024);
  const lost = policy.pick(request(prompt('lost', 4_096)));
  const where = lost.endpoint;
  lost.fail('connect');
  expect(policy.pick(request(prompt('lost', 4_096))).endpoint).toBe(where);
});

test('sticky until saturated', () => {
  const policy = stickyUntilSaturated(around());
  policy.setEndpoints(endpoints(3));
  const shared = prompt('sticky', 40_000);
  const home = policy.pick(request(shared)).endpoint!;
  for (let index = 0; index < 5; index++) expect(policy.pick(request(shared)).endpoint).toBe(home);
  // 18 seconds at 15 928 tokens a second.
  policy.pick(request(prompt('flood', 400), { inputTokens: 290_000, subset: [home] }));
  expect(policy.pick(request(shared)).endpoint).not.toBe(home);
});

test('the approximate index has the quirks of the reference', () => {
  const index = new ApproximatePrefixIndex();
  const hashes = (bytes: number, more = ''): number[] => index.hashes(digestPrompt([text('q', bytes), more]), 'm', '', 64, 131_072);
  // The unfinished block counts as one.
  expect([hashes(0).length, hashes(10).length, hashes(256).length, hashes(257).length, hashes(2_560).length]).toEqual([0, 1, 1, 2, 10]);
  const long = hashes(256 * 12);
  expect(hashes(256 * 12, 'tail').slice(0, 12)).toEqual(long);
  expect(index.hashes(digestPrompt([text('q', 256)]), 'm', 'salt', 64, 131_072)).not.toEqual(hashes(256));
  // Blocks of 128 tokens are every second one.
  expect(index.hashes(digestPrompt([text('q', 256 * 12)]), 'm', '', 128, 131_072)).toEqual(long.filter((_, block) => block % 2 === 1));
  // Capped in tokens.
  expect(index.hashes(digestPrompt([text('q', 256 * 12)]), 'm', '', 64, 320)).toEqual(long.slice(0, 5));
  // The least recently added block goes first, that is the head of the prompt, and the rest still counts.
  index.add(long, 'small', 10);
  index.add(long, 'large', 100);
  expect(index.match(long)).toEqual(
    new Map([
      ['small', 10],
      ['large', 12],
    ]),
  );
  index.remove('large');
  expect(index.match(long).size).toBe(0);
});

test('block boundaries of the two indexes agree', () => {
  // Of 256-byte blocks, the first two are made of four small ones each.
  expect([bytesOfBlocks(4), bytesOfBlocks(8), bytesOfBlocks(9)]).toEqual([256, 512, 768]);
});

function candidate(more: Partial<Candidate> & { readonly index?: number }): Candidate {
  return { info: endpoint(more.index ?? 0), requests: 0, tokens: 0, metrics: undefined, metricsAt: 0, ...more };
}

function indexOf(one: Candidate): number {
  return Number(/(\d+):/.exec(one.info.id)![1]);
}

function weighed(matched: readonly number[], total = 10): WeighedRequest {
  return {
    request: request(prompt('w', 2_560)),
    match: (one) => ({ matched: matched[indexOf(one)] ?? 0, total, blockTokens: 64 }),
    uncached: (one) => 640 - 64 * (matched[indexOf(one)] ?? 0),
    coldRank: (one) => [0, 5, 2, 9][indexOf(one)]!,
    random: () => 0.5,
  };
}

test('scorers follow the formulas of the reference', () => {
  const some = [0, 1, 2, 3].map((index) =>
    candidate({ index, requests: index, tokens: index * 1_000, metrics: metrics({ waiting: index * 2, kvUsage: index / 4 }) }),
  );
  const request4 = weighed([0, 5, 10, 0]);
  expect(queueScorer(some, request4)).toEqual([1, 2 / 3, 1 / 3, 0]);
  expect(queueScorer([some[1]!, some[1]!], request4)).toEqual([1, 1]);
  expect(kvScorer(some, request4)).toEqual([1, 0.75, 0.5, 0.25]);
  expect(prefixScorer()(some, request4)).toEqual([0, 0.5, 1, 0]);
  expect(prefixScorer(0.5, 640)(some, request4)).toEqual([0, 0.5 * 0.25 + 0.25, 1, 0]);
  expect(loadAwareScorer(8)(some, request4)).toEqual([0.5, 0.375, 0.25, 0.125]);
  expect(activeRequestScorer()(some, request4)).toEqual([1, 2 / 3, 1 / 3, 0]);
  expect(activeRequestScorer(1, 0.5)(some, request4)).toEqual([1, 1, 0.5 / 3, 0]);
  expect(tokenLoadScorer(4_000)(some, request4)).toEqual([1 - 640 / 4_000, 1 - 1_320 / 4_000, 0.5, 1 - 3_640 / 4_000]);
  expect(noHitLruScorer(some, request4)).toEqual([0.5, 0.5, 0.5, 0.5]);
  // Never used, then the longest unused.
  expect(noHitLruScorer(some, weighed([]))).toEqual([1, 1 - 2 / 3, 1 - 1 / 3, 0]);
  const loras = [
    metrics({ runningLoras: ['m'], maxLora: 1 }),
    metrics({ runningLoras: ['x'], maxLora: 2 }),
    metrics({ runningLoras: ['x'], waitingLoras: ['m'], maxLora: 2 }),
    metrics({ runningLoras: ['x'], maxLora: 1 }),
  ].map((scraped) => candidate({ metrics: scraped }));
  expect(loraScorer(loras, request4)).toEqual([1, 0.8, 0.6, 0]);
});

test('filters keep all where the reference does', () => {
  const some = [0, 1, 2].map((index) => candidate({ index, tokens: index === 2 ? 400_000 : 0 }));
  const keep = prefixAffinityFilter();
  expect(keep(some, weighed([8, 0, 0]))).toEqual([some[0]]);
  expect(keep(some, weighed([7, 0, 0]))).toEqual(some);
  expect(keep(some, weighed([0, 0, 10]))).toEqual(some);
  expect(prefixAffinityFilter({ maxTTFTPenaltyMs: 0 })(some, weighed([0, 0, 10]))).toEqual([some[2]]);
  expect(prefixAffinityFilter({ explorationProbability: 0.6 })(some, weighed([8, 0, 0]))).toEqual(some);
  const labelled = candidate({ info: endpoint(0, { labels: { gpu: 'h100' } }) });
  expect(labelFilter([{ key: 'gpu', operator: 'In', values: ['h100'] }])([labelled, some[1]!], weighed([]))).toEqual([labelled]);
  expect(labelFilter([{ key: 'gpu', operator: 'DoesNotExist' }])([labelled, some[1]!], weighed([]))).toEqual([some[1]]);
});

test('weighted random follows the scores, and nobody eligible means nobody chosen', () => {
  const policy = new WeightedPolicy(around(), {
    filters: [],
    scorers: [{ score: (all) => all.map(({ info }) => (info.pod === 'pod-0' ? 0.9 : 0.1)), weight: 1 }],
    picker: 'weighted-random',
  });
  policy.setEndpoints(endpoints(2));
  const [less, more] = counts(policy, 1_000, true);
  expect(more! / (less! + more!)).toBeGreaterThan(0.85);
  expect(more! / (less! + more!)).toBeLessThan(0.95);
  const nobody = new WeightedPolicy(around(), { filters: [() => []], scorers: [{ score: kvScorer, weight: 1 }], picker: 'max-score' });
  nobody.setEndpoints(endpoints(2));
  expect(nobody.pick(request(prompt('n', 10))).endpoint).toBeUndefined();
});

test('a request that moves after other picks takes its own prompt along', () => {
  const policy = referenceDefault(around());
  policy.setEndpoints(endpoints(2));
  const moved = policy.pick(request(prompt('moved', 4_096)));
  const from = moved.endpoint;
  policy.pick(request(prompt('between', 4_096), { subset: [from!] }));
  const to = endpoints(2).find(({ id }) => id !== from)!.id;
  moved.moveTo(to);
  const probe = policy.pick(request(prompt('moved', 4_096), { subset: [to] }));
  expect(probe.ranked[0]!.matchedTokens).toBe(1_024);
  const other = policy.pick(request(prompt('between', 4_096), { subset: [to] }));
  expect(other.ranked[0]!.matchedTokens).toBe(0);
});
