import { DEFAULT_RETRY, type Plan } from '../attempt/plan.ts';
import { compileBackendSelector, compileMcpAuthorization } from '../identify/mcp-authorization.ts';
import type { MCPBackendRef } from '../resources/ai-gateway/mcp-backend-ref.ts';
import type { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { nameOf } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';

import { type RoutePolicies, valueMatch } from './ai-route.ts';
import { checksArguments } from './annotations.ts';
import { filtersOf } from './filters.ts';
import { type RouteExchanges, serverExchanges } from './mcp-exchange.ts';
import type { McpCredential, McpRule, McpTarget } from './mcp-rule.ts';
import { toolLockOf } from './mcp-locks.ts';
import { WELL_KNOWN, wellKnownPath } from './mcp-well-known.ts';
import { endpointsOf, originsOf } from './origins.ts';
import type { Match, OrdinaryRule, OrdinaryTarget } from './rule.ts';
import type { Scope } from './scope.ts';
import { secretEntry } from './secret-entry.ts';

/** Key of the Secret that holds the key for a server. */
const API_KEY = 'apiKey';

/** What compiling routes of MCP needs besides the scope. */
export interface McpPolicies extends RoutePolicies {
  readonly exchanges: RouteExchanges | undefined;
}

/** The matches of one MCPRoute, not ranked yet: its path, and where its authorization server is told of. */
export function compileMcpRoute(route: MCPRoute, policies: McpPolicies, scope: Scope): Match[] {
  const { namespace, name } = route.metadata;
  const { spec } = route.body;
  const security = policies.security(undefined);
  const limits = policies.limits(undefined, security);
  const exchanges = serverExchanges({ route, found: policies.exchanges, security, scope });
  const targets = spec.backendRefs.flatMap((ref, index) => {
    const target = targetOf(ref, `spec.backendRefs[${index}]`, route, policies, scope);
    const exchange = exchanges.get(ref.name);
    // Without what it should get of its callers nothing is sent there.
    return target === undefined || exchange === 'broken' ? [] : [{ ...target, exchange }];
  });
  const mcp: McpRule = {
    path: spec.path,
    targets,
    oauth: spec.securityPolicy?.oauth,
    elsewhere: !scope.allowLocalAddresses,
    checksArguments: checksArguments(route, scope),
    ...accessOf(route, scope),
  };
  const rule: OrdinaryRule = {
    ai: false,
    mcp,
    limits,
    costs: policies.costs,
    route: { kind: 'MCPRoute', namespace, name },
    index: 0,
    name: undefined,
    security,
    plan: NO_PLAN,
    filters: filtersOf([]),
    pooled: false,
    pooledPlan: undefined,
    lost: 0,
    broken: policies.broken(undefined, limits),
  };
  const headers = (spec.headers ?? []).map((header, index) => valueMatch(header, route, `spec.headers[${index}].value`, scope));
  const at = (of: OrdinaryRule, path: string): Match => ({
    rule: of,
    path: { type: 'exact', value: path },
    method: undefined,
    headers: of === rule ? headers : [],
    query: [],
    rank: 0,
  });
  // What tells where tokens come from is for those who have none.
  const open = { ...rule, security: undefined };
  return [
    at(rule, spec.path),
    ...(spec.securityPolicy?.oauth === undefined ? [] : WELL_KNOWN.map((name) => at(open, wellKnownPath(name, spec.path)))),
  ];
}

function accessOf(route: MCPRoute, scope: Scope): Pick<McpRule, 'decide' | 'selects'> {
  const { securityPolicy, backendSelector, backendRefs } = route.body.spec;
  const report = (path: string, message: string) => scope.report(route, path, message);
  const path = 'spec.securityPolicy.authorization';
  const authorization = securityPolicy?.authorization;
  const decide = authorization && compileMcpAuthorization(authorization, path, report);
  const selects = backendSelector && compileBackendSelector(backendSelector, 'spec.backendSelector', report);
  if (securityPolicy?.oauth?.jwks?.remoteJWKS?.backendRefs !== undefined)
    report(
      'spec.securityPolicy.oauth.jwks.remoteJWKS.backendRefs',
      'is not supported: the keys are fetched from the uri itself, over HTTP',
    );
  const servers = new Set(backendRefs.map(({ name }) => name));
  for (const [index, { target }] of (securityPolicy?.authorization?.rules ?? []).entries()) {
    for (const { backend } of target?.tools ?? []) {
      if (!servers.has(backend))
        scope.notice(`${nameOf(route)}: ${path}.rules[${index}] names "${backend}", which is no backendRef${didYouMean(backend, servers)}`);
    }
  }
  return { decide, selects };
}

/** A route of MCP makes its calls itself: which server is asked stands in the request. */
const NO_PLAN: Plan<OrdinaryTarget> = {
  targets: [],
  retry: { ...DEFAULT_RETRY, maxAttempts: 1 },
  requestTimeoutMs: 0,
  requestTimeoutIsTotal: false,
  streamIdleTimeoutMs: 0,
  keepAliveMs: 0,
  drainMs: 0,
  maxAnswerBytes: 0,
};

function targetOf(
  ref: MCPBackendRef,
  path: string,
  route: MCPRoute,
  policies: RoutePolicies,
  scope: Scope,
): Omit<McpTarget, 'exchange'> | undefined {
  const traffic = policies.traffic(undefined);
  const origins = originsOf(ref, route, path, scope);
  const credential = credentialOf(ref, path, route, scope);
  // Without the credential that it asks for nothing is sent there.
  if (origins === undefined || origins.origins.length === 0 || credential === 'missing') return undefined;
  const { connections, limits, balance, check } = traffic;
  const definition = { name: origins.name, endpoints: endpointsOf(origins, connections, scope), limits, balance, check };
  const key = JSON.stringify(['MCPRoute', origins, connections, limits, balance, check]);
  return {
    name: ref.name,
    backend: scope.backend(definition, key),
    path: ref.path,
    tools: ref.toolSelector,
    lock: toolLockOf(route, ref.name, scope),
    credential,
    forwardHeaders: (ref.forwardHeaders ?? []).map(({ name, backendHeader = name }) => ({
      name: name.toLowerCase(),
      as: backendHeader.toLowerCase(),
    })),
  };
}

function credentialOf(
  { securityPolicy }: MCPBackendRef,
  path: string,
  route: MCPRoute,
  scope: Scope,
): McpCredential | undefined | 'missing' {
  const apiKey = securityPolicy?.apiKey;
  if (apiKey === undefined) return undefined;
  const at = `${path}.securityPolicy.apiKey`;
  const { inline, secretRef } = apiKey;
  const value = inline ?? (secretRef && secretEntry(secretRef, API_KEY, route, `${at}.secretRef`, scope));
  if (value === undefined) return 'missing';
  if (apiKey.queryParam !== undefined) return { queryParam: apiKey.queryParam, value };
  const header = (apiKey.header ?? 'authorization').toLowerCase();
  // As the reference has it: a bearer token unless another header is named.
  return { header, value: header === 'authorization' && !/^\S+ \S/.test(value) ? `Bearer ${value}` : value };
}
