import { expect, it } from 'vitest';

import type { InferenceModelRewrite } from './inference-model-rewrite.ts';
import { compileModelRewrites, modelRewritesByPool, rewriteOf } from './model-rewrite-rules.ts';

type Rule = InferenceModelRewrite['body']['spec']['rules'][number];

function rewrite(
  name: string,
  rules: readonly Rule[],
  { born, pool = 'p', namespace = 'default' }: { born?: string; pool?: string; namespace?: string } = {},
): InferenceModelRewrite {
  return {
    apiVersion: 'llm-d.ai/v1alpha2',
    kind: 'InferenceModelRewrite',
    metadata: { name, namespace, labels: {}, annotations: {}, creationTimestamp: born },
    body: { spec: { poolRef: { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: pool }, rules: [...rules] } },
    source: { file: 'f', document: 1, line: 1 },
  };
}

/** `{a: 9, b: 1}`; a weight of 0 stands for none. */
function rule(models: readonly string[], targets: Readonly<Record<string, number>>): Rule {
  return {
    matches: models.map((value) => ({ model: { type: 'Exact' as const, value } })),
    targets: Object.entries(targets).map(([modelRewrite, weight]) => ({ modelRewrite, ...(weight === 0 ? {} : { weight }) })),
  };
}

const never = () => {
  throw new Error('there is nothing to choose');
};

/** Models for numbers that lie even between 0 and 1, counted. */
function shares(rewrites: readonly InferenceModelRewrite[], model: string, steps: number): Record<string, number> {
  const rules = compileModelRewrites(rewrites);
  const counts: Record<string, number> = {};
  for (let step = 0; step < steps; step++) {
    const chosen = rewriteOf(rules, model, () => step / steps)?.model ?? 'unchanged';
    counts[chosen] = (counts[chosen] ?? 0) + 1;
  }
  return counts;
}

it('leaves models alone that no rule has', () => {
  const rules = compileModelRewrites([rewrite('a', [rule(['x', 'y'], { new: 0 })])]);
  expect(['x', 'y', 'X', 'new', 'constructor'].map((model) => rewriteOf(rules, model, never)?.model)).toEqual([
    'new',
    'new',
    undefined,
    undefined,
    undefined,
  ]);
  expect(rewriteOf(compileModelRewrites([]), 'x', never)).toBeUndefined();
});

it('prefers a rule for the model to one for every model, wherever they stand and however old they are', () => {
  const rules = compileModelRewrites([
    rewrite('every', [rule([], { any: 0 })], { born: '2020-01-01T00:00:00Z' }),
    rewrite('late', [rule([], { never: 0 }), rule(['x'], { own: 0 })], { born: '2026-01-01T00:00:00Z' }),
  ]);
  expect(rewriteOf(rules, 'x', never)).toEqual({ model: 'own', rule: 'InferenceModelRewrite default/late spec.rules[1]' });
  expect(rewriteOf(rules, 'y', never)).toEqual({ model: 'any', rule: 'InferenceModelRewrite default/every spec.rules[0]' });
});

it.each([
  ['the older, in another zone', { born: '2026-01-01T01:00:00+02:00' }, { born: '2026-01-01T00:00:00Z' }, 'b'],
  ['one with a date before one without', { born: '2026-01-01T00:00:00Z' }, {}, 'b'],
  ['a date that is none counts as none', { born: '2026-01-01T00:00:00Z' }, { born: 'long ago' }, 'b'],
  ['the name, of the same age', { born: '2026-01-01T00:00:00Z' }, { born: '2026-01-01T00:00:00Z' }, 'a'],
  ['the name, without dates', {}, {}, 'a'],
])('lets one resource go first: %s', (_name, ofB, ofA, first) => {
  const [a, b] = [rewrite('a', [rule(['x'], { a: 0 })], ofA), rewrite('b', [rule(['x'], { b: 0 })], ofB)];
  for (const rewrites of [
    [a, b],
    [b, a],
  ]) {
    const rules = compileModelRewrites(rewrites);
    expect(rewriteOf(rules, 'x', never)?.model).toBe(first);
    expect(rules.shadowed).toHaveLength(1);
    expect(rules.shadowed[0]).toMatchObject({ model: 'x', path: 'spec.rules[0].matches[0]', by: { metadata: { name: first } } });
  }
});

it('lets the earlier rule of a resource go first, match by match', () => {
  const rules = compileModelRewrites([rewrite('a', [rule(['x'], { one: 0 }), rule(['y', 'x', 'z'], { two: 0 })])]);
  expect(['x', 'y', 'z'].map((model) => rewriteOf(rules, model, never)?.model)).toEqual(['one', 'two', 'two']);
  expect(rules.shadowed.map(({ path, byPath }) => [path, byPath])).toEqual([['spec.rules[1].matches[1]', 'spec.rules[0].matches[0]']]);
});

it.each<[string, Record<string, number>, Record<string, number>]>([
  ['a canary', { stable: 9, canary: 1 }, { stable: 900, canary: 100 }],
  ['weights that are no percentages', { a: 1, b: 2, c: 5 }, { a: 125, b: 250, c: 625 }],
  ['the largest weights', { a: 1_000_000, b: 1_000_000 }, { a: 500, b: 500 }],
  ['no weights: alike', { a: 0, b: 0, c: 0, d: 0 }, { a: 250, b: 250, c: 250, d: 250 }],
])('divides requests by weight: %s', (_name, targets, expected) => {
  expect(shares([rewrite('a', [rule([], targets)])], 'x', 1000)).toEqual(expected);
});

it('comes to a target for every number that a generator could give', () => {
  const rules = compileModelRewrites([rewrite('a', [rule(['x'], { a: 1, b: 1 })])]);
  expect([0, 0.5 - Number.EPSILON, 0.5, 1 - Number.EPSILON / 2, 1].map((number) => rewriteOf(rules, 'x', () => number)?.model)).toEqual([
    'a',
    'a',
    'b',
    'b',
    'b',
  ]);
});

it('leaves the model as it is where its rule has no targets, and does not fall through to the rule for every model', () => {
  const rules = compileModelRewrites([rewrite('a', [rule(['x'], {}), rule([], { any: 0 })])]);
  expect([rewriteOf(rules, 'x', never), rewriteOf(rules, 'y', never)?.model]).toEqual([undefined, 'any']);
  expect(rewriteOf(compileModelRewrites([rewrite('a', [{}, rule([], { any: 0 })])]), 'x', never)).toBeUndefined();
});

it('does not chain, and does not change what it compiles', () => {
  const rewrites = [rewrite('b', [rule(['y'], { z: 0 })]), rewrite('a', [rule(['x'], { y: 0 })])];
  const before = structuredClone(rewrites);
  expect(rewriteOf(compileModelRewrites(rewrites), 'x', never)?.model).toBe('y');
  expect(rewrites).toEqual(before);
});

it('keeps pools of one name in two namespaces apart', () => {
  const rules = [rule(['x'], { new: 0 })];
  const byPool = modelRewritesByPool([rewrite('a', rules), rewrite('a', rules, { namespace: 'n' }), rewrite('b', rules, { pool: 'q' })]);
  expect([...byPool].map(([pool, { shadowed }]) => [pool, shadowed.length])).toEqual([
    ['default/p', 0],
    ['n/p', 0],
    ['default/q', 0],
  ]);
  expect(byPool.get('default/other')).toBeUndefined();
});
