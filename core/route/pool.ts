import type { Serving } from '../attempt/backend.ts';
import { NO_LIMIT_RULES } from '../limits/rule.ts';
import type { AiTarget, HeaderEdits } from '../providers/target.ts';
import { InferencePool } from '../resources/inference/inference-pool.ts';
import type { Resource } from '../resources/kind.ts';
import { kindOf } from '../resources/references.ts';
import type { BackendRef } from './origins.ts';
import type { Scope } from './scope.ts';

/** Endpoints of one pool that a request tries before it goes elsewhere. */
export const POD_TRIES = 3;
const POOL = { group: 'inference.networking.k8s.io', kind: 'InferencePool' };

export const NO_EDITS: HeaderEdits = { set: [], replaced: new Set() };

export function isPool(ref: BackendRef): boolean {
  return ref.kind === POOL.kind && ref.group === POOL.group;
}

/** The pool that a route names. @returns undefined after a report */
export function poolOf(ref: BackendRef, route: Resource, path: string, scope: Scope): Serving | undefined {
  if (scope.pools === undefined) {
    scope.report(
      route,
      `${path}.kind`,
      'an InferencePool is served by tier two ("tierkit tier2"); name an AIServiceBackend that leads there',
      'InvalidKind',
    );
    return undefined;
  }
  const { namespace: from } = route.metadata;
  const namespace = ref.namespace ?? from;
  if (!scope.references.permitted(kindOf(route), from, POOL, namespace, ref.name)) {
    scope.report(route, path, scope.references.forbidden(kindOf(route), from, POOL, namespace, ref.name), 'RefNotPermitted');
    return undefined;
  }
  if (scope.set.get(InferencePool, namespace, ref.name) === undefined) {
    scope.report(route, `${path}.name`, scope.references.missing(POOL.kind, namespace, ref.name), 'BackendNotFound');
    return undefined;
  }
  // Undefined where the pool itself has a problem, which was reported.
  return scope.pools.get(`${namespace}/${ref.name}`);
}

/** What all targets have in common that lead to a pool. */
export function atPool(pool: Serving): Omit<AiTarget, 'id' | 'weight' | 'priority' | 'stripped' | 'tierTwo' | 'ordinary'> {
  return {
    backend: pool,
    tries: POD_TRIES,
    schema: { name: 'vLLM', version: undefined, prefix: undefined },
    credential: undefined,
    overrides: [],
    modelOverride: undefined,
    headers: NO_EDITS,
    bodyEdits: [],
    quotas: NO_LIMIT_RULES,
    asksForUsage: true,
  };
}
