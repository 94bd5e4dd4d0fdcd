import { defineKind, type KindDefinition, type ResourceOf } from '../kind.ts';
import { object, Type } from '../schema.ts';
import type { ResourceSet } from '../set.ts';
import { firstOfBothGroups, ofBothGroups } from './both-groups.ts';
import { PoolReference, reportOtherPool } from './pool-reference.ts';

const schema = object({
  spec: object({
    /** Higher is served first; absent: 0; below 0: may be shed when the pool is full. */
    priority: Type.Optional(Type.Integer({ minimum: -2_147_483_648, maximum: 2_147_483_647 })),
    poolRef: PoolReference,
  }),
});

function define(group: string): KindDefinition<typeof schema> {
  return defineKind({
    kind: 'InferenceObjective',
    group,
    versions: ['v1alpha2'],
    namespaced: true,
    schema,
    refused: {},
    rules: ({ spec }, report) => reportOtherPool(spec.poolRef, 'spec.poolRef', report),
  });
}

/** How important the requests are that name it in `x-llm-d-inference-objective`. */
export const InferenceObjective = define('llm-d.ai');
/** The same under the group that it had before it moved to llm-d; {@link objectivesOf} reads both. */
export const FormerInferenceObjective = define('inference.networking.x-k8s.io');
export type InferenceObjective = ResourceOf<typeof InferenceObjective>;

/** Every objective, whatever its group. */
export function objectivesOf(set: ResourceSet): InferenceObjective[] {
  return ofBothGroups(set, InferenceObjective, FormerInferenceObjective);
}

/** One objective, whatever its group. */
export function objectiveOf(set: ResourceSet, namespace: string, name: string): InferenceObjective | undefined {
  return firstOfBothGroups(set, InferenceObjective, FormerInferenceObjective, { namespace, name });
}

/** Priority of an objective, and of a request without one. */
export function priorityOf(objective: InferenceObjective | undefined): number {
  return objective?.body.spec.priority ?? 0;
}
