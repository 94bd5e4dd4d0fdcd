import { DEFAULT_RETRY, type Plan, type RetryPolicy } from '../attempt/plan.ts';
import type { HTTPRoute, HTTPRouteMatch } from '../resources/gateway-api/http-route.ts';
import { durationMs } from '../resources/schema.ts';

import type { Security } from '../identify/identity.ts';
import type { AiTarget } from '../providers/target.ts';
import {
  DEFAULT_REQUEST_TIMEOUT_MS,
  DEFAULT_STREAM_IDLE_MS,
  MAX_ANSWER_BYTES,
  NONE,
  patternOf,
  type RoutePolicies,
  valueMatch,
} from './ai-route.ts';
import { filtersOf } from './filters.ts';
import { mirrorsOf } from './mirror.ts';
import { endpointsOf, originsOf } from './origins.ts';
import { atPool, isPool, POD_TRIES, poolOf } from './pool.ts';
import type { Match, OrdinaryRule, OrdinaryTarget } from './rule.ts';
import type { Scope } from './scope.ts';
import { checkFilters } from './sendable.ts';
import { routeRetry } from './traffic.ts';

type RuleSpec = HTTPRoute['body']['spec']['rules'][number];

/** One attempt: whether ordinary traffic may be sent twice is for a policy to say. */
const NO_RETRY: RetryPolicy = { ...DEFAULT_RETRY, maxAttempts: 1, statuses: new Set() };

/** The matches of one HTTPRoute, not ranked yet. */
export function compileHttpRoute(route: HTTPRoute, policies: RoutePolicies, scope: Scope): Match[] {
  const { namespace, name } = route.metadata;
  const info = { kind: 'HTTPRoute', namespace, name } as const;
  return route.body.spec.rules.flatMap((spec, index) => {
    const path = `spec.rules[${index}]`;
    checkFilters(spec.filters ?? [], `${path}.filters`, (at, message) => scope.report(route, at, message));
    const security = policies.security(spec.name);
    const limits = policies.limits(spec.name, security);
    const plan = planOf(route, spec, index, policies, scope);
    const pooled = (spec.backendRefs ?? []).some(isPool);
    const mirrors = mirrorsOf(spec.filters ?? [], `${path}.filters`, { route, traffic: policies.traffic(spec.name), scope });
    const rule: OrdinaryRule = {
      ai: false,
      limits,
      costs: policies.costs,
      route: info,
      index,
      name: spec.name,
      security,
      plan,
      filters: filtersOf(spec.filters ?? [], mirrors),
      pooled,
      pooledPlan: pooled ? pooledPlanOf(plan, security) : undefined,
      lost: lostOf(spec, plan),
      broken: policies.broken(spec.name, limits),
    };
    // No match is every request, as if the field were absent.
    const wanted: readonly HTTPRouteMatch[] = spec.matches.length === 0 ? [{ path: { type: 'PathPrefix', value: '/' } }] : spec.matches;
    return wanted.map((match, at): Match => ({
      rule,
      path: pathMatch(match, route, `${path}.matches[${at}].path.value`, scope),
      method: match.method,
      headers: (match.headers ?? []).map((header, place) =>
        valueMatch(header, route, `${path}.matches[${at}].headers[${place}].value`, scope),
      ),
      query: (match.queryParams ?? []).map((param, place) => ({
        ...valueMatch(param, route, `${path}.matches[${at}].queryParams[${place}].value`, scope),
        // Names of parameters count case, those of headers do not.
        name: param.name,
      })),
      rank: 0,
    }));
  });
}

function pathMatch({ path }: HTTPRouteMatch, route: HTTPRoute, at: string, scope: Scope): Match['path'] {
  if (path.type === 'Exact') return { type: 'exact', value: path.value };
  if (path.type === 'PathPrefix') return { type: 'prefix', value: path.value };
  return { type: 'pattern', value: path.value, fits: patternOf(path.value, route, at, scope) };
}

function planOf(route: HTTPRoute, spec: RuleSpec, index: number, policies: RoutePolicies, scope: Scope): Plan<OrdinaryTarget> {
  const traffic = policies.traffic(spec.name);
  const targets = (spec.backendRefs ?? []).flatMap((ref, at): OrdinaryTarget[] => {
    const path = `spec.rules[${index}].backendRefs[${at}]`;
    checkFilters(ref.filters ?? [], `${path}.filters`, (place, message) => scope.report(route, place, message));
    const filters = filtersOf(ref.filters ?? []);
    const place = `route/${route.metadata.name}/rule/${index}/ref/${at}`;
    const common = { weight: ref.weight, request: filters.request, answer: filters.answer };
    if (isPool(ref)) {
      const pool = poolOf(ref, route, path, scope);
      return pool === undefined ? [] : [{ ...common, id: `${pool.name}/${place}`, backend: pool, priority: 0, tries: POD_TRIES }];
    }
    const origins = originsOf(ref, route, path, scope);
    if (origins === undefined || origins.origins.length === 0) return [];
    const definition = {
      name: origins.name,
      endpoints: endpointsOf(origins, traffic.connections, scope),
      limits: traffic.limits,
      balance: traffic.balance,
      check: traffic.check,
    };
    const key = JSON.stringify(['HTTPRoute', origins, traffic.connections, traffic.limits, traffic.balance, traffic.check]);
    const backend = scope.backend(definition, key);
    return [{ ...common, id: `${origins.name}/${place}`, backend, priority: origins.fallback ? 1 : 0 }];
  });
  const timeout = spec.timeouts?.request;
  const requestTimeoutMs = timeout === undefined ? traffic.requestTimeoutMs : durationMs(timeout);
  const perTry = durationMs(spec.timeouts?.backendRequest ?? '0s');
  // What the route itself says is closer than its policy, as with the time limit.
  const retry = spec.retry === undefined ? (traffic.retry ?? NO_RETRY) : routeRetry(spec.retry);
  return {
    targets,
    retry: perTry === 0 ? retry : { ...retry, perTryTimeoutMs: perTry },
    requestTimeoutMs: requestTimeoutMs ?? 0,
    requestTimeoutIsTotal: requestTimeoutMs !== undefined,
    streamIdleTimeoutMs: 0,
    keepAliveMs: 0,
    drainMs: 0,
    maxAnswerBytes: 0,
  };
}

/** Share of the weights whose references lead nowhere. */
function lostOf({ backendRefs = [], filters = [] }: RuleSpec, { targets }: Plan<OrdinaryTarget>): number {
  const total = backendRefs.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return filters.some(({ type }) => type === 'RequestRedirect') ? 0 : 1;
  return 1 - targets.reduce((sum, { weight }) => sum + weight, 0) / total;
}

/** The plan of the same rule for requests of model APIs: their answers are read, so another endpoint can be asked until the first token. */
function pooledPlanOf(plan: Plan<OrdinaryTarget>, security: Security | undefined): Plan<AiTarget> {
  return {
    ...plan,
    targets: plan.targets.map(({ backend, request, answer, ...target }) => ({
      ...atPool(backend),
      ...target,
      stripped: security?.owned ?? NONE,
      ordinary: { request, answer },
    })),
    retry: plan.retry === NO_RETRY ? DEFAULT_RETRY : plan.retry,
    requestTimeoutMs: plan.requestTimeoutIsTotal ? plan.requestTimeoutMs : DEFAULT_REQUEST_TIMEOUT_MS,
    streamIdleTimeoutMs: DEFAULT_STREAM_IDLE_MS,
    maxAnswerBytes: MAX_ANSWER_BYTES,
  };
}
