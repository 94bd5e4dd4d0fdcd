import { Backend, type Serving } from '../attempt/backend.ts';
import { Connections } from '../http/client.ts';
import { Kept } from '../kept.ts';
import type { EndpointSlice } from '../kubernetes/endpoint-slices.ts';
import { type Money, moneyOf, NO_MONEY } from '../money/money.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import { BackendSecurityPolicy } from '../resources/ai-gateway/backend-security-policy.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { QuotaPolicy } from '../resources/ai-gateway/quota-policy.ts';
import { BackendTrafficPolicy } from '../resources/envoy-gateway/backend-traffic-policy.ts';
import { ClientTrafficPolicy } from '../resources/envoy-gateway/client-traffic-policy.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import { checkInferenceReferences } from '../resources/inference/check-references.ts';
import { InferencePool } from '../resources/inference/inference-pool.ts';
import { bornAt, nameOf, type Resource } from '../resources/kind.ts';
import { KINDS } from '../resources/kinds.ts';
import type { Loaded } from '../resources/load.ts';
import type { Problem } from '../resources/problem.ts';
import type { Reason } from '../resources/reason.ts';
import { TracePolicy } from '../resources/tierkit/trace-policy.ts';
import { References } from '../resources/references.ts';

import { type TraceRules, traceRulesOf } from '../telemetry/trace/shown.ts';

import { SharedIdentify } from '../identify/shared-identify.ts';
import { checkAiBackend } from './ai-backend.ts';
import { type AiPolicies, compileAiRoute } from './ai-route.ts';
import { checkAnnotations } from './annotations.ts';
import { type Attachment, type ParentOutcome, parentsOf } from './attach.ts';
import { CoveringTable } from './covering-table.ts';
import { certificatesOf } from './certificates.ts';
import { checkGatewayConfigs, CostsOf } from './gateway-configs.ts';
import { compileHttpRoute } from './http-route.ts';
import { checkGivenLimits, checkLimits, LimitsOf } from './limits.ts';
import { CompileMemory } from './memory.ts';
import { checkTlsPolicies } from './origins.ts';
import { Policies } from './policies.ts';
import { clientSettings, type ListenerTable, type PortInfo, PortTable } from './ports.ts';
import { byPrecedence } from './precedence.ts';
import { QuotasOf } from './quotas.ts';
import type { Match, Rule } from './rule.ts';
import type { Pools, Scope } from './scope.ts';
import { SecurityOf } from './security-of.ts';
import { HostTable, MatchIndex } from './table.ts';
import { DEFAULT_TRAFFIC, type Traffic, trafficOf } from './traffic.ts';

/** What outlives a reload. */
export interface Shared {
  readonly connections: Connections;
  readonly backends: Kept<Backend>;
  readonly identify: SharedIdentify;
  readonly pools: Pools | undefined;
  /** Of the configuration in service. */
  memory: CompileMemory | undefined;
}

/**
 * @param warn takes one line when a key set cannot be fetched.
 * @param pools in a tier that serves InferencePools
 */
export function newShared(warn?: (message: string) => void, pools?: Pools): Shared {
  return {
    connections: new Connections(),
    backends: new Kept<Backend>(() => undefined),
    identify: new SharedIdentify(warn === undefined ? {} : { warn }),
    pools,
    memory: undefined,
  };
}

/** A problem that a resource has beside others: the document by itself is well. */
export interface ResourceProblem extends Problem {
  readonly of: Resource;
}

/** A compiled configuration: look-up tables that nothing changes any more. */
export interface Compiled {
  readonly ports: readonly PortTable[];
  readonly problems: readonly (Problem | ResourceProblem)[];
  /** Routes of our Gateways, and what became of their parents. */
  readonly routes: ReadonlyMap<Resource, readonly ParentOutcome[]>;
  /** What is served and its author may not expect, one line each. */
  readonly notices: readonly string[];
  readonly money: Money;
  readonly traceRules: TraceRules;
  /** To be kept in {@link Shared.memory} once this configuration is in service. */
  readonly memory: CompileMemory;
}

/** How resources are compiled. */
export interface CompileOptions {
  /**
   * Others write resources as well, as in a cluster: what has problems is left out, or refuses its requests, and the rest is served.
   * Gateways and parents that are not there are others' business.
   * @default false
   */
  readonly inCluster?: boolean;
  /** In a cluster: where the process listens for a port of a Gateway (`namespace/name`); undefined while it has no place. */
  readonly listenOn?: (gateway: string, port: number) => number | undefined;
  /** In a cluster: the endpoints of a headless Service (`namespace/name`). */
  readonly slices?: (service: string) => readonly EndpointSlice[];
}

/** Compiles the resources of a load. Reports every problem; unless it is for a cluster, the result must not be served with one of them. */
export function compile(loaded: Loaded, shared: Shared, { inCluster = false, listenOn, slices = () => [] }: CompileOptions = {}): Compiled {
  const problems: (Problem | ResourceProblem)[] = [];
  const broken = new Map<Resource, ResourceProblem[]>();
  const routes = new Map<Resource, readonly ParentOutcome[]>();
  const notices: string[] = [];
  const { set } = loaded;
  const told = new Set<string>();
  const pools = shared.pools === undefined ? undefined : new Map<string, Serving>();
  const scope: Scope = {
    set,
    references: new References(set),
    namespaceLabels: loaded.namespaceLabels,
    connections: shared.connections,
    pools,
    slices,
    backend: (definition, key) => shared.backends.get(key, () => new Backend(definition)),
    shared: inCluster,
    broken: (resource) => broken.has(resource),
    report(resource, path, message, reason) {
      // What several Gateways, listeners or rules come across is one problem.
      const key = JSON.stringify([nameOf(resource), path, message]);
      if (told.has(key)) return;
      told.add(key);
      const problem = { source: resource.source, resource: nameOf(resource), path, message, reason, of: resource };
      problems.push(problem);
      const others = broken.get(resource);
      if (others === undefined) broken.set(resource, [problem]);
      else others.push(problem);
    },
    notice: (message) => void notices.push(message),
  };
  if (shared.pools?.alone === true) {
    servePools(shared.pools, scope);
    return {
      ports: [],
      problems,
      notices: [...new Set(notices)],
      money: NO_MONEY,
      traceRules: new CoveringTable([]),
      routes,
      memory: new CompileMemory(loaded, undefined),
    };
  }
  refuseLaterKinds(scope);
  const gateways = set.all(Gateway);
  // A folder that is empty for a moment must not take down what is served.
  if (gateways.length === 0 && loaded.problems.length === 0 && !inCluster) problems.push(NO_GATEWAY);
  for (const definition of KINDS) for (const resource of set.all(definition)) checkAnnotations(resource, scope);
  checkGatewayConfigs(scope);
  checkGivenLimits(scope);
  if (shared.pools !== undefined) noticeElsewhere(scope);
  checkTlsPolicies(scope);
  const money = moneyOf(scope);
  const traceRules = traceRulesOf(scope);
  for (const policy of set.all(TracePolicy)) {
    const shown = Object.entries(policy.body.spec.content).flatMap(([side, value]) => (value === 'Show' ? [side] : []));
    if (shown.length > 0) notices.push(`${nameOf(policy)}: where traces are on, they tell the ${shown.join(' and ')} of what it covers`);
  }
  checkInferenceReferences(scope);

  // What was remembered does not tell its problems again.
  const memory = new CompileMemory(loaded, loaded.problems.length === 0 && !inCluster ? shared.memory : undefined);
  if (memory.renewed) {
    shared.connections.kept.renew();
    shared.backends.renew();
    shared.identify.renew();
    shared.pools?.renew();
  }
  // Each is made even where no route leads to it: its problems are the user's to know.
  for (const pool of set.all(InferencePool)) {
    const served = shared.pools?.serve(pool, scope);
    if (served !== undefined) pools!.set(`${pool.metadata.namespace}/${pool.metadata.name}`, served);
  }
  const security = new SecurityOf(scope, shared.identify, memory);
  const trafficPolicies = Policies.of(BackendTrafficPolicy, scope);
  const traffic = new TrafficOf(trafficPolicies, memory);
  const limits = new LimitsOf(trafficPolicies, scope);
  const costs = new CostsOf(scope);
  const quotas = new QuotasOf(scope);
  const credentials = credentialsByBackend(scope);
  const { known } = memory;
  const byListener = new Map<string, Map<string, Match[]>>();
  for (const route of [...set.all(HTTPRoute), ...set.all(AIGatewayRoute)]) {
    const parents = parentsOf(route, scope);
    // Of other Gateways.
    if (inCluster && parents.length === 0) continue;
    routes.set(route, parents);
    const attachments = parents.flatMap((parent) => parent.attachments);
    const compiled = (attachment: Attachment | undefined): Match[] => {
      const costsHere = costs.of(route, attachment);
      const policies: AiPolicies = {
        broken: (rule) => trafficPolicies.broken(route, rule, attachment, scope),
        security: (rule) => security.of(route, rule, attachment),
        traffic: (rule) => traffic.of(route, rule, attachment),
        costs: costsHere,
        limits: (rule, callers) => limits.of(route, rule, attachment, callers, costsHere),
        quotas,
        credentials,
        known,
      };
      return route.kind === 'HTTPRoute'
        ? compileHttpRoute(route as HTTPRoute, policies, scope)
        : compileAiRoute(route as AIGatewayRoute, policies, scope);
    };
    // A route that is attached to nothing has its other problems all the same.
    if (attachments.length === 0) compiled(undefined);
    // Policies of a Gateway can be those of one listener: the rules of two listeners are two things.
    for (const attachment of attachments) {
      const listener = listenerKey(attachment.gateway, attachment.listener.name);
      const matches = route.kind === 'HTTPRoute' ? compiled(attachment) : memory.matches(route, listener, () => compiled(attachment));
      // A route that says something impossible is not accepted; references that lead nowhere are its rules' business.
      if (isAccepted(broken.get(route))) place(matches, attachment, byListener);
      if (matches.some((match) => match.rule.security === undefined))
        notices.push(`${nameOf(route)} is open: no SecurityPolicy says who may call`);
    }
  }
  checkLimits(rulesOf(byListener), scope);
  for (const backend of set.all(AIServiceBackend)) checkAiBackend(backend, { credentials, known }, scope);
  const ports = portsOf(gateways, byListener, orderOf(set.all(HTTPRoute), set.all(AIGatewayRoute)), listenOn, scope);
  return { ports, problems, notices: [...new Set(notices)], money, traceRules, routes, memory };
}

const OF_REFERENCES = new Set<Reason | undefined>(['BackendNotFound', 'RefNotPermitted', 'InvalidKind', 'UnsupportedProtocol']);
const OF_PARENTS = new Set<Reason | undefined>(['NoMatchingParent', 'NotAllowedByListeners', 'NoMatchingListenerHostname']);

/** Whether a route with these problems is served at all. */
export function isAccepted(problems: readonly Problem[] | undefined): boolean {
  return problems === undefined || problems.every(({ reason }) => OF_REFERENCES.has(reason) || OF_PARENTS.has(reason));
}

/** Pools without a route to them. */
function servePools(pools: Pools, scope: Scope): void {
  checkInferenceReferences(scope);
  for (const pool of scope.set.all(InferencePool)) {
    checkAnnotations(pool, scope);
    pools.serve(pool, scope);
  }
}

const NO_GATEWAY: Problem = {
  source: { file: '', document: 0, line: 0 },
  resource: '',
  path: '',
  message: 'there is no Gateway among the resources, so there is no port to listen on; add one',
};

/** Valid, and not served yet: to ignore it would be to let more pass than its author wants. */
function refuseLaterKinds(scope: Scope): void {
  for (const route of scope.set.all(MCPRoute))
    scope.report(route, 'kind', 'MCPRoute is not served: the MCP gateway comes with a later release');
}

/** What tier two reads and leaves to tier one. */
function noticeElsewhere(scope: Scope): void {
  const limits = scope.set.all(BackendTrafficPolicy).filter(({ body }) => body.spec.rateLimit !== undefined);
  for (const policy of [...limits, ...scope.set.all(QuotaPolicy)])
    scope.notice(`${nameOf(policy)}: its limits hold at tier one; tier two does not enforce them`);
}

/** BackendTrafficPolicies, each read once. */
class TrafficOf {
  readonly #policies: Policies<BackendTrafficPolicy>;
  readonly #read: CompileMemory['traffic'];

  constructor(policies: Policies<BackendTrafficPolicy>, memory: CompileMemory) {
    this.#policies = policies;
    this.#read = memory.traffic;
  }

  of(route: Resource, rule: string | undefined, attachment: Attachment | undefined): Traffic {
    const policy = this.#policies.of(route, rule, attachment);
    if (policy === undefined) return DEFAULT_TRAFFIC;
    let traffic = this.#read.get(policy.body);
    if (traffic === undefined) {
      traffic = trafficOf(policy);
      this.#read.set(policy.body, traffic);
    }
    return traffic;
  }
}

function credentialsByBackend(scope: Scope): AiPolicies['credentials'] {
  const byBackend = new Map<string, BackendSecurityPolicy | 'broken'>();
  for (const { namespace, name } of scope.set.invalidTargets(BackendSecurityPolicy)) byBackend.set(`${namespace}/${name}`, 'broken');
  for (const policy of scope.set.all(BackendSecurityPolicy)) {
    for (const [index, ref] of (policy.body.spec.targetRefs ?? []).entries()) {
      const path = `spec.targetRefs[${index}]`;
      const key = `${policy.metadata.namespace}/${ref.name}`;
      const other = byBackend.get(key);
      if (ref.kind === 'InferencePool') scope.report(policy, path, 'an InferencePool is not served by tier one in this release');
      else if (scope.set.get(AIServiceBackend, policy.metadata.namespace, ref.name) === undefined)
        scope.report(policy, `${path}.name`, scope.references.missing('AIServiceBackend', policy.metadata.namespace, ref.name));
      else if (other === undefined) byBackend.set(key, policy);
      else if (other !== 'broken') scope.report(policy, path, `${nameOf(other)} gives AIServiceBackend ${ref.name} its credential already`);
    }
  }
  return byBackend;
}

function listenerKey(gateway: Gateway, listener: string): string {
  return `${gateway.metadata.namespace}/${gateway.metadata.name}/${listener}`;
}

function place(matches: readonly Match[], { gateway, listener, hosts }: Attachment, byListener: Map<string, Map<string, Match[]>>): void {
  const key = listenerKey(gateway, listener.name);
  const byHost = byListener.get(key) ?? new Map<string, Match[]>();
  byListener.set(key, byHost);
  for (const host of hosts) {
    const list = byHost.get(host);
    if (list === undefined) byHost.set(host, [...matches]);
    else list.push(...matches);
  }
}

/** The rules of all routes that are attached to a listener. */
function rulesOf(byListener: ReadonlyMap<string, ReadonlyMap<string, readonly Match[]>>): Set<Rule> {
  const rules = new Set<Rule>();
  for (const byHost of byListener.values()) for (const matches of byHost.values()) for (const { rule } of matches) rules.add(rule);
  return rules;
}

/** Place of each route by age and name, the last criteria of Gateway API's precedence. */
function orderOf(...routes: readonly (readonly Resource[])[]): ReadonlyMap<string, number> {
  const all = routes.flat().map((route) => ({
    key: `${route.kind} ${route.metadata.namespace}/${route.metadata.name}`,
    time: bornAt(route),
    name: `${route.metadata.namespace}/${route.metadata.name}`,
  }));
  all.sort((a, b) => a.time - b.time || (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
  return new Map(all.map(({ key }, index) => [key, index]));
}

/** The ports of all Gateways: shared by them, or in a cluster each Gateway's own. */
function portsOf(
  gateways: readonly Gateway[],
  byListener: ReadonlyMap<string, ReadonlyMap<string, Match[]>>,
  order: ReadonlyMap<string, number>,
  listenOn: CompileOptions['listenOn'],
  scope: Scope,
): PortTable[] {
  const policies = Policies.of(ClientTrafficPolicy, scope);
  const byPort = new Map<string, { info: PortInfo; listeners: ListenerTable[] }>();
  for (const gateway of gateways) {
    const { namespace, name: gatewayName } = gateway.metadata;
    // Parameters that are not read could be what its owner relies on.
    if (scope.shared && gateway.body.spec.infrastructure?.parametersRef !== undefined) continue;
    for (const [index, listener] of gateway.body.spec.listeners.entries()) {
      const { port, protocol, hostname = '*' } = listener;
      const path = `spec.listeners[${index}]`;
      const own = listenOn?.(`${namespace}/${gatewayName}`, port);
      const certificates = certificatesOf(gateway, listener, path, scope);
      if (scope.shared && (own === undefined || (protocol === 'HTTPS' && certificates.length === 0))) continue;
      const key = scope.shared ? `${namespace}/${gatewayName}/${port}` : String(port);
      let at = byPort.get(key);
      if (at === undefined) byPort.set(key, (at = { info: { key, port, protocol, listenOn: own }, listeners: [] }));
      const name = listenerKey(gateway, listener.name);
      const other = at.listeners.find((each) => each.hostname === hostname || each.protocol !== protocol);
      if (other !== undefined) {
        const what = other.protocol === protocol ? 'the same hostname' : `protocol ${other.protocol}`;
        const why = scope.shared ? '' : '; all Gateways of a process share its address';
        scope.report(gateway, path, `listener ${other.name} has port ${port} and ${what}${why}`, 'Conflicted');
        continue;
      }
      const byHost = new Map<string, MatchIndex>();
      for (const [host, matches] of byListener.get(name) ?? []) byHost.set(host, new MatchIndex(byPrecedence(matches, order)));
      const client = clientSettings(policies.forGateway(gateway, listener.name));
      at.listeners.push({ name, gateway: gateway.metadata, protocol, hostname, hosts: new HostTable(byHost), client, certificates });
    }
  }
  return [...byPort.values()].sort((a, b) => a.info.port - b.info.port).map(({ info, listeners }) => new PortTable(info, listeners));
}
