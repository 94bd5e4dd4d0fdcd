import { Backend, type Endpoint, type Serving } from '../../attempt/backend.ts';
import { originUrl } from '../../http/origin.ts';
import type { AiTarget } from '../../providers/target.ts';
import type { Match, Rule } from '../../route/rule.ts';
import { MODEL_HEADER } from '../../route/table.ts';
import type { Snapshot } from '../snapshot.ts';

/** Rules, backends, and endpoints of one backend that a page is sent: more are counted. */
const MOST_RULES = 500;
const MOST_BACKENDS = 500;
const MOST_ENDPOINTS = 100;
const MOST_NAMES = 50;

export interface ServedRule {
  /** Port of the Gateway's listener. */
  readonly port: number;
  readonly listener: string;
  readonly host: string;
  readonly kind: string;
  readonly route: string;
  readonly rule: string | number;
  /** Models and paths that lead here. */
  readonly models: readonly string[];
  readonly paths: readonly string[];
  readonly security: string;
  readonly targets: readonly ServedTarget[];
  readonly limits: readonly string[];
  readonly maxAttempts: number | undefined;
  readonly requestTimeoutMs: number;
}

export interface ServedTarget {
  readonly backend: string;
  readonly schema: string | undefined;
  readonly model: string | undefined;
  readonly weight: number;
  readonly priority: number;
}

/** What a configuration serves, as long as it is in service: names and numbers, no header value and no key. */
export interface Served {
  readonly rules: readonly ServedRule[];
  /** Rules that are not told. */
  readonly rulesLeftOff: number;
}

export function served({ ports }: Snapshot): Served {
  const rules: ServedRule[] = [];
  let count = 0;
  for (const { port, listeners } of ports) {
    for (const { name: listener, hosts } of listeners) {
      for (const [host, index] of hosts.entries()) {
        const byRule = Map.groupBy(index.matches(), ({ rule }) => rule);
        for (const rule of index.rules()) {
          if (count++ < MOST_RULES) rules.push({ port, listener, host, ...servedRule(rule, byRule.get(rule) ?? []) });
        }
      }
    }
  }
  return { rules, rulesLeftOff: count - rules.length };
}

function servedRule(rule: Rule, matches: readonly Match[]): Omit<ServedRule, 'port' | 'listener' | 'host'> {
  const { route, plan } = rule;
  const names = matches.flatMap(({ headers }) =>
    headers.filter(({ name }) => name === MODEL_HEADER).map(({ exact }) => exact ?? '(pattern)'),
  );
  const paths = matches.map(
    ({ path, method }) => `${method === undefined ? '' : `${method} `}${path.value}${path.type === 'prefix' ? '*' : ''}`,
  );
  return {
    kind: route.kind,
    route: `${route.namespace}/${route.name}`,
    rule: rule.name ?? rule.index,
    models: few(names),
    paths: few(paths),
    security: rule.security?.name ?? 'open',
    targets: targetsOf(rule).map(({ backend, weight, priority, schema, modelOverride }) => ({
      backend: backend.name,
      schema: schema?.name,
      model: modelOverride,
      weight,
      priority,
    })),
    limits: few(rule.limits.map(({ name }) => name)),
    maxAttempts: plan.retry.maxAttempts,
    requestTimeoutMs: plan.requestTimeoutMs,
  };
}

type AnyTarget = Pick<AiTarget, 'backend' | 'weight' | 'priority'> & Partial<Pick<AiTarget, 'schema' | 'modelOverride'>>;

function targetsOf(rule: Rule): readonly AnyTarget[] {
  return rule.ai ? rule.plan.targets : (rule.pooledPlan?.targets ?? rule.plan.targets);
}

function few(names: readonly string[]): string[] {
  return [...new Set(names)].slice(0, MOST_NAMES);
}

/** Whether calls may go to an endpoint: `trial` after an ejection, while one call tries it. */
export type EndpointStanding = 'available' | 'ejected' | 'cooling' | 'trial';

export interface EndpointState {
  readonly url: string;
  readonly state: EndpointStanding;
  /** Milliseconds since 1970; when it may be called again. */
  readonly until: number | undefined;
  readonly inFlight: number;
  /** Since the last success or ejection. */
  readonly failuresInARow: number;
}

export interface BackendState {
  readonly name: string;
  /** A pool's endpoints are told with the pools. */
  readonly kind: 'backend' | 'pool';
  readonly schema: string | undefined;
  readonly endpoints: readonly EndpointState[];
  readonly endpointsLeftOff: number;
}

/** The backends that a configuration leads to, and how they are at this moment. @param now milliseconds since 1970 */
export function backendStates({ ports }: Snapshot, now: number): BackendState[] {
  const found = new Map<Serving, string | undefined>();
  for (const { listeners } of ports) {
    for (const { hosts } of listeners) {
      for (const [, index] of hosts.entries()) {
        for (const rule of index.rules()) {
          for (const { backend, schema } of targetsOf(rule)) {
            if (!found.has(backend) && found.size < MOST_BACKENDS) found.set(backend, schema?.name);
          }
        }
      }
    }
  }
  return [...found].map(([backend, schema]) => backendState(backend, schema, now));
}

function backendState(backend: Serving, schema: string | undefined, now: number): BackendState {
  const { name } = backend;
  if (!(backend instanceof Backend)) return { name, kind: 'pool', schema, endpoints: [], endpointsLeftOff: 0 };
  const { endpoints } = backend;
  return {
    name,
    kind: 'backend',
    schema,
    endpoints: endpoints.slice(0, MOST_ENDPOINTS).map((endpoint) => ({ url: originUrl(endpoint.origin), ...standing(endpoint, now) })),
    endpointsLeftOff: Math.max(0, endpoints.length - MOST_ENDPOINTS),
  };
}

/** How an endpoint is, by the calls that were made to it. @param now milliseconds since 1970 */
export function standing({ health, inFlight }: Pick<Endpoint, 'health' | 'inFlight'>, now: number): Omit<EndpointState, 'url'> {
  const state = health.cooling(now) ? 'cooling' : health.ejected(now) ? 'ejected' : health.available(now) ? 'available' : 'trial';
  const until = state === 'cooling' || state === 'ejected' ? health.availableAt() : undefined;
  return { state, until, inFlight, failuresInARow: health.failuresInARow };
}
