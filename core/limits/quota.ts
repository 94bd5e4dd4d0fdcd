import type { Quota, QuotaPolicy } from '../resources/ai-gateway/quota-policy.ts';
import type { RateLimitUnit } from '../resources/envoy-gateway/rate-limit.ts';
import { nameOf, type Report } from '../resources/kind.ts';
import { compileExpression } from './cel.ts';
import { CompiledLimit, type CompiledLimitOptions, type ModelCondition } from './compiled.ts';
import { TOTAL_TOKENS } from './cost.ts';
import { compileSelectors, EVERYONE } from './selector.ts';
import type { Owner } from './source.ts';

type Spec = NonNullable<QuotaPolicy['body']['spec']>;
export type ModelQuota = NonNullable<Spec['perModelQuotas']>[number];
export type ServiceQuota = NonNullable<Spec['serviceQuota']>;

const PER: Readonly<Record<Quota['duration'], RateLimitUnit>> = { '1s': 'Second', '1m': 'Minute', '1h': 'Hour', '1d': 'Day' };

/** Where a quota stands and what it is for. */
export interface QuotaPlace {
  readonly policy: QuotaPolicy;
  readonly path: string;
  /** Name of the AIServiceBackend, which is of the policy's namespace. */
  readonly backend: string;
  /** Undefined: the caller knows that the model is one that the quota holds for. */
  readonly models: ModelCondition | undefined;
}

/**
 * The quota of one model at one backend. All buckets that select a request count it, and one of them with room is enough to let it through
 * (mode `Shared`); a bucket in shadow mode only counts.
 */
export function modelQuota({ modelName, quota }: ModelQuota, place: QuotaPlace, owner: Owner | undefined, report: Report): CompiledLimit[] {
  const { policy, path, backend } = place;
  const id = `${prefixOf(policy, backend)}/model/${encodeURIComponent(modelName)}`;
  const rules = quota.bucketRules ?? [];
  const hard = rules.filter((rule) => rule.shadowMode !== true).length + (quota.defaultBucket === undefined ? 0 : 1);
  const common = commonOf(place, quota.costExpression);
  const anyOf = hard > 1 ? id : undefined;
  const what = `model ${JSON.stringify(modelName)} at AIServiceBackend ${backend}`;
  const buckets = rules.map((rule, index) => {
    const at = `${path}.quota.bucketRules[${index}]`;
    const shadow = rule.shadowMode ?? false;
    return new CompiledLimit({
      ...common,
      ...limitOf(rule.quota),
      id: `${id}/${index}`,
      name: `bucket rule ${index} for ${what} of ${nameOf(policy)}`,
      shadow,
      anyOf: shadow ? undefined : anyOf,
      selector: compileSelectors(rule.clientSelectors, owner, `${at}.clientSelectors`, report),
    });
  });
  if (quota.defaultBucket === undefined) return buckets;
  const name = `default bucket for ${what} of ${nameOf(policy)}`;
  const bucket = { ...common, ...limitOf(quota.defaultBucket), id: `${id}/default`, name, shadow: false, anyOf, selector: EVERYONE };
  return [...buckets, new CompiledLimit(bucket)];
}

/** The quota of all models of a backend that have none of their own: they share one count. */
export function serviceQuota({ quota, costExpression }: ServiceQuota, place: QuotaPlace): CompiledLimit {
  const { policy, backend } = place;
  return new CompiledLimit({
    ...commonOf(place, costExpression),
    ...limitOf(quota),
    id: `${prefixOf(policy, backend)}/service`,
    name: `service quota for AIServiceBackend ${backend} of ${nameOf(policy)}`,
    shadow: false,
    selector: EVERYONE,
  });
}

function prefixOf(policy: QuotaPolicy, backend: string): string {
  return `QuotaPolicy/${policy.metadata.namespace}/${policy.metadata.name}/${backend}`;
}

function limitOf({ limit, duration }: Quota): Pick<CompiledLimitOptions, 'units' | 'per'> {
  return { units: limit, per: PER[duration] };
}

function commonOf({ policy, path, models }: QuotaPlace, expression: string | undefined) {
  const plain = expression === undefined || expression === '';
  return {
    origin: { policy, path },
    shared: true,
    silent: false,
    unit: plain ? 'tokens' : 'units',
    requestCost: 0,
    responseCost: plain ? TOTAL_TOKENS : compileExpression(expression),
    models,
  };
}
