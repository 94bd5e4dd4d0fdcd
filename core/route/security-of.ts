import { hostHeader } from '../http/origin.ts';
import type { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { Resource } from '../resources/kind.ts';
import { ConfigMap } from '../resources/kubernetes/config-map.ts';
import type { Sliced } from '../resources/slices.ts';

import type { Security, SecuritySources } from '../identify/identity.ts';
import { compileSecurity } from '../identify/security.ts';
import type { SharedIdentify } from '../identify/shared-identify.ts';
import type { Attachment } from './attach.ts';
import { mcpPath, mcpPolicyOf, withChallenge } from './mcp-security.ts';
import type { CompileWork } from './memory.ts';
import { elsewhere, originsOf, secretOf } from './origins.ts';
import { brokenPolicy, Policies } from './policies.ts';
import type { Scope } from './scope.ts';

/** SecurityPolicies, each compiled once. */
export class SecurityOf {
  readonly policies: Policies<SecurityPolicy>;
  readonly #scope: Scope;
  readonly #work: CompileWork;
  readonly #shared: SharedIdentify;

  private constructor(scope: Scope, shared: SharedIdentify, work: CompileWork) {
    this.policies = Policies.of(SecurityPolicy, scope, work.policies(SecurityPolicy));
    this.#scope = scope;
    this.#work = work;
    this.#shared = shared;
  }

  static *of(scope: Scope, shared: SharedIdentify, work: CompileWork): Sliced<SecurityOf> {
    const security = new SecurityOf(scope, shared, work);
    const compiled = new Map<unknown, Security>();
    work.securities.get = (body) => compiled.get(body);
    // Each is compiled even where nothing uses it: its problems are the user's to know. Those of other tiers and platforms are not ours to
    // judge: the Secrets that they name need not even be ours to read.
    for (const policy of scope.set.list(SecurityPolicy)) {
      if (scope.shared && isOfOthers(policy, scope)) continue;
      const report = (path: string, message: string) => scope.report(policy, path, message);
      const of = work.security.of(policy.metadata, policy.body, () => compileSecurity(policy, sourcesOf(policy, scope), shared, report));
      compiled.set(policy.body, of);
      yield;
    }
    return security;
  }

  /** What an MCPRoute itself says of who may call; undefined: nothing. */
  own(route: MCPRoute): Security | undefined {
    const policy = mcpPolicyOf(route);
    if (policy === undefined) return undefined;
    const report = (path: string, message: string) => this.#scope.report(route, mcpPath(path), message);
    const sources = { ...sourcesOf(route, this.#scope), discovery: { elsewhere: !this.#scope.allowLocalAddresses } };
    const security = compileSecurity(policy, sources, this.#shared, report);
    return withChallenge(security, route.body.spec.securityPolicy?.oauth, route.body.spec.path);
  }

  of(route: Resource, rule: string | undefined, attachment: Attachment | undefined): Security | undefined {
    const broken = this.policies.broken(route, rule, attachment, this.#scope);
    if (broken !== undefined) return this.#work.refusing.of(broken, undefined, () => refusing(broken));
    const policy = this.policies.of(route, rule, attachment);
    return policy === undefined ? undefined : this.#work.securities.ask(policy.body);
  }
}

/** Whether all that it targets is there, and none of it is at a Gateway of ours. */
function isOfOthers({ metadata: { namespace }, body: { spec } }: SecurityPolicy, scope: Scope): boolean {
  const targets = spec.targetRef === undefined ? (spec.targetRefs ?? []) : [spec.targetRef];
  return targets.every(({ kind, name }) => {
    if (kind === 'Gateway') return scope.set.get(Gateway, namespace, name) === undefined;
    const routes = [scope.set.get(HTTPRoute, namespace, name), scope.set.get(AIGatewayRoute, namespace, name)].filter(
      (route) => route !== undefined,
    );
    return routes.length > 0 && !routes.some((route) => isAtOurs(route, scope));
  });
}

function isAtOurs({ metadata, body }: HTTPRoute | AIGatewayRoute, scope: Scope): boolean {
  return (body.spec.parentRefs ?? []).some(
    ({ name, namespace = metadata.namespace }) => scope.set.get(Gateway, namespace, name) !== undefined,
  );
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
    // Whether it would verify tokens is not known.
    textOf: () => undefined,
    identify() {
      throw brokenPolicy(name);
    },
  };
}

function sourcesOf(policy: Resource, scope: Scope): SecuritySources {
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
