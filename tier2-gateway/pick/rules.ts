import { rewritesOf } from '#core/resources/inference/inference-model-rewrite';
import { objectivesOf, priorityOf } from '#core/resources/inference/inference-objective';
import type { InferencePool } from '#core/resources/inference/inference-pool';
import { compileModelRewrites, rewriteOf } from '#core/resources/inference/model-rewrite-rules';
import type { Scope } from '#core/route/scope';

import type { PoolRules } from './served-pool.ts';

/** What InferenceObjectives and InferenceModelRewrites say of the requests to a pool. */
export function rulesOf(pool: InferencePool, { set }: Scope): PoolRules {
  const { namespace, name } = pool.metadata;
  const isOfPool = ({ metadata, body }: ReturnType<typeof objectivesOf>[number] | ReturnType<typeof rewritesOf>[number]): boolean =>
    metadata.namespace === namespace && body.spec.poolRef.name === name;
  const resources = rewritesOf(set).filter(isOfPool);
  const rewrites = compileModelRewrites(resources);
  return {
    objectives: new Map(
      objectivesOf(set)
        .filter(isOfPool)
        .map((objective) => [objective.metadata.name, priorityOf(objective)]),
    ),
    rewrite: (model) => rewriteOf(rewrites, model, Math.random)?.model,
    renames: resources.length > 0,
  };
}
