import type { Backend } from '../attempt/backend.ts';
import { DEFAULT_RETRY, type Plan } from '../attempt/plan.ts';
import { compilePattern, type Pattern } from '../http/pattern.ts';
import type { Edit } from '../json/edit.ts';
import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import type { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import type { BackendSecurityPolicy } from '../resources/ai-gateway/backend-security-policy.ts';
import { overrideHeader } from '../resources/ai-gateway/backend-security-policy.ts';
import { type BodyMutation, type HeaderMutation, jsonOfValue } from '../resources/ai-gateway/mutation.ts';
import type { Resource } from '../resources/kind.ts';
import { kindOf } from '../resources/references.ts';
import { durationMs } from '../resources/schema.ts';

import type { Security } from '../identify/identity.ts';
import { type Credential, credentialOf } from '../providers/credentials/credential.ts';
import type { AiTarget, HeaderEdits, Schema } from '../providers/target.ts';
import { keepAliveOf, optOut, STREAM_USAGE, tierTwoOf } from './annotations.ts';
import { endpointsOf, originsOf, secretOf } from './origins.ts';
import { atPool, NO_EDITS, poolOf } from './pool.ts';
import type { AiRule, ListedModel, Match, ValueMatch } from './rule.ts';
import type { Scope } from './scope.ts';
import { checkHeaders } from './sendable.ts';
import { MODEL_HEADER } from './table.ts';
import { DEFAULT_TRAFFIC, type Traffic } from './traffic.ts';

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
const DIALECTS = { OpenAI: 'openai', AzureOpenAI: 'openai', Anthropic: 'anthropic', Cohere: 'cohere', vLLM: undefined } as const;

/** What compiling AI routes needs besides the scope. */
export interface AiPolicies {
  readonly security: (route: AIGatewayRoute, rule: string | undefined) => Security | undefined;
  readonly traffic: (route: AIGatewayRoute, rule: string | undefined) => Traffic;
  /** Policies for an AIServiceBackend, by `namespace/name`. */
  readonly credentials: ReadonlyMap<string, BackendSecurityPolicy>;
  /** Origins and credential are the same wherever a backend is named under one traffic policy: looked up once, by `namespace/name`. */
  readonly known: KnownBackends;
}

/** Backends by the traffic policy that they are called under, and by name. */
export type KnownBackends = Map<Traffic, Map<string, KnownBackend | undefined>>;

type KnownPolicies = Pick<AiPolicies, 'known' | 'credentials'>;

interface KnownBackend {
  readonly schema: Schema;
  readonly backend: Backend;
  readonly credential: Credential | undefined;
  readonly override: string | undefined;
  readonly fallback: boolean;
}

/** The matches of one AIGatewayRoute, not ranked yet. */
export function compileAiRoute(route: AIGatewayRoute, policies: AiPolicies, scope: Scope): Match[] {
  const { namespace, name } = route.metadata;
  const info = { kind: 'AIGatewayRoute', namespace, name } as const;
  return route.body.spec.rules.flatMap((spec, index) => {
    const path = `spec.rules[${index}]`;
    const security = policies.security(route, spec.name);
    const rule: AiRule = {
      ai: true,
      route: info,
      index,
      name: spec.name,
      security,
      plan: planOf(route, spec, index, security, policies, scope),
      models: listedModels(spec, route),
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

function planOf(
  route: AIGatewayRoute,
  spec: RuleSpec,
  index: number,
  security: Security | undefined,
  policies: AiPolicies,
  scope: Scope,
): Plan<AiTarget> {
  const path = `spec.rules[${index}]`;
  const traffic = policies.traffic(route, spec.name);
  const stripped = security?.owned ?? NONE;
  const targets = (spec.backendRefs ?? []).flatMap(
    (ref, at) => targetOf(route, ref, `${path}.backendRefs[${at}]`, `${index}/ref/${at}`, traffic, stripped, policies, scope) ?? [],
  );
  const overrides = targets.flatMap(({ override }) => override ?? []);
  // A model server speaks what the client speaks.
  const dialects = new Set(targets.flatMap((target) => DIALECTS[target.schema.name] ?? []));
  if (dialects.size > 1) {
    const schemas = [...new Set(targets.map((target) => target.schema.name))].join(' and ');
    scope.report(
      route,
      `${path}.backendRefs`,
      `mix ${schemas}: a request that falls back from one to the other needs a translation, which comes with the providers release; use one rule for each`,
    );
  }
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
    maxAnswerBytes: MAX_ANSWER_BYTES,
  };
}

function targetOf(
  route: AIGatewayRoute,
  ref: RefSpec,
  path: string,
  place: string,
  traffic: Traffic,
  stripped: ReadonlySet<string>,
  policies: AiPolicies,
  scope: Scope,
): AiTarget | undefined {
  if (ref.kind === 'InferencePool') return poolTarget(route, ref, path, place, stripped, scope);
  const namespace = ref.namespace ?? route.metadata.namespace;
  if (
    namespace !== route.metadata.namespace &&
    !scope.references.permitted(kindOf(route), route.metadata.namespace, AI_BACKEND, namespace, ref.name)
  ) {
    scope.report(route, path, scope.references.forbidden(kindOf(route), route.metadata.namespace, AI_BACKEND, namespace, ref.name));
    return undefined;
  }
  const resource = scope.set.get(AIServiceBackend, namespace, ref.name);
  if (resource === undefined) {
    scope.report(route, `${path}.name`, scope.references.missing('AIServiceBackend', namespace, ref.name));
    return undefined;
  }
  checkMutation(ref.headerMutation, route, `${path}.headerMutation`, scope);
  const known = knownBackend(resource, traffic, policies, scope);
  if (known === undefined) return undefined;
  const headers = headerEdits([resource.body.spec.headerMutation, ref.headerMutation]);
  return {
    id: `${namespace}/${ref.name}/route/${route.metadata.name}/rule/${place}`,
    backend: known.backend,
    weight: ref.weight,
    // A fallback backend stands behind all that are none.
    priority: ref.priority + (known.fallback ? FALLBACK : 0),
    schema: known.schema,
    credential: known.credential,
    override: known.override,
    modelOverride: ref.modelNameOverride === undefined || ref.modelNameOverride === '' ? undefined : ref.modelNameOverride,
    headers,
    stripped: headers.replaced.size === 0 ? stripped : new Set([...stripped, ...headers.replaced]),
    bodyEdits: bodyEdits([resource.body.spec.bodyMutation, ref.bodyMutation]),
    asksForUsage: !optOut(resource, STREAM_USAGE, scope),
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
    modelOverride: ref.modelNameOverride === undefined || ref.modelNameOverride === '' ? undefined : ref.modelNameOverride,
    headers,
    stripped: headers.replaced.size === 0 ? stripped : new Set([...stripped, ...headers.replaced]),
    bodyEdits: bodyEdits([ref.bodyMutation]),
  };
}

const FALLBACK = 1_000_000;

function schemaOf(resource: AIServiceBackend): Schema {
  const { name, version, prefix } = resource.body.spec.schema;
  return { name, version, prefix };
}

function knownBackend(resource: AIServiceBackend, traffic: Traffic, policies: KnownPolicies, scope: Scope): KnownBackend | undefined {
  const { namespace, name } = resource.metadata;
  const key = `${namespace}/${name}`;
  let backends = policies.known.get(traffic);
  if (backends === undefined) {
    backends = new Map();
    policies.known.set(traffic, backends);
  }
  let known = backends.get(key);
  if (known === undefined && !backends.has(key)) {
    known = lookUp(resource, traffic, policies, scope);
    backends.set(key, known);
  }
  return known;
}

/** Reports the problems of a backend that no route may name: its author wants to know all of them at once. */
export function checkAiBackend(resource: AIServiceBackend, policies: KnownPolicies, scope: Scope): void {
  optOut(resource, STREAM_USAGE, scope);
  knownBackend(resource, DEFAULT_TRAFFIC, policies, scope);
}

function lookUp(resource: AIServiceBackend, traffic: Traffic, policies: KnownPolicies, scope: Scope): KnownBackend | undefined {
  const { namespace, name } = resource.metadata;
  const { schema, backendRef, headerMutation } = resource.body.spec;
  checkMutation(headerMutation, resource, 'spec.headerMutation', scope);
  if (schema.name === 'AzureOpenAI' && (schema.version ?? '') === '')
    scope.report(resource, 'spec.schema.version', 'is required for AzureOpenAI: it becomes the api-version of every request');
  if (schema.name === 'AzureOpenAI' && (schema.prefix ?? '') !== '')
    scope.report(resource, 'spec.schema.prefix', 'is not supported for AzureOpenAI: its paths begin with /openai/deployments');
  const origins = originsOf(backendRef, resource, 'spec.backendRef', scope);
  const policy = policies.credentials.get(`${namespace}/${name}`);
  const credential = policy === undefined ? undefined : compileCredential(policy, scope);
  if (origins === undefined) return undefined;
  const definition = {
    name: `${namespace}/${name}`,
    endpoints: endpointsOf(origins, traffic.connections, scope),
    limits: traffic.limits,
    balance: traffic.balance,
    check: traffic.check,
  };
  const key = JSON.stringify([definition.name, origins, traffic.connections, traffic.limits, traffic.balance, traffic.check]);
  return {
    schema: schemaOf(resource),
    backend: scope.backend(definition, key),
    credential,
    override: policy === undefined ? undefined : overrideHeader(policy.body.spec),
    fallback: origins.fallback,
  };
}

function compileCredential(policy: BackendSecurityPolicy, scope: Scope): Credential | undefined {
  const { spec } = policy.body;
  const field = spec.type === 'APIKey' ? 'apiKey' : spec.type === 'AnthropicAPIKey' ? 'anthropicAPIKey' : 'azureAPIKey';
  const ref = spec[field]!.secretRef;
  const data = secretOf(ref, policy, `spec.${field}.secretRef`, scope);
  if (data === undefined) return undefined;
  const credential = credentialOf(policy, data.get('apiKey')?.toString());
  if (typeof credential !== 'string') return credential;
  scope.report(policy, `spec.${field}.secretRef`, `Secret ${ref.name} ${credential}`);
  return undefined;
}

/** The host is that of the backend, and its answer has to be one that we can read. */
const OWNED = ['host', 'accept-encoding'];

function checkMutation(mutation: HeaderMutation | undefined, resource: Resource, path: string, scope: Scope): void {
  checkHeaders(mutation?.set ?? [], `${path}.set`, OWNED, (at, message) => scope.report(resource, at, message));
}

/** Later ones win. */
function headerEdits(mutations: readonly (HeaderMutation | undefined)[]): HeaderEdits {
  if (mutations.every((mutation) => mutation === undefined)) return NO_EDITS;
  const values = new Map<string, string | undefined>();
  for (const mutation of mutations) {
    for (const name of mutation?.remove ?? []) values.set(name.toLowerCase(), undefined);
    for (const { name, value } of mutation?.set ?? []) values.set(name.toLowerCase(), value);
  }
  return { set: [...values].flatMap(([name, value]) => (value === undefined ? [] : [name, value])), replaced: new Set(values.keys()) };
}

function bodyEdits(mutations: readonly (BodyMutation | undefined)[]): Edit[] {
  return mutations.flatMap((mutation) => [
    ...(mutation?.remove ?? []).map((name): Edit => ({ remove: name })),
    ...(mutation?.set ?? []).map(({ path, value }): Edit => ({ set: path, value: jsonOfValue(value) })),
  ]);
}
