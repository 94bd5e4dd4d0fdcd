import { expect, it } from 'vitest';

import { Loader } from '../load.ts';
import { rewritesOf } from './inference-model-rewrite.ts';
import { objectiveOf, objectivesOf, priorityOf } from './inference-objective.ts';

const document = (kind: string, group: string, name: string, spec: string, namespace = 'default') =>
  `apiVersion: ${group}/v1alpha2\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {poolRef: {name: p}, ${spec}}\n`;
const [CURRENT, FORMER] = ['llm-d.ai', 'inference.networking.x-k8s.io'] as const;

function load(...documents: string[]) {
  const { set, problems } = new Loader().load({ paths: [], texts: [{ file: 'a.yaml', text: documents.join('---\n') }], env: {} });
  expect(problems).toEqual([]);
  return set;
}

it('reads objectives of both groups; of one name in both, that of the current group', () => {
  const set = load(
    document('InferenceObjective', FORMER, 'both', 'priority: 1'),
    document('InferenceObjective', FORMER, 'former', 'priority: 2'),
    document('InferenceObjective', CURRENT, 'both', 'priority: 3'),
    document('InferenceObjective', CURRENT, 'former', 'priority: 4', 'elsewhere'),
  );
  expect(objectivesOf(set).map((each) => [each.metadata.namespace, each.metadata.name, priorityOf(each)])).toEqual([
    ['default', 'both', 3],
    ['elsewhere', 'former', 4],
    ['default', 'former', 2],
  ]);
  const priority = (namespace: string, name: string) => objectiveOf(set, namespace, name)?.body.spec.priority;
  expect([priority('default', 'both'), priority('default', 'former'), priority('elsewhere', 'both')]).toEqual([3, 2, undefined]);
});

it('reads rewrites of both groups', () => {
  const set = load(
    document('InferenceModelRewrite', FORMER, 'a', 'rules: [{targets: [{modelRewrite: old}]}]'),
    document('InferenceModelRewrite', FORMER, 'b', 'rules: []'),
    document('InferenceModelRewrite', CURRENT, 'a', 'rules: []'),
  );
  expect(rewritesOf(set).map(({ apiVersion, metadata }) => `${apiVersion} ${metadata.name}`)).toEqual([
    `${CURRENT}/v1alpha2 a`,
    `${FORMER}/v1alpha2 b`,
  ]);
});
