import { expect, it } from 'vitest';

import { nameOf } from '../kind.ts';
import { Loader } from '../load.ts';
import { References } from '../references.ts';
import { checkInferenceReferences } from './check-references.ts';

const [CURRENT, FORMER] = ['llm-d.ai', 'inference.networking.x-k8s.io'] as const;
const pool = (name: string, namespace = 'default', port = 8000) =>
  `apiVersion: inference.networking.k8s.io/v1\nkind: InferencePool\nmetadata: {name: ${name}, namespace: ${namespace}}\n` +
  `spec: {selector: {matchLabels: {app: ${name}}}, targetPorts: [{number: ${port}}]}\n`;
const objective = (name: string, poolRef: string, group: string = CURRENT) =>
  `apiVersion: ${group}/v1alpha2\nkind: InferenceObjective\nmetadata: {name: ${name}}\nspec: {poolRef: ${poolRef}}\n`;
const rewrite = (metadata: string, rules: string, group: string = CURRENT, poolName = 'llama') =>
  `apiVersion: ${group}/v1alpha2\nkind: InferenceModelRewrite\nmetadata: {${metadata}}\nspec: {poolRef: {name: ${poolName}}, rules: ${rules}}\n`;
const exact = (...models: string[]) =>
  `{matches: [${models.map((model) => `{model: {value: ${model}}}`).join(', ')}], targets: [{modelRewrite: new}]}`;
const EVERY = '{targets: [{modelRewrite: new}]}';

function check(...documents: string[]) {
  const { set } = new Loader().load({ paths: [], texts: [{ file: 'a.yaml', text: documents.join('---\n') }], env: {} });
  const problems: string[] = [];
  const notices: string[] = [];
  checkInferenceReferences({
    set,
    references: new References(set),
    report: (resource, path, message) => void problems.push(`${nameOf(resource)} | ${path} | ${message}`),
    notice: (message) => void notices.push(message),
  });
  return { problems, notices };
}

it('finds nothing in what is whole', () => {
  const documents = [
    pool('llama'),
    objective('a', '{name: llama}'),
    objective('b', '{name: llama, group: llm-d.ai}', FORMER),
    rewrite('name: a', `[${exact('x', 'y')}, ${EVERY}]`),
    rewrite('name: b', `[${exact('z')}]`, FORMER),
  ];
  expect(check(...documents)).toEqual({ problems: [], notices: [] });
});

it.each([CURRENT, FORMER])('reports a pool that is not in the namespace of what names it: %s', (group) => {
  expect(
    check(pool('llama'), pool('lama', 'other'), objective('o', '{name: lama}', group), rewrite('name: r', '[]', group, 'zzz')),
  ).toEqual({
    problems: [
      'InferenceObjective default/o | spec.poolRef.name | there is no InferencePool default/lama; did you mean "llama"?',
      'InferenceModelRewrite default/r | spec.poolRef.name | there is no InferencePool default/zzz',
    ],
    notices: [],
  });
});

it('does not call a pool missing that is there with problems of its own', () => {
  expect(check(pool('llama', 'default', 0), objective('o', '{name: llama}')).problems).toEqual([
    'InferenceObjective default/o | spec.poolRef.name | InferencePool default/llama has problems of its own',
  ]);
});

it('reports a name that is in both groups once, at the former one', () => {
  const { problems } = check(
    objective('o', '{name: nothing}', FORMER),
    pool('llama'),
    objective('o', '{name: llama}'),
    rewrite('name: r', '[]', FORMER),
    rewrite('name: r', '[]'),
    rewrite('name: r, namespace: other', '[]', FORMER),
  );
  expect(problems).toEqual([
    'InferenceObjective default/o | apiVersion | ' +
      'the InferenceObjective of llm-d.ai in a.yaml:11 has this name too, and replaces it; remove one of the two',
    'InferenceModelRewrite default/r | apiVersion | ' +
      'the InferenceModelRewrite of llm-d.ai in a.yaml:21 has this name too, and replaces it; remove one of the two',
    'InferenceModelRewrite other/r | spec.poolRef.name | there is no InferencePool other/llama',
  ]);
});

it.each([
  [
    'the older resource',
    [
      rewrite('name: a, creationTimestamp: "2026-02-01T00:00:00Z"', `[${exact('x', 'y')}]`),
      rewrite('name: b, creationTimestamp: "2026-01-01T00:00:00Z"', `[${exact('y')}]`, FORMER),
    ],
    'InferenceModelRewrite default/a: spec.rules[0].matches[1] has no effect: for InferencePool default/llama, ' +
      'InferenceModelRewrite default/b, spec.rules[0].matches[0], takes the model "y" before it (the older resource)',
  ],
  [
    'the name',
    [rewrite('name: b', `[${exact('x')}]`), rewrite('name: a', `[${exact('x')}]`)],
    'InferenceModelRewrite default/b: spec.rules[0].matches[0] has no effect: for InferencePool default/llama, ' +
      'InferenceModelRewrite default/a, spec.rules[0].matches[0], takes the model "x" before it (by name, as neither resource is older)',
  ],
  [
    'the earlier rule',
    [rewrite('name: a', `[${EVERY}, ${exact('x')}, ${EVERY}]`)],
    'InferenceModelRewrite default/a: spec.rules[2] has no effect: for InferencePool default/llama, ' +
      'spec.rules[0] takes every model without a rule of its own before it (the earlier rule)',
  ],
])('tells of a match that another goes before: %s', (_name, documents, notice) => {
  expect(check(pool('llama'), ...documents)).toEqual({ problems: [], notices: [notice] });
});

it('takes the same model of two pools for two things', () => {
  const documents = [rewrite('name: a', `[${exact('x')}]`), rewrite('name: b', `[${exact('x')}]`, CURRENT, 'qwen')];
  expect(check(pool('llama'), pool('qwen'), ...documents)).toEqual({ problems: [], notices: [] });
});
