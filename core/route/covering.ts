import type { Identity } from '../identify/identity.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { Resource } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';
import type { InvalidResource, ResourceSet } from '../resources/set.ts';
import { type CoveringSpec, isTargetKind } from '../resources/tierkit/covering.ts';
import type { RouteInfo } from './rule.ts';

/** Reports a problem of a resource, as `Scope.report` does. */
export type ReportResource = (resource: Resource, path: string, message: string) => void;

/** What resources that cover requests are read from. */
export interface CoveringScope {
  readonly set: ResourceSet;
  readonly report: ReportResource;
  /** Whether many write resources, as in a cluster: then one without targets covers its own namespace, and not everybody. */
  readonly shared: boolean;
}

/** Of the listener that took a request. */
export interface GatewayInfo {
  readonly namespace: string;
  readonly name: string;
}

/** What is looked at in a request. */
export interface CoveredRequest {
  readonly identity: Identity;
  /** As the client asks for it; undefined where none is asked for. */
  readonly model: string | undefined;
  readonly route: RouteInfo;
  readonly gateway: GatewayInfo;
}

/** Which requests something covers. */
export interface Covers {
  /** Ids of clients; undefined: all. */
  readonly clients: readonly string[] | undefined;
  /** Whether requests of a route that came in by a Gateway can be covered at all. */
  coversRoute(route: RouteInfo, gateway: GatewayInfo): boolean;
  covers(request: CoveredRequest): boolean;
}

type Target = NonNullable<CoveringSpec['targetRefs']>[number];

/** `targetRefs` and `match` of one of our kinds, ready to be asked. Frozen. */
export class Covering implements Covers {
  readonly clients: readonly string[] | undefined;
  /** Patterns; undefined: all. */
  readonly models: readonly string[] | undefined;
  readonly #targets: readonly Target[] | undefined;
  readonly #clients: ReadonlySet<string> | undefined;
  readonly #namespace: string;
  readonly #everywhere: boolean;

  /** @param everywhere whether it covers all namespaces where it has no targets */
  constructor(namespace: string, { targetRefs, match }: CoveringSpec, everywhere: boolean) {
    this.clients = match?.clients === undefined ? undefined : Object.freeze([...match.clients]);
    this.models = match?.models === undefined ? undefined : Object.freeze([...match.models]);
    this.#targets = targetRefs;
    this.#clients = this.clients === undefined ? undefined : new Set(this.clients);
    this.#namespace = namespace;
    this.#everywhere = everywhere;
    Object.freeze(this);
  }

  coversRoute(route: RouteInfo, gateway: GatewayInfo): boolean {
    if (this.#targets === undefined)
      return this.#everywhere || gateway.namespace === this.#namespace || route.namespace === this.#namespace;
    for (const { kind, name } of this.#targets) {
      const found = kind === 'Gateway' ? gateway : route;
      if (found.name !== name || found.namespace !== this.#namespace) continue;
      // In a cluster each AIGatewayRoute becomes an HTTPRoute of its name.
      if (kind === 'Gateway' || kind === route.kind || (kind === 'HTTPRoute' && route.kind === 'AIGatewayRoute')) return true;
    }
    return false;
  }

  covers({ route, gateway, identity: { clientId }, model }: CoveredRequest): boolean {
    if (!this.coversRoute(route, gateway)) return false;
    if (this.#clients !== undefined && (clientId === undefined || !this.#clients.has(clientId))) return false;
    return this.models === undefined || (model !== undefined && matchesModel(this.models, model));
  }
}

/** @param patterns names of models, with `*` at the end or not at all */
function matchesModel(patterns: readonly string[], model: string): boolean {
  for (const pattern of patterns) if (pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : pattern === model) return true;
  return false;
}

/** The covering of a resource. Reports targets that are not there. */
export function coveringOf(resource: Resource, spec: CoveringSpec, { set, report, shared }: CoveringScope): Covering {
  const { namespace } = resource.metadata;
  for (const [index, target] of (spec.targetRefs ?? []).entries())
    checkTarget(target, resource, `spec.targetRefs[${index}].name`, set, report);
  return new Covering(namespace, spec, !shared);
}

/** The covering of a resource that cannot be read: by the targets that can be, or else of all that it could be for. */
export function coveringOfInvalid({ namespace, targets, spec }: InvalidResource, shared: boolean): Covering {
  const { targetRefs } = (spec ?? {}) as { readonly targetRefs?: unknown };
  const read = targets.flatMap(({ kind, name }) => (isTargetKind(kind) ? [{ kind, name }] : []));
  const all = Array.isArray(targetRefs) && targetRefs.length > 0 && targetRefs.length === read.length;
  return new Covering(namespace, all ? { targetRefs: read } : {}, !shared);
}

const DEFINITIONS = {
  Gateway: [Gateway],
  HTTPRoute: [HTTPRoute, AIGatewayRoute],
  AIGatewayRoute: [AIGatewayRoute],
  MCPRoute: [MCPRoute],
} as const;

function checkTarget({ kind, name }: Target, resource: Resource, path: string, set: ResourceSet, report: ReportResource): void {
  const { namespace } = resource.metadata;
  const definitions = DEFINITIONS[kind];
  if (definitions.some((definition) => set.get<typeof HTTPRoute>(definition as typeof HTTPRoute, namespace, name) !== undefined)) return;
  const kinds = definitions.map((definition) => definition.kind);
  const names = kinds.flatMap((each) => set.names(each, namespace));
  const target = `${kinds.join(' or ')} ${namespace}/${name}`;
  if (kinds.some((each) => set.isInvalid(each, namespace, name))) report(resource, path, `${target} has problems of its own`);
  else report(resource, path, `there is no ${target}${didYouMean(name, names)}`);
}
