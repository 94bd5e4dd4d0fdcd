import { DEFAULT_RETRY, type Plan } from '../attempt/plan.ts';
import { compilePattern, type Pattern } from '../http/pattern.ts';
import type { Cost, LimitRule } from '../limits/rule.ts';
import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import type { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { kindOf } from '../resources/references.ts';
import { durationMs } from '../resources/schema.ts';

import type { Security } from '../identify/identity.ts';
import type { AiTarget } from '../providers/target.ts';
import { type BackendPolicies, knownBackend } from './ai-backend.ts';
import {
  drainOf,
  fetchesMedia,
  isStrict,
  keepAliveOf,
  optOut,
  outputLimitAt,
  STREAM_USAGE,
  takesThoughts,
  tierTwoOf,
} from './annotations.ts';
import { bodyEdits, checkMutation, headerEdits } from './mutations.ts';
import { atPool, poolOf } from './pool.ts';
import type { QuotasOf } from './quotas.ts';
import type { AiRule, ListedModel, Match, ValueMatch } from './rule.ts';
import type { Scope } from './scope.ts';
import { MODEL_HEADER } from './table.ts';
import type { Traffic } from './traffic.ts';

type RuleSpec = AIGatewayRoute['body']['spec']['rules'][number];
type RefSpec = NonNullable<RuleSpec['backendRefs']>[number];

/** The reference's own time limit of a route that sets none. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 60_000;
export const NONE: ReadonlySet<string> = new Set();
/** Silence in the middle of a stream: no model is silent for so long without a comment, a ping or a token. */
export const DEFAULT_STREAM_IDLE_MS = 300_000;
/** An answer with several images in base64 is tens of megabytes. */
export const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

const AI_BACKEND = { group: 'aigateway.envoyproxy.io', kind: 'AIServiceBackend' };

/** What compiling a route of either kind needs of the policies of its place. */
export interface RoutePolicies {
  /** Name of what holds for a rule with these limits, and has problems. Asked when the rule has all that it needs of them. */
  readonly broken: (rule: string | undefined, limits: readonly LimitRule[]) => string | undefined;
  readonly security: (rule: string | undefined) => Security | undefined;
  readonly traffic: (rule: string | undefined) => Traffic;
  readonly costs: ReadonlyMap<string, Cost>;
  readonly limits: (rule: string | undefined, security: Security | undefined) => readonly LimitRule[];
}

/** What compiling AI routes needs besides the scope. */
export interface AiPolicies extends RoutePolicies, BackendPolicies {
  readonly quotas: QuotasOf;
}

/** The matches of one AIGatewayRoute, not ranked yet. */
export function compileAiRoute(route: AIGatewayRoute, policies: AiPolicies, scope: Scope): Match[] {
  const { namespace, name } = route.metadata;
  const info = { kind: 'AIGatewayRoute', namespace, name } as const;
  const strict = isStrict(route, scope);
  return route.body.spec.rules.flatMap((spec, index) => {
    const path = `spec.rules[${index}]`;
    const security = policies.security(spec.name);
    const limits = policies.limits(spec.name, security);
    const rule: AiRule = {
      ai: true,
      limits,
      costs: policies.costs,
      route: info,
      index,
      name: spec.name,
      security,
      plan: planOf(route, spec, index, security, policies, scope),
      models: listedModels(spec, route),
      strict,
      broken: policies.broken(spec.name, limits),
    };
    // No match is every request, as if the field were absent.
    const matches = (spec.matches ?? []).length === 0 ? [{}] : spec.matches!;
    return matches.map((match, at): Match => ({
      rule,
      path: { type: 'prefix', value: '/' },
      method: undefined,
      headers: (match.headers ?? []).map((header, place) =>
        valueMatch(header, route, `${path}.matches[${at}].headers[${place}].value`, scope),
      ),
      query: [],
      rank: 0,
    }));
  });
}

/** A header or query match. A pattern that is none matches nothing, and is reported. */
export function valueMatch(
  match: { readonly name: string; readonly value: string; readonly type: 'Exact' | 'RegularExpression' },
  from: Parameters<Scope['report']>[0],
  path: string,
  scope: Scope,
): ValueMatch {
  const name = match.name.toLowerCase();
  if (match.type === 'Exact') return { name, exact: match.value, pattern: undefined };
  return { name, exact: undefined, pattern: patternOf(match.value, from, path, scope) };
}

export function patternOf(source: string, from: Parameters<Scope['report']>[0], path: string, scope: Scope): Pattern {
  try {
    return compilePattern(source);
  } catch (error) {
    scope.report(
      from,
      path,
      `${JSON.stringify(source)} is no regular expression that RE2 takes: ${error instanceof Error ? error.message : String(error)}`,
    );
    return () => false;
  }
}

function listedModels(spec: RuleSpec, route: AIGatewayRoute): ListedModel[] {
  const time = spec.modelsCreatedAt ?? route.metadata.creationTimestamp;
  const created = time === undefined ? 0 : Math.floor(Date.parse(time) / 1000);
  const models = new Map<string, ListedModel>();
  for (const match of spec.matches ?? []) {
    for (const { type, name, value } of match.headers ?? []) {
      if (type === 'Exact' && name.toLowerCase() === MODEL_HEADER) models.set(value, { id: value, ownedBy: spec.modelsOwnedBy, created });
    }
  }
  return [...models.values()];
}

/** The models that requests of a rule can be for, where each of its matches names one. */
function askedModels({ matches = [] }: RuleSpec): ReadonlySet<string> | undefined {
  const models = matches.map(
    ({ headers = [] }) => headers.find(({ type, name }) => type === 'Exact' && name.toLowerCase() === MODEL_HEADER)?.value,
  );
  return models.length === 0 || models.includes(undefined) ? undefined : new Set(models as string[]);
}

function planOf(
  route: AIGatewayRoute,
  spec: RuleSpec,
  index: number,
  security: Security | undefined,
  policies: AiPolicies,
  scope: Scope,
): Plan<AiTarget> {
  const path = `spec.rules[${index}]`;
  const traffic = policies.traffic(spec.name);
  const callers = { security, stripped: security?.owned ?? NONE, asked: askedModels(spec) };
  const targets = (spec.backendRefs ?? []).flatMap(
    (ref, at) => targetOf(route, ref, `${path}.backendRefs[${at}]`, `${index}/ref/${at}`, traffic, callers, policies, scope) ?? [],
  );
  const overrides = targets.flatMap((target) => target.overrides);
  const explicit = spec.timeouts?.request ?? undefined;
  const requestTimeoutMs = explicit === undefined ? traffic.requestTimeoutMs : durationMs(explicit);
  const perTry = spec.timeouts?.backendRequest === undefined ? 0 : durationMs(spec.timeouts.backendRequest);
  const retry = traffic.retry ?? DEFAULT_RETRY;
  return {
    // The client's own key for one backend is no other backend's business.
    targets:
      overrides.length === 0 ? targets : targets.map((target) => ({ ...target, stripped: new Set([...target.stripped, ...overrides]) })),
    retry: perTry > 0 ? { ...retry, perTryTimeoutMs: perTry } : retry,
    requestTimeoutMs: requestTimeoutMs ?? DEFAULT_REQUEST_TIMEOUT_MS,
    requestTimeoutIsTotal: requestTimeoutMs !== undefined,
    streamIdleTimeoutMs: spec.streamIdleTimeout === undefined ? DEFAULT_STREAM_IDLE_MS : durationMs(spec.streamIdleTimeout),
    keepAliveMs: keepAliveOf(route, scope),
    drainMs: drainOf(route, scope),
    maxAnswerBytes: MAX_ANSWER_BYTES,
  };
}

/** Whose requests reach the targets of a rule. */
interface Callers {
  readonly security: Security | undefined;
  /** Headers that do not go to a backend. */
  readonly stripped: ReadonlySet<string>;
  /** Models that they can ask for; undefined: any. */
  readonly asked: ReadonlySet<string> | undefined;
}

function targetOf(
  route: AIGatewayRoute,
  ref: RefSpec,
  path: string,
  place: string,
  traffic: Traffic,
  { security, stripped, asked }: Callers,
  policies: AiPolicies,
  scope: Scope,
): AiTarget | undefined {
  if (ref.kind === 'InferencePool') return poolTarget(route, ref, path, place, stripped, scope);
  const namespace = ref.namespace ?? route.metadata.namespace;
  if (
    namespace !== route.metadata.namespace &&
    !scope.references.permitted(kindOf(route), route.metadata.namespace, AI_BACKEND, namespace, ref.name)
  ) {
    scope.report(
      route,
      path,
      scope.references.forbidden(kindOf(route), route.metadata.namespace, AI_BACKEND, namespace, ref.name),
      'RefNotPermitted',
    );
    return undefined;
  }
  const resource = scope.set.get(AIServiceBackend, namespace, ref.name);
  if (resource === undefined) {
    scope.report(route, `${path}.name`, scope.references.missing('AIServiceBackend', namespace, ref.name), 'BackendNotFound');
    return undefined;
  }
  checkMutation(ref.headerMutation, route, `${path}.headerMutation`, scope);
  const known = knownBackend(resource, traffic, policies, scope);
  if (known === undefined) return undefined;
  const headers = headerEdits([resource.body.spec.headerMutation, ref.headerMutation]);
  const modelOverride = overrideOf(ref);
  const quotas = policies.quotas.at(`${namespace}/${ref.name}`, modelOverride, asked, security);
  // Nobody knows how much may be sent there.
  if (policies.quotas.broken(`${namespace}/${ref.name}`) !== undefined) return undefined;
  return {
    id: `${namespace}/${ref.name}/route/${route.metadata.name}/rule/${place}`,
    backend: known.backend,
    weight: ref.weight,
    // A fallback backend stands behind all that are none.
    priority: ref.priority + (known.fallback ? FALLBACK : 0),
    schema: known.schema,
    credential: known.credential,
    overrides: known.overrides,
    modelOverride,
    headers,
    stripped: headers.replaced.size === 0 ? stripped : new Set([...stripped, ...headers.replaced]),
    bodyEdits: bodyEdits([resource.body.spec.bodyMutation, ref.bodyMutation]),
    quotas,
    asksForUsage: !optOut(resource, STREAM_USAGE, scope),
    outputLimit: outputLimitAt(resource, scope),
    takesThoughts: takesThoughts(resource, scope),
    fetchesMedia: fetchesMedia(resource, scope),
    tierTwo: tierTwoOf(resource, scope),
  };
}

/** A pool at one place of an AIGatewayRoute. */
function poolTarget(
  route: AIGatewayRoute,
  ref: RefSpec,
  path: string,
  place: string,
  stripped: ReadonlySet<string>,
  scope: Scope,
): AiTarget | undefined {
  const pool = poolOf(ref, route, path, scope);
  if (pool === undefined) return undefined;
  checkMutation(ref.headerMutation, route, `${path}.headerMutation`, scope);
  const headers = headerEdits([ref.headerMutation]);
  return {
    ...atPool(pool),
    id: `${pool.name}/route/${route.metadata.name}/rule/${place}`,
    weight: ref.weight,
    priority: ref.priority,
    modelOverride: overrideOf(ref),
    headers,
    stripped: headers.replaced.size === 0 ? stripped : new Set([...stripped, ...headers.replaced]),
    bodyEdits: bodyEdits([ref.bodyMutation]),
  };
}

function overrideOf({ modelNameOverride }: RefSpec): string | undefined {
  return modelNameOverride === '' ? undefined : modelNameOverride;
}

const FALLBACK = 1_000_000;
