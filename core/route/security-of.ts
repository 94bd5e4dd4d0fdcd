import { hostHeader } from '../http/origin.ts';
import { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';
import type { Resource } from '../resources/kind.ts';
import { ConfigMap } from '../resources/kubernetes/config-map.ts';

import type { Security, SecuritySources } from '../identify/identity.ts';
import { compileSecurity } from '../identify/security.ts';
import type { SharedIdentify } from '../identify/shared-identify.ts';
import type { Attachment } from './attach.ts';
import type { CompileMemory } from './memory.ts';
import { originsOf, secretOf } from './origins.ts';
import { brokenPolicy, Policies } from './policies.ts';
import { remember } from './remember.ts';
import type { Scope } from './scope.ts';

/** SecurityPolicies, each compiled once. */
export class SecurityOf {
  readonly #policies: Policies<SecurityPolicy>;
  readonly #compiled: CompileMemory['security'];
  readonly #scope: Scope;
  readonly #refusing = new Map<string, Security>();

  constructor(scope: Scope, shared: SharedIdentify, memory: CompileMemory) {
    this.#policies = Policies.of(SecurityPolicy, scope);
    this.#compiled = memory.security;
    this.#scope = scope;
    // Each is compiled even where nothing uses it: its problems are the user's to know.
    for (const policy of scope.set.all(SecurityPolicy)) {
      if (this.#compiled.has(policy.body)) continue;
      const report = (path: string, message: string) => scope.report(policy, path, message);
      this.#compiled.set(policy.body, compileSecurity(policy, sourcesOf(policy, scope), shared, report));
    }
  }

  of(route: Resource, rule: string | undefined, attachment: Attachment | undefined): Security | undefined {
    const broken = this.#policies.broken(route, rule, attachment, this.#scope);
    if (broken !== undefined) return remember(this.#refusing, broken, () => refusing(broken));
    const policy = this.#policies.of(route, rule, attachment);
    return policy === undefined ? undefined : this.#compiled.get(policy.body);
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
      }),
  };
}

const NONE: ReadonlySet<string> = new Set();
const SYSTEM_TLS = { serverName: undefined, ca: undefined, certificate: undefined, key: undefined, skipVerify: false };
