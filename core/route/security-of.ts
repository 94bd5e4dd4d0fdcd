import { hostHeader } from '../http/origin.ts';
import { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';
import type { Resource } from '../resources/kind.ts';
import { ConfigMap } from '../resources/kubernetes/config-map.ts';
import type { Sliced } from '../resources/slices.ts';

import type { Security, SecuritySources } from '../identify/identity.ts';
import { compileSecurity } from '../identify/security.ts';
import type { SharedIdentify } from '../identify/shared-identify.ts';
import type { Attachment } from './attach.ts';
import type { CompileWork } from './memory.ts';
import { elsewhere, originsOf, secretOf } from './origins.ts';
import { brokenPolicy, Policies } from './policies.ts';
import type { Scope } from './scope.ts';

/** SecurityPolicies, each compiled once. */
export class SecurityOf {
  readonly policies: Policies<SecurityPolicy>;
  readonly #scope: Scope;
  readonly #work: CompileWork;

  private constructor(scope: Scope, work: CompileWork) {
    this.policies = Policies.of(SecurityPolicy, scope, work.policies(SecurityPolicy));
    this.#scope = scope;
    this.#work = work;
  }

  static *of(scope: Scope, shared: SharedIdentify, work: CompileWork): Sliced<SecurityOf> {
    const security = new SecurityOf(scope, work);
    const compiled = new Map<unknown, Security>();
    work.securities.get = (body) => compiled.get(body);
    // Each is compiled even where nothing uses it: its problems are the user's to know.
    for (const policy of scope.set.list(SecurityPolicy)) {
      const report = (path: string, message: string) => scope.report(policy, path, message);
      const of = work.security.of(policy.metadata, policy.body, () => compileSecurity(policy, sourcesOf(policy, scope), shared, report));
      compiled.set(policy.body, of);
      yield;
    }
    return security;
  }

  of(route: Resource, rule: string | undefined, attachment: Attachment | undefined): Security | undefined {
    const broken = this.policies.broken(route, rule, attachment, this.#scope);
    if (broken !== undefined) return this.#work.refusing.of(broken, undefined, () => refusing(broken));
    const policy = this.policies.of(route, rule, attachment);
    return policy === undefined ? undefined : this.#work.securities.ask(policy.body);
  }
}

/** In the place of a policy that has problems: half of it could let anyone pass. */
function refusing(name: string): Security {
  return {
    name,
    owned: NONE,
    sets: NONE,
    ownedParams: NONE,
    ownedCookies: NONE,
    passable: { headers: NONE, params: NONE, cookies: NONE },
    cors: undefined,
    identify() {
      throw brokenPolicy(name);
    },
  };
}

function sourcesOf(policy: SecurityPolicy, scope: Scope): SecuritySources {
  return {
    secret: (ref, path) =>
      secretOf(ref.namespace === undefined ? { name: ref.name } : { name: ref.name, namespace: ref.namespace }, policy, path, scope),
    configMap: ({ name }, path) => {
      const map = scope.set.get(ConfigMap, policy.metadata.namespace, name);
      if (map !== undefined) return new Map(Object.entries(map.body.data ?? {}));
      scope.report(policy, path, scope.references.missing('ConfigMap', policy.metadata.namespace, name));
      return undefined;
    },
    dispatcher: (ref, path) => {
      const defined = Object.fromEntries(Object.entries(ref).filter(([, value]) => value !== undefined)) as unknown as Parameters<
        typeof originsOf
      >[0];
      const origin = originsOf(defined, policy, path, scope)?.origins[0];
      return origin === undefined ? undefined : { dispatcher: scope.connections.pool(origin), hostHeader: hostHeader(origin) };
    },
    dispatcherForUrl: (url) =>
      scope.connections.pool({
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
        tls: url.protocol === 'https:' ? SYSTEM_TLS : undefined,
        ...elsewhere(scope),
      }),
  };
}

const NONE: ReadonlySet<string> = new Set();
const SYSTEM_TLS = { serverName: undefined, ca: undefined, certificate: undefined, key: undefined, skipVerify: false };
