import { defineKind, type KindDefinition, type Report, type ResourceOf } from '../kind.ts';
import { object, oneOf, type Static, Type } from '../schema.ts';
import type { ResourceSet } from '../set.ts';
import { ofBothGroups } from './both-groups.ts';
import { PoolReference, reportOtherPool } from './pool-reference.ts';

const Name = Type.String({ minLength: 1 });

const Rule = object({
  /** One match is enough; without any, the rule takes every model. */
  matches: Type.Optional(Type.Array(object({ model: object({ type: oneOf(['Exact'], { default: 'Exact' }), value: Name }) }))),
  /** Optional in the CRD; a rule without targets is reported below. */
  targets: Type.Optional(
    Type.Array(object({ weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })), modelRewrite: Type.String() }), {
      minItems: 1,
    }),
  ),
});

const schema = object({ spec: object({ poolRef: PoolReference, rules: Type.Array(Rule) }) });

function define(group: string): KindDefinition<typeof schema> {
  return defineKind({
    kind: 'InferenceModelRewrite',
    group,
    versions: ['v1alpha2'],
    namespaced: true,
    schema,
    refused: {},
    rules({ spec }, report) {
      reportOtherPool(spec.poolRef, 'spec.poolRef', report);
      for (const [index, rule] of spec.rules.entries()) checkTargets(rule, `spec.rules[${index}]`, report);
    },
  });
}

/** Other names for the models of a pool, with weights: a canary, or a name that outlives its model. */
export const InferenceModelRewrite = define('llm-d.ai');
/** The same under the group that it had before it moved to llm-d; {@link rewritesOf} reads both. */
export const FormerInferenceModelRewrite = define('inference.networking.x-k8s.io');
export type InferenceModelRewrite = ResourceOf<typeof InferenceModelRewrite>;

/** Every rewrite, whatever its group. */
export function rewritesOf(set: ResourceSet): InferenceModelRewrite[] {
  return ofBothGroups(set, InferenceModelRewrite, FormerInferenceModelRewrite);
}

function checkTargets({ targets }: Static<typeof Rule>, at: string, report: Report): void {
  if (targets === undefined) {
    report(`${at}.targets`, 'is required: a rule without targets rewrites nothing');
    return;
  }
  const weighted = targets.filter((target) => target.weight !== undefined).length;
  for (const [index, { weight, modelRewrite }] of targets.entries()) {
    const path = `${at}.targets[${index}]`;
    if (modelRewrite === '') report(`${path}.modelRewrite`, 'is empty, and is the name of a model');
    if (weight === undefined && weighted > 0) report(`${path}.weight`, 'is required, as another target of the rule has one');
  }
}
