import type { Security } from '../identify/identity.ts';
import type { ExchangedTokens } from '../providers/credentials/exchanged-tokens.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { nameOf } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';
import type { InvalidResource } from '../resources/set.ts';
import { TokenExchange } from '../resources/tierkit/token-exchange.ts';

import { checkElsewhere } from './origins.ts';
import type { Scope } from './scope.ts';
import { secretEntry } from './secret-entry.ts';

/** The TokenExchanges of one MCPRoute. */
export interface RouteExchanges {
  readonly exchanges: TokenExchange[];
  /** The servers of each that cannot be read; undefined: of all, or nobody knows of which. */
  readonly unread: (readonly string[] | undefined)[];
}

/** By `namespace/name` of the route. Reports routes that are not there. */
export function exchangesByRoute(scope: Scope): ReadonlyMap<string, RouteExchanges> {
  const byRoute = new Map<string, RouteExchanges>();
  const at = (namespace: string, name: string): RouteExchanges => {
    const key = `${namespace}/${name}`;
    const found = byRoute.get(key) ?? { exchanges: [], unread: [] };
    byRoute.set(key, found);
    return found;
  };
  for (const exchange of scope.set.list(TokenExchange)) {
    const { namespace } = exchange.metadata;
    const { name } = exchange.body.spec.targetRef;
    if (scope.set.get(MCPRoute, namespace, name) === undefined)
      scope.report(exchange, 'spec.targetRef.name', scope.references.missing('MCPRoute', namespace, name), 'TargetNotFound');
    else at(namespace, name).exchanges.push(exchange);
  }
  for (const invalid of scope.set.invalid(TokenExchange)) {
    const named = invalid.targets.filter(({ kind }) => kind === MCPRoute.kind).map(({ name }) => name);
    // For which route it is cannot be read: it may be any.
    const routes = named.length > 0 ? named : scope.set.names('MCPRoute', invalid.namespace);
    for (const name of routes) at(invalid.namespace, name).unread.push(serversIn(invalid));
  }
  return byRoute;
}

function serversIn({ spec }: InvalidResource): readonly string[] | undefined {
  const { servers } = (spec ?? {}) as { readonly servers?: unknown };
  return Array.isArray(servers) && servers.length > 0 && servers.every((each) => typeof each === 'string') ? servers : undefined;
}

/** What servers get of their callers; `broken`: they cannot get what they should, and are not called. */
export type ServerExchanges = ReadonlyMap<string, ExchangedTokens | 'broken'>;

/** How the servers of a route are to be called in the name of callers. */
export interface ExchangePlace {
  readonly route: MCPRoute;
  readonly found: RouteExchanges | undefined;
  readonly security: Security | undefined;
  readonly scope: Scope;
}

/** By the name of the server. What is wrong is reported of the TokenExchange, and closes the servers that it is for. */
export function serverExchanges({ route, found, security, scope }: ExchangePlace): ServerExchanges {
  if (found === undefined) return NONE;
  const servers = new Map(route.body.spec.backendRefs.map((ref) => [ref.name, ref]));
  const given = new Map<string, ExchangedTokens | 'broken'>();
  const close = (names: readonly string[] | undefined): void => {
    // Which one is meant by a name that is none, nobody knows.
    const all = names === undefined || names.some((name) => !servers.has(name));
    for (const name of all ? servers.keys() : names) given.set(name, 'broken');
  };
  const claimed = new Map<string, TokenExchange>();
  for (const exchange of found.exchanges) {
    const { spec } = exchange.body;
    let isGood = true;
    const report = (path: string, message: string): void => {
      isGood = false;
      scope.report(exchange, path, message);
    };
    const tokens = tokensOf(exchange, scope);
    isGood = tokens !== undefined;
    if (security === undefined || security.textOf === undefined)
      report('spec.targetRef', `${nameOf(route)} identifies nobody by a token: it needs oauth, or a SecurityPolicy with jwt`);
    const named = (spec.servers ?? [...servers.keys()]).map((name, index) => ({
      name,
      path: spec.servers === undefined ? 'spec.targetRef' : `spec.servers[${index}]`,
    }));
    for (const { name, path } of named) {
      const other = claimed.get(name);
      const problem = other === undefined ? conflictAt(route, name, servers) : `${nameOf(other)} exchanges tokens for "${name}" already`;
      if (problem !== undefined) report(path, problem);
      if (other === undefined) claimed.set(name, exchange);
    }
    if (tokens !== undefined && isGood) for (const { name } of named) given.set(name, tokens);
    else close(spec.servers);
  }
  for (const names of found.unread) close(names);
  return given;
}

const NONE: ServerExchanges = new Map();

/** Why a server cannot be called with the token of an exchange. */
function conflictAt(route: MCPRoute, name: string, servers: ReadonlyMap<string, Ref>): string | undefined {
  const ref = servers.get(name);
  if (ref === undefined) return `${nameOf(route)} has no backendRef "${name}"${didYouMean(name, servers.keys())}`;
  const key = ref.securityPolicy?.apiKey;
  if (key !== undefined && key.queryParam === undefined && isAuthorization(key.header))
    return `"${name}" gets a key in the header authorization already (securityPolicy.apiKey of the route)`;
  if ((ref.forwardHeaders ?? []).some(({ name: from, backendHeader = from }) => isAuthorization(backendHeader)))
    return `"${name}" gets a header authorization of its clients already (forwardHeaders of the route)`;
  return undefined;
}

type Ref = MCPRoute['body']['spec']['backendRefs'][number];

function isAuthorization(header = 'authorization'): boolean {
  return header.toLowerCase() === 'authorization';
}

/** @returns undefined after a report */
function tokensOf(exchange: TokenExchange, scope: Scope): ExchangedTokens | undefined {
  const { metadata, body } = exchange;
  const { tokenEndpoint, clientID, clientSecret: ref, clientAuthentication, scopes = [], ...spec } = body.spec;
  const host = new URL(tokenEndpoint).hostname.replace(/^\[|\]$/g, '');
  const mayBeCalled = checkElsewhere(host, exchange, 'spec.tokenEndpoint', scope);
  const clientSecret = secretEntry(ref, 'client-secret', exchange, 'spec.clientSecret', scope);
  if (!mayBeCalled || clientSecret === undefined) return undefined;
  return scope.exchanges.of(`${metadata.namespace}/${metadata.name}`, {
    tokenEndpoint,
    clientId: clientID,
    clientSecret,
    inBody: clientAuthentication === 'Post',
    audience: spec.audience,
    resource: spec.resource,
    scopes,
    subjectTokenType: spec.subjectTokenType,
    requestedTokenType: spec.requestedTokenType,
    elsewhere: !scope.allowLocalAddresses,
  });
}
