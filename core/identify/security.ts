import { nameOf, type Report } from '../resources/kind.ts';
import type { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';

import { compileApiKeys } from './api-keys.ts';
import { compileAuthorization } from './authorization.ts';
import { compileBasicAuth } from './basic-auth.ts';
import { compileCors } from './cors.ts';
import { compileExtAuth } from './ext-auth.ts';
import { ANYONE, type Caller, type Identity, type Security, type SecuritySources } from './identity.ts';
import { compileJwt, type VerifiedToken } from './jwt.ts';
import type { Place } from './places.ts';
import { headerBytes } from './set-headers.ts';
import type { SharedIdentify } from './shared-identify.ts';

/**
 * Compiles a SecurityPolicy. Every part of it that is configured must let a request pass. They run in the order of Envoy Gateway's
 * filters: extAuth, apiKeyAuth, basicAuth, jwt, authorization; `cors` stands before all of them, so the caller of this module answers a
 * preflight first. The client's id is that of the first of apiKeyAuth, basicAuth and jwt that gives one.
 *
 * Problems go to `report`; a policy with problems must not be served.
 */
export function compileSecurity(policy: SecurityPolicy, sources: SecuritySources, shared: SharedIdentify, report: Report): Security {
  const { spec } = policy.body;
  const apiKeys = spec.apiKeyAuth && compileApiKeys(spec.apiKeyAuth, sources, 'spec.apiKeyAuth', report);
  const basic = spec.basicAuth && compileBasicAuth(spec.basicAuth, sources, 'spec.basicAuth', report);
  const tokens = spec.jwt && compileJwt(spec.jwt, sources, shared, 'spec.jwt', report);
  const set = new SetHeaders(report);
  set.add(apiKeys?.clientHeader, 'spec.apiKeyAuth.forwardClientIDHeader');
  set.add(basic?.userHeader, 'spec.basicAuth.forwardUsernameHeader');
  for (const name of tokens?.setHeaders ?? []) set.add(name, 'spec.jwt.providers');
  const extAuth = spec.extAuth && compileExtAuth(spec.extAuth, sources, new Set(set.names), 'spec.extAuth', report);
  for (const name of extAuth?.setHeaders ?? []) set.add(name, 'spec.extAuth.http.headersToBackend');

  const basicPlaces: readonly Place[] = basic === undefined ? [] : [AUTHORIZATION];
  const places = [...(apiKeys?.places ?? []), ...basicPlaces, ...(tokens?.places ?? [])];
  const hidden = apiKeys?.sanitize === true ? apiKeys.places : [];
  const credentials = namesOf(places, []);
  const passable = namesOf(places, hidden);
  const owned = set.names.union(credentials.headers);
  const providers = (spec.jwt?.providers ?? []).map((provider) => provider.name);
  const rules = spec.authorization && compileAuthorization(spec.authorization, owned, providers, 'spec.authorization', report);

  const finish = (caller: Caller, clientId: string | undefined, headers: string[], token: VerifiedToken | undefined): Identity => {
    if (token !== undefined) headers.push(...token.headers);
    rules?.check({ caller, token, headers });
    const id = clientId ?? token?.subject;
    return id === undefined && headers.length === 0 && token === undefined ? ANYONE : { clientId: id, headers, token };
  };
  const afterExtAuth = (caller: Caller, external: readonly string[]): Identity | Promise<Identity> => {
    const headers = [...external];
    const client = apiKeys?.clientOf(caller);
    if (client !== undefined && apiKeys?.clientHeader !== undefined) headers.push(apiKeys.clientHeader, client);
    const user = basic?.userOf(caller);
    if (user !== undefined && basic?.userHeader !== undefined) headers.push(basic.userHeader, headerBytes(user) ?? '');
    const clientId = client ?? user;
    const token = tokens?.verify(caller);
    if (token instanceof Promise) return token.then((verified) => finish(caller, clientId, headers, verified));
    return finish(caller, clientId, headers, token);
  };

  return {
    name: nameOf(policy),
    owned,
    sets: set.names,
    ownedParams: credentials.params,
    ownedCookies: credentials.cookies,
    passable: { ...passable, headers: passable.headers.difference(set.names) },
    cors: spec.cors && compileCors(spec.cors),
    textOf: tokens && ((caller, token) => tokens.textOf(caller, token)),
    identify(caller) {
      if (extAuth === undefined) return afterExtAuth(caller, []);
      return extAuth.check(caller).then((headers) => afterExtAuth(caller, headers));
    },
  };
}

const AUTHORIZATION: Place = { in: 'header', name: 'authorization', prefix: 'Basic ', prefixRequired: true };

/** Headers that the policy sets, each from one part of it: two values of one header would leave it open who called. */
class SetHeaders {
  readonly names = new Set<string>();
  readonly #report: Report;

  constructor(report: Report) {
    this.#report = report;
  }

  add(name: string | undefined, path: string): void {
    if (name === undefined) return;
    if (this.names.has(name)) this.#report(path, `header ${name} is set by another part of the policy already`);
    this.names.add(name);
  }
}

interface Names {
  readonly headers: ReadonlySet<string>;
  readonly params: ReadonlySet<string>;
  readonly cookies: ReadonlySet<string>;
}

function namesOf(places: readonly Place[], without: readonly Place[]): Names {
  const pick = (kind: Place['in']): ReadonlySet<string> => {
    const all = new Set(places.filter((place) => place.in === kind).map((place) => place.name));
    return all.difference(new Set(without.filter((place) => place.in === kind).map((place) => place.name)));
  };
  return { headers: pick('header'), params: pick('param'), cookies: pick('cookie') };
}
