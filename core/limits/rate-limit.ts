import type { BackendTrafficPolicy } from '../resources/envoy-gateway/backend-traffic-policy.ts';
import type { RateLimitRule, RateLimitUnit } from '../resources/envoy-gateway/rate-limit.ts';
import { nameOf, type Report } from '../resources/kind.ts';
import { CompiledLimit, WINDOWS } from './compiled.ts';
import { fixedCost } from './cost.ts';
import type { Cost } from './rule.ts';
import { compileSelectors, type Selector } from './selector.ts';
import type { Owner } from './source.ts';

/** A rule of `rateLimit`, before it is known which route it is for. */
export interface PreparedLimit {
  readonly scope: 'global' | 'local';
  readonly index: number;
  readonly path: string;
  readonly rule: RateLimitRule;
  readonly selector: Selector;
}

/** What is the same for all routes whose callers one SecurityPolicy identifies. */
export function prepareLimits(
  { body: { spec } }: BackendTrafficPolicy,
  owner: Owner | undefined,
  report: Report,
): readonly PreparedLimit[] {
  const { global, local } = spec.rateLimit ?? {};
  const prepare = (scope: 'global' | 'local', rules: readonly RateLimitRule[] = []): PreparedLimit[] =>
    rules.map((rule, index) => {
      const path = `spec.rateLimit.${scope}.rules[${index}]`;
      return { scope, index, path, rule, selector: compileSelectors(rule.clientSelectors, owner, `${path}.clientSelectors`, report) };
    });
  return [...prepare('global', global?.rules), ...prepare('local', local?.rules)];
}

/**
 * The limits of a policy for one route: each route has its own counts, except of rules with `shared`.
 * @param route `Kind/namespace/name`
 * @param costs of the route, by metadata key
 */
export function limitsFor(
  prepared: readonly PreparedLimit[],
  policy: BackendTrafficPolicy,
  route: string,
  costs: ReadonlyMap<string, Cost>,
): CompiledLimit[] {
  const { namespace, name } = policy.metadata;
  return prepared.flatMap(({ scope, index, path, rule, selector }) => {
    const { limit, cost, shadowMode = false, shared = false, xRateLimitHeaders } = rule;
    const key = cost?.response?.metadata?.key;
    const given = limit.fromMetadata?.key;
    const options = {
      id: `BackendTrafficPolicy/${namespace}/${name}/${scope}/${index}${shared ? '' : `/${route}`}`,
      name: `${scope === 'local' ? 'local ' : ''}rule ${index} of ${nameOf(policy)}`,
      origin: { policy, path },
      shared: scope === 'global',
      shadow: shadowMode,
      silent: xRateLimitHeaders === 'Off',
      unit: key ?? (cost?.response === undefined ? 'requests' : 'units'),
      units: limit.requests,
      selector,
      requestCost: cost?.request?.number ?? 1,
      responseCost: key === undefined ? fixedOf(cost?.response?.number) : costs.get(key),
      costKey: key,
      given,
    };
    const own = new CompiledLimit({ ...options, per: limit.unit });
    if (given === undefined) return [own];
    // A token may give its limit in another unit. Each unit has a window, and so a count, of its own.
    const others = (Object.keys(WINDOWS) as RateLimitUnit[]).filter((per) => per !== limit.unit);
    return [own, ...others.map((per) => new CompiledLimit({ ...options, id: `${options.id}/${per}`, per, onlyGiven: true }))];
  });
}

function fixedOf(units: number | undefined): Cost | undefined {
  return units === undefined || units === 0 ? undefined : fixedCost(units);
}
