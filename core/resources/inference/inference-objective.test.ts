import { expect, it } from 'vitest';

import { problemsOf, problemsOfSpec } from '../ai-gateway/problems-of.ts';
import { FormerInferenceObjective, InferenceObjective, priorityOf } from './inference-objective.ts';

it('fills in the pool that is meant', () => {
  const body = { spec: { poolRef: { name: 'llama' } } };
  expect(problemsOf(InferenceObjective, body)).toEqual([]);
  expect(body.spec.poolRef).toEqual({ group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'llama' });
});

it.each([
  ['no pool', '{priority: 1}', ['spec.poolRef: is required']],
  ['a negative priority', '{priority: -5, poolRef: {name: p}}', []],
  ['the lowest priority', '{priority: -2147483648, poolRef: {name: p}}', []],
  ['more than 32 bits', '{priority: 2147483648, poolRef: {name: p}}', [expect.stringMatching(/^spec\.priority: must be <= 2147483647/)]],
  ['half a priority', '{priority: 0.5, poolRef: {name: p}}', [expect.stringMatching(/^spec\.priority: must be integer/)]],
  ['the group of llm-d', '{poolRef: {group: llm-d.ai, name: p}}', []],
  [
    'the group of the pool before v1',
    '{poolRef: {group: inference.networking.x-k8s.io, name: p}}',
    ['spec.poolRef.group: must be inference.networking.k8s.io, not "inference.networking.x-k8s.io"'],
  ],
  [
    'another kind',
    '{poolRef: {kind: InferencePoolImport, name: p}}',
    ['spec.poolRef.kind: must be InferencePool, not InferencePoolImport: other kinds of pools are not served'],
  ],
  ['a slip', '{poolRef: {name: p}, prioritiy: 1}', ['spec.prioritiy: unknown field; did you mean "priority"?']],
])('%s', (_name, yaml, problems) => {
  expect(problemsOfSpec(InferenceObjective, yaml)).toEqual(problems);
  expect(problemsOfSpec(FormerInferenceObjective, yaml)).toEqual(problems);
});

it('takes an objective without a priority, and no objective, for priority 0', () => {
  const metadata = { name: 'o', namespace: 'default', labels: {}, annotations: {}, creationTimestamp: undefined };
  const objective = (priority?: number): InferenceObjective => ({
    apiVersion: 'llm-d.ai/v1alpha2',
    kind: 'InferenceObjective',
    metadata,
    body: {
      spec: {
        poolRef: { group: 'inference.networking.k8s.io', kind: 'InferencePool', name: 'p' },
        ...(priority === undefined ? {} : { priority }),
      },
    },
    source: { file: 'f', document: 1, line: 1 },
  });
  expect([priorityOf(undefined), priorityOf(objective()), priorityOf(objective(-3))]).toEqual([0, 0, -3]);
});
