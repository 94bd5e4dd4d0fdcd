import { object, ObjectName, oneOf, SectionName, Type } from '../schema.ts';
import type { Report } from '../kind.ts';

const GATEWAY_API = ['gateway.networking.k8s.io'] as const;

/** `targetRef` and `targetRefs` of a policy that may apply to these kinds, each in the policy's own namespace. */
export function targetFields<const Kinds extends readonly string[]>(kinds: Kinds) {
  const target = object({
    group: oneOf(GATEWAY_API),
    kind: oneOf(kinds),
    name: ObjectName,
    /** A listener of a Gateway, or a rule of a route. */
    sectionName: Type.Optional(SectionName),
  });
  return { targetRef: Type.Optional(target), targetRefs: Type.Optional(Type.Array(target)) };
}

/** Refusals of the kinds that the policy may apply to in a cluster and not here. */
export function refusedTargets(kinds: readonly string[]): Record<string, string> {
  const refused: Record<string, string> = { 'spec.targetSelectors': 'name the targets in targetRefs; labels select nothing here' };
  for (const kind of kinds) {
    for (const field of ['targetRef', 'targetRefs[]']) refused[`spec.${field}.kind=${kind}`] = 'the gateway serves HTTP routes only';
  }
  return refused;
}

interface Targets {
  readonly targetRef?: unknown;
  readonly targetRefs?: readonly unknown[];
}

/** A policy names its target in one of the two fields, and names at least one: else it would apply to nothing, unnoticed. */
export function checkTargets({ targetRef, targetRefs }: Targets, report: Report): void {
  if (targetRef === undefined && targetRefs === undefined) report('spec', 'one of targetRef and targetRefs is required');
  if (targetRef !== undefined && targetRefs !== undefined) report('spec.targetRef', 'cannot be used together with targetRefs');
  if (targetRefs?.length === 0) report('spec.targetRefs', 'names no target, so the policy would apply to nothing');
}
