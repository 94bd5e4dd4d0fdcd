import { expect, it } from 'vitest';

import { problemsOf, problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { FormerInferenceModelRewrite, InferenceModelRewrite } from './inference-model-rewrite.ts';

const POOL = 'poolRef: {name: p}';

it('fills in the defaults', () => {
  const body = { spec: { poolRef: { name: 'p' }, rules: [{ matches: [{ model: { value: 'a' } }], targets: [{ modelRewrite: 'b' }] }] } };
  expect(problemsOf(InferenceModelRewrite, body)).toEqual([]);
  expect(body.spec).toEqual({
    poolRef: { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'p' },
    rules: [{ matches: [{ model: { type: 'Exact', value: 'a' } }], targets: [{ modelRewrite: 'b' }] }],
  });
});

it.each([
  ['a rule for every model', `{${POOL}, rules: [{targets: [{modelRewrite: b}]}]}`, []],
  ['no rules', `{${POOL}}`, ['spec.rules: is required']],
  ['a canary', `{${POOL}, rules: [{targets: [{modelRewrite: a, weight: 9}, {modelRewrite: b, weight: 1}]}]}`, []],
  [
    'a weight on one of two',
    `{${POOL}, rules: [{targets: [{modelRewrite: a, weight: 9}, {modelRewrite: b}]}]}`,
    ['spec.rules[0].targets[1].weight: is required, as another target of the rule has one'],
  ],
  [
    'a weight of 0',
    `{${POOL}, rules: [{targets: [{modelRewrite: a, weight: 0}]}]}`,
    [expect.stringContaining('targets[0].weight: must be >= 1')],
  ],
  ['no targets', `{${POOL}, rules: [{}]}`, ['spec.rules[0].targets: is required: a rule without targets rewrites nothing']],
  ['an empty list of targets', `{${POOL}, rules: [{targets: []}]}`, [expect.stringContaining('must NOT have fewer than 1 items')]],
  [
    'a target without a name',
    `{${POOL}, rules: [{targets: [{modelRewrite: ""}]}]}`,
    ['spec.rules[0].targets[0].modelRewrite: is empty, and is the name of a model'],
  ],
  [
    'a regular expression',
    `{${POOL}, rules: [{matches: [{model: {type: RegularExpression, value: a}}], targets: [{modelRewrite: b}]}]}`,
    ['spec.rules[0].matches[0].model.type: must be one of Exact, not "RegularExpression"'],
  ],
  [
    'another kind of pool',
    '{poolRef: {kind: Service, name: p}, rules: []}',
    ['spec.poolRef.kind: must be InferencePool, not Service: other kinds of pools are not served'],
  ],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(InferenceModelRewrite, yaml)).toEqual(problems);
  expect(problemsOfSpec(FormerInferenceModelRewrite, yaml)).toEqual(problems);
});
