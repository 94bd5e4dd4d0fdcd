import type { Backend } from '../attempt/backend.ts';
import { Connections } from '../http/client.ts';
import { Kept } from '../kept.ts';
import type { EndpointSlice } from '../kubernetes/endpoint-slices.ts';
import { type Money, moneyOf, NO_MONEY } from '../money/money.ts';
import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import { QuotaPolicy } from '../resources/ai-gateway/quota-policy.ts';
import { BackendTrafficPolicy } from '../resources/envoy-gateway/backend-traffic-policy.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { checkInferenceReferences } from '../resources/inference/check-references.ts';
import { InferencePool } from '../resources/inference/inference-pool.ts';
import { nameOf, type Resource } from '../resources/kind.ts';
import { KINDS } from '../resources/kinds.ts';
import type { Loaded } from '../resources/load.ts';
import type { Problem } from '../resources/problem.ts';
import type { Reason } from '../resources/reason.ts';
import { TracePolicy } from '../resources/tierkit/trace-policy.ts';
import { atOnce, type Sliced } from '../resources/slices.ts';

import { type TraceRules, traceRulesOf } from '../telemetry/trace/shown.ts';

import type { KeySource, RemoteKeySet } from '../identify/remote-key-set.ts';
import { SharedIdentify } from '../identify/shared-identify.ts';
import { SharedCredentials } from '../providers/credentials/shared-credentials.ts';
import { SharedExchanges } from '../providers/credentials/shared-exchanges.ts';
import { checkAiBackend } from './ai-backend.ts';
import { checkAnnotations } from './annotations.ts';
import type { ParentOutcome } from './attach.ts';
import { checkTlsPolicies } from './backend-tls.ts';
import { CoveringTable } from './covering-table.ts';
import { portsOf } from './gateway-ports.ts';
import { checkGatewayConfigs } from './gateway-configs.ts';
import { Hosts } from './hosts.ts';
import { checkGivenLimits, checkLimits } from './limits.ts';
import { checkToolLocks } from './mcp-locks.ts';
import { type CompileMemory, CompileWork } from './memory.ts';
import type { PortTable } from './ports.ts';
import { compileRoutes } from './routes.ts';
import type { Pools, Scope } from './scope.ts';
import { scopeOf } from './scope-of.ts';

/** What outlives a reload. */
export interface Shared {
  readonly connections: Pick<Connections, 'kept' | 'pool' | 'destroy'>;
  readonly credentials: SharedCredentials;
  readonly exchanges: SharedExchanges;
  readonly backends: Kept<Backend>;
  readonly identify: SharedIdentify;
  readonly pools: Pools | undefined;
  /** Absent: nothing is remembered. */
  readonly work?: CompileWork;
  /** Of the configuration in service. */
  memory: CompileMemory | undefined;
}

/**
 * @param warn takes one line when a key set or a credential cannot be fetched.
 * @param pools in a tier that serves InferencePools
 */
export function newShared(warn?: (message: string) => void, pools?: Pools): Shared {
  return sharedWith(new Connections(), warn, pools);
}

/** As {@link newShared}, with these connections. */
export function sharedWith(connections: Shared['connections'], warn?: (message: string) => void, pools?: Pools): Shared {
  const work = new CompileWork();
  const credentials = new SharedCredentials(warn);
  const exchanges = new SharedExchanges(warn);
  const backends = new Kept<Backend>(() => undefined);
  work.watch(connections.kept);
  work.watch(credentials.kept);
  work.watch(exchanges.kept);
  work.watch(backends);
  const identify = new NotedIdentify(work, warn === undefined ? {} : { warn });
  return { connections, credentials, exchanges, backends, identify, pools, work, memory: undefined };
}

/** Key sets that are asked for again where a policy is not compiled again. */
class NotedIdentify extends SharedIdentify {
  readonly #work: CompileWork;

  constructor(work: CompileWork, options: { readonly warn?: (message: string) => void }) {
    super(options);
    this.#work = work;
    work.keySets.get = ([url, source]) => super.keySet(url, source);
  }

  override keySet(url: URL, source: KeySource): RemoteKeySet {
    return this.#work.keySets.ask([url, source]);
  }
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
  /**
   * Whether resources may name loopback, link-local and unspecified addresses as backends, and the metadata service of a cloud. In a cluster
   * others write resources as well: with such an address they would speak in the name of the gateway's own machine.
   * @default true for files, false in a cluster
   */
  readonly allowLocalAddresses?: boolean;
  /** In a cluster: where the process listens for a port of a Gateway (`namespace/name`); undefined while it has no place. */
  readonly listenOn?: (gateway: string, port: number) => number | undefined;
  /** In a cluster: the endpoints of a headless Service (`namespace/name`). */
  readonly slices?: (service: string) => readonly EndpointSlice[];
}

/** Compiles the resources of a load. Reports every problem; unless it is for a cluster, the result must not be served with one of them. */
export function compile(loaded: Loaded, shared: Shared, options: CompileOptions = {}): Compiled {
  return atOnce(compiling(loaded, shared, options));
}

/**
 * As {@link compile}, in slices. Of one `shared`, the work before has to be done.
 * @param remembered of the configuration whose parts are taken over where they are the same
 */
export function* compiling(
  loaded: Loaded,
  shared: Shared,
  options: CompileOptions = {},
  remembered: CompileMemory | undefined = shared.memory,
): Sliced<Compiled> {
  const { inCluster = false, listenOn } = options;
  const work = shared.work ?? new CompileWork();
  const memory = shared.work === undefined ? undefined : remembered;
  const { set } = loaded;
  const findings = scopeOf(loaded, shared, work, options);
  const { scope, problems, notices, servings } = findings;
  work.begin(set, memory);
  if (shared.pools?.alone === true) {
    servePools(shared.pools, scope);
    return {
      ports: [],
      problems,
      notices: [...new Set(notices)],
      money: NO_MONEY,
      traceRules: new CoveringTable([]),
      routes: new Map(),
      memory: { set, entries: work.entries, policies: new Map(), quotas: new Map(), hosts: new Map() },
    };
  }
  const gateways = set.list(Gateway);
  // A folder that is empty for a moment must not take down what is served.
  if (gateways.length === 0 && loaded.problems.length === 0 && !inCluster) problems.push(NO_GATEWAY);
  for (const definition of KINDS) {
    for (const resource of set.list(definition)) {
      checkAnnotations(resource, scope);
      yield;
    }
  }
  checkGatewayConfigs(scope);
  checkGivenLimits(scope);
  if (shared.pools !== undefined) noticeElsewhere(scope);
  checkTlsPolicies(scope);
  checkToolLocks(scope);
  const money = moneyOf(scope);
  const traceRules = traceRulesOf(scope);
  for (const policy of set.list(TracePolicy)) {
    const shown = Object.entries(policy.body.spec.content).flatMap(([side, value]) => (value === 'Show' ? [side] : []));
    if (shown.length > 0) notices.push(`${nameOf(policy)}: where traces are on, they tell the ${shown.join(' and ')} of what it covers`);
  }
  checkInferenceReferences(scope);
  yield;

  // Each is made even where no route leads to it: its problems are the user's to know.
  for (const pool of set.list(InferencePool)) {
    const served = shared.pools?.serve(pool, scope);
    if (served !== undefined) servings.set(`${pool.metadata.namespace}/${pool.metadata.name}`, served);
    yield;
  }
  const compiled = yield* compileRoutes(findings, shared.identify, work, memory);
  const { routes, placed, backends, clients, policies, quotas } = compiled;
  const hosts = new Hosts(memory?.hosts);
  for (const part of placed) {
    hosts.add(part);
    yield;
  }
  checkLimits(hosts.limited(), scope);
  for (const backend of set.list(AIServiceBackend)) {
    checkAiBackend(backend, backends, scope);
    yield;
  }
  const ports = yield* portsOf(gateways, hosts, listenOn, clients, scope);
  return {
    ports,
    problems,
    notices: [...new Set(notices)],
    money,
    traceRules,
    routes,
    memory: { set, entries: work.entries, policies, quotas, hosts: hosts.tables },
  };
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

/** What tier two reads and leaves to tier one. */
function noticeElsewhere(scope: Scope): void {
  const limits = scope.set.all(BackendTrafficPolicy).filter(({ body }) => body.spec.rateLimit !== undefined);
  for (const policy of [...limits, ...scope.set.all(QuotaPolicy)])
    scope.notice(`${nameOf(policy)}: its limits hold at tier one; tier two does not enforce them`);
}
