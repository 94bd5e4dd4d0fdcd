import { bornAt, type KindDefinition, nameOf, type Resource } from '../kind.ts';
import type { References } from '../references.ts';
import type { ResourceSet } from '../set.ts';
import { FormerInferenceModelRewrite, InferenceModelRewrite, rewritesOf } from './inference-model-rewrite.ts';
import { FormerInferenceObjective, InferenceObjective } from './inference-objective.ts';
import { InferencePool } from './inference-pool.ts';
import { modelRewritesByPool, type ShadowedMatch } from './model-rewrite-rules.ts';

/** Where the check looks, and whom it tells. The `Scope` of a compilation is one. */
export interface InferenceScope {
  readonly set: ResourceSet;
  readonly references: References;
  report(resource: Resource, path: string, message: string): void;
  /** Something that is served, and that its author may not expect. */
  notice(message: string): void;
}

/**
 * Checks InferenceObjectives and InferenceModelRewrites against the rest of the set. Problems: a pool that is not in their namespace, and
 * one name in both groups of a kind. A match that another rule has before is a notice: there is an order for that, in a cluster as well.
 */
export function checkInferenceReferences(scope: InferenceScope): void {
  checkKind(InferenceObjective, FormerInferenceObjective, scope);
  checkKind(InferenceModelRewrite, FormerInferenceModelRewrite, scope);
  for (const [pool, { shadowed }] of modelRewritesByPool(rewritesOf(scope.set))) {
    for (const match of shadowed) scope.notice(explain(match, pool));
  }
}

function checkKind<D extends typeof InferenceObjective | typeof InferenceModelRewrite>(current: D, former: D, scope: InferenceScope): void {
  for (const resource of scope.set.all(current)) checkPool(resource, scope);
  for (const resource of scope.set.all(former)) {
    const { namespace, name } = resource.metadata;
    const successor = scope.set.get(current, namespace, name);
    // The other one is told of the pool.
    if (successor === undefined) checkPool(resource, scope);
    else scope.report(resource, 'apiVersion', `${placeOf(successor, current)} has this name too, and replaces it; remove one of the two`);
  }
}

function checkPool(resource: InferenceObjective | InferenceModelRewrite, scope: InferenceScope): void {
  const { name } = resource.body.spec.poolRef;
  const { namespace } = resource.metadata;
  if (scope.set.get(InferencePool, namespace, name) === undefined)
    scope.report(resource, 'spec.poolRef.name', scope.references.missing(InferencePool, namespace, name));
}

function placeOf({ source: { file, line } }: Resource, { kind, group }: KindDefinition): string {
  return `the ${kind} of ${group} in ${file}${line > 0 ? `:${line}` : ''}`;
}

function explain({ rewrite, path, model, by, byPath }: ShadowedMatch, pool: string): string {
  const what = model === undefined ? 'every model without a rule of its own' : `the model ${JSON.stringify(model)}`;
  const whose = by === rewrite ? byPath : `${nameOf(by)}, ${byPath},`;
  return `${nameOf(rewrite)}: ${path} has no effect: for InferencePool ${pool}, ${whose} takes ${what} before it (${reason(rewrite, by)})`;
}

function reason(rewrite: InferenceModelRewrite, by: InferenceModelRewrite): string {
  if (by === rewrite) return 'the earlier rule';
  return bornAt(by) < bornAt(rewrite) ? 'the older resource' : 'by name, as neither resource is older';
}
