import type { InferencePool } from '#core/resources/inference/inference-pool';
import type { Scope } from '#core/route/scope';

import { NO_RULES, type PoolRules } from './served-pool.ts';

/** What the resources beside a pool say of it. */
export function rulesOf(_pool: InferencePool, _scope: Scope): PoolRules {
  return NO_RULES;
}
