import { BackendSecurityPolicy } from '../resources/ai-gateway/backend-security-policy.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import { BackendTrafficPolicy } from '../resources/envoy-gateway/backend-traffic-policy.ts';
import { ClientTrafficPolicy } from '../resources/envoy-gateway/client-traffic-policy.ts';
import { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import { isOf, type KindDefinition, nameOf, type Resource } from '../resources/kind.ts';
import type { Sliced } from '../resources/slices.ts';

import type { SharedIdentify } from '../identify/shared-identify.ts';
import type { BackendPolicies } from './ai-backend.ts';
import { type AiPolicies, compileAiRoute } from './ai-route.ts';
import { type AnyRoute, type Attachment, type ParentOutcome, parentsOf } from './attach.ts';
import { clientCertificateOf } from './certificates.ts';
import { isAccepted } from './compile.ts';
import { type CompiledRoute, partOf, type PlacedPart } from './compiled-route.ts';
import { CostsOf } from './gateway-configs.ts';
import { DIRECT, egressOf, nameOfProxy } from './egress.ts';
import { compileHttpRoute } from './http-route.ts';
import { LimitsOf } from './limits.ts';
import { exchangesByRoute } from './mcp-exchange.ts';
import { compileMcpRoute } from './mcp-route.ts';
import type { CompileMemory, CompileWork } from './memory.ts';
import { Policies } from './policies.ts';
import { type BackendQuotas, QuotasOf } from './quotas.ts';
import { remember } from './remember.ts';
import type { Match } from './rule.ts';
import type { ClientCertificate, Scope } from './scope.ts';
import type { Findings } from './scope-of.ts';
import { SecurityOf } from './security-of.ts';
import { DEFAULT_TRAFFIC, type Traffic, trafficOf } from './traffic.ts';

/** What all routes of a load come to. */
export interface CompiledRoutes {
  /** Routes of our Gateways, and what became of their parents. */
  readonly routes: ReadonlyMap<Resource, readonly ParentOutcome[]>;
  readonly placed: readonly PlacedPart[];
  readonly backends: BackendPolicies;
  readonly clients: Policies<ClientTrafficPolicy>;
  /** To be remembered. */
  readonly policies: ReadonlyMap<KindDefinition, Policies<Resource>>;
  readonly quotas: ReadonlyMap<string, BackendQuotas>;
}

/** Compiles every route that is not as it was, or depends on something that is not. */
export function* compileRoutes(
  { scope, problemsOf }: Findings,
  identify: SharedIdentify,
  work: CompileWork,
  memory: CompileMemory | undefined,
): Sliced<CompiledRoutes> {
  const { set } = scope;
  const trafficPolicies = Policies.of(BackendTrafficPolicy, scope, work.policies(BackendTrafficPolicy));
  const clientPolicies = Policies.of(ClientTrafficPolicy, scope, work.policies(ClientTrafficPolicy));
  const security = yield* SecurityOf.of(scope, identify, work);
  trafficPolicies.answer(memory?.policies.get(BackendTrafficPolicy));
  clientPolicies.answer(memory?.policies.get(ClientTrafficPolicy));
  security.policies.answer(memory?.policies.get(SecurityPolicy));
  const traffic = (route: Resource, rule: string | undefined, attachment: Attachment | undefined): Traffic => {
    const policy = trafficPolicies.of(route, rule, attachment);
    return policy === undefined ? DEFAULT_TRAFFIC : readTraffic(policy);
  };
  const limits = new LimitsOf(trafficPolicies, scope, work);
  const costs = new CostsOf(scope);
  const quotas = new QuotasOf(scope, work, memory?.quotas);
  yield;
  const byBackend = credentialsByBackend(scope);
  work.credentials.get = (backend) => byBackend.get(backend);
  const byRoute = exchangesByRoute(scope);
  work.exchanges.get = (route) => byRoute.get(route);
  const backends: BackendPolicies = {
    credentials: (backend) => work.credentials.ask(backend),
    known: ({ metadata: { namespace, name }, body }, under, lookUp, { client, proxy }) =>
      // Whom a backend is shown, and the way to it, are a part of its connections.
      work.backends.of(
        `${work.id(under)} ${client?.of ?? ''} ${nameOfProxy({ proxy })} ${namespace}/${name}`,
        work.pair(body, client),
        lookUp,
      ),
  };
  const clients = new Map<string, ClientCertificate | undefined>();
  for (const gateway of set.list(Gateway)) clients.set(placeOf(gateway), clientCertificateOf(gateway, scope));
  work.clients.get = (gateway) => clients.get(gateway);

  const compileAt = (route: AnyRoute, attachment: Attachment | undefined): Match[] => {
    const client = attachment === undefined ? undefined : work.clients.ask(placeOf(attachment.gateway));
    const egress = attachment === undefined || route.kind !== 'AIGatewayRoute' ? DIRECT : egressOf(attachment.gateway, scope);
    const scopeHere: Scope = client === undefined && egress.proxy === undefined ? scope : { ...scope, client, proxy: egress.proxy };
    const costsHere = costs.of(route, attachment);
    const policies: AiPolicies = {
      ...backends,
      broken: (rule, limited) =>
        trafficPolicies.broken(route, rule, attachment, scope) ??
        clientPolicies.broken(route, undefined, attachment, scope) ??
        costs.broken(limited, attachment) ??
        egress.broken,
      security: (rule) => (isOf(MCPRoute, route) ? security.own(route) : undefined) ?? security.of(route, rule, attachment),
      traffic: (rule) => traffic(route, rule, attachment),
      costs: costsHere,
      limits: (rule, callers) => limits.of(route, rule, attachment, callers, costsHere),
      quotas,
    };
    if (isOf(MCPRoute, route)) {
      // Who calls a route that is attached to nothing, nobody can say.
      const exchanges = attachment && work.exchanges.ask(`${route.metadata.namespace}/${route.metadata.name}`);
      return compileMcpRoute(route, { ...policies, exchanges }, scopeHere);
    }
    return isOf(HTTPRoute, route) ? compileHttpRoute(route, policies, scopeHere) : compileAiRoute(route, policies, scopeHere);
  };
  const compileOne = (route: AnyRoute): CompiledRoute | undefined => {
    const parents = parentsOf(route, scope);
    // Of other Gateways.
    if (scope.shared && parents.length === 0) return undefined;
    const attachments = parents.flatMap((parent) => parent.attachments);
    // A route that is attached to nothing has its other problems all the same.
    if (attachments.length === 0) compileAt(route, undefined);
    // Policies of a Gateway can be those of one listener: the rules of two listeners are two things.
    const placed = attachments.map((attachment): PlacedPart => {
      const matches = compileAt(route, attachment);
      if (matches.some((match) => match.rule.security === undefined))
        scope.notice(`${nameOf(route)} is open: no SecurityPolicy says who may call`);
      return {
        listener: `${placeOf(attachment.gateway)}/${attachment.listener.name}`,
        hosts: attachment.hosts,
        part: partOf(route, matches),
      };
    });
    // A route that says something impossible is not accepted; references that lead nowhere are its rules' business.
    return { parents, placed: isAccepted(problemsOf(route)) ? placed : [] };
  };

  const routes = new Map<Resource, readonly ParentOutcome[]>();
  const placed: PlacedPart[] = [];
  for (const definition of [HTTPRoute, AIGatewayRoute, MCPRoute] as const) {
    for (const route of set.list<typeof HTTPRoute>(definition as typeof HTTPRoute)) {
      const compiled = work.routes.of(route.metadata, route.body, () => compileOne(route));
      if (compiled !== undefined) {
        routes.set(route, compiled.parents);
        placed.push(...compiled.placed);
      }
      yield;
    }
  }
  const policies = new Map<KindDefinition, Policies<Resource>>([
    [BackendTrafficPolicy, trafficPolicies],
    [ClientTrafficPolicy, clientPolicies],
    [SecurityPolicy, security.policies],
  ]);
  return { routes, placed, backends, clients: clientPolicies, policies, quotas: quotas.quotas };
}

/** By the body of a BackendTrafficPolicy: each is read once. */
const TRAFFIC = new WeakMap<object, Traffic>();

function readTraffic(policy: BackendTrafficPolicy): Traffic {
  return remember(TRAFFIC, policy.body, () => trafficOf(policy));
}

function credentialsByBackend(scope: Scope): ReadonlyMap<string, BackendSecurityPolicy | 'broken'> {
  const byBackend = new Map<string, BackendSecurityPolicy | 'broken'>();
  for (const { namespace, name } of scope.set.invalidTargets(BackendSecurityPolicy)) byBackend.set(`${namespace}/${name}`, 'broken');
  for (const policy of scope.set.list(BackendSecurityPolicy)) {
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

function placeOf({ metadata: { namespace, name } }: Gateway): string {
  return `${namespace}/${name}`;
}
