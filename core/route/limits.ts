import { CompiledLimit } from '../limits/compiled.ts';
import { isOfProvider } from '../limits/given-limit.ts';
import { limitsFor, type PreparedLimit, prepareLimits } from '../limits/rate-limit.ts';
import { type Cost, type LimitRule, NO_LIMIT_RULES } from '../limits/rule.ts';
import { BackendTrafficPolicy } from '../resources/envoy-gateway/backend-traffic-policy.ts';
import { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';
import type { Resource } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';

import type { Security } from '../identify/identity.ts';
import type { Attachment } from './attach.ts';
import type { Part } from './compiled-route.ts';
import type { CompileWork } from './memory.ts';
import type { Policies } from './policies.ts';
import { remember } from './remember.ts';
import type { Rule } from './rule.ts';
import type { Scope } from './scope.ts';

/** Limits of BackendTrafficPolicies. Selectors are compiled once, and limits once for each route. */
export class LimitsOf {
  readonly #policies: Policies<BackendTrafficPolicy>;
  readonly #scope: Scope;
  readonly #work: CompileWork;
  readonly #compiled = new Map<readonly PreparedLimit[], Map<ReadonlyMap<string, Cost>, Map<Resource, readonly LimitRule[]>>>();

  constructor(policies: Policies<BackendTrafficPolicy>, scope: Scope, work: CompileWork) {
    this.#policies = policies;
    this.#scope = scope;
    this.#work = work;
  }

  of(
    route: Resource,
    rule: string | undefined,
    attachment: Attachment | undefined,
    security: Security | undefined,
    costs: ReadonlyMap<string, Cost>,
  ): readonly LimitRule[] {
    const policy = this.#policies.of(route, rule, attachment);
    if (policy?.body.spec.rateLimit === undefined) return NO_LIMIT_RULES;
    const prepared = this.#work.prepared.of(`${this.#work.id(policy.body)} ${this.#work.id(security)}`, undefined, () =>
      prepareLimits(policy, security, (path, message) => this.#scope.report(policy, path, message)),
    );
    if (prepared.length === 0) return NO_LIMIT_RULES;
    const byCosts = remember(this.#compiled, prepared, () => new Map<ReadonlyMap<string, Cost>, Map<Resource, readonly LimitRule[]>>());
    const byRoute = remember(byCosts, costs, () => new Map<Resource, readonly LimitRule[]>());
    const { kind, metadata } = route;
    const place = `${kind}/${metadata.namespace}/${metadata.name}`;
    return remember(byRoute, route, () => Object.freeze(limitsFor(prepared, policy, place, costs)));
  }
}

/** Limits read from tokens, of a provider that no policy has. */
export function checkGivenLimits(scope: Scope): void {
  const providers = scope.set.all(SecurityPolicy).flatMap(({ body }) => (body.spec.jwt?.providers ?? []).map(({ name }) => name));
  for (const policy of scope.set.all(BackendTrafficPolicy)) {
    for (const [index, { limit }] of (policy.body.spec.rateLimit?.global?.rules ?? []).entries()) {
      const key = limit.fromMetadata?.key;
      if (key === undefined || providers.some((provider) => isOfProvider(key, provider))) continue;
      scope.report(
        policy,
        `spec.rateLimit.global.rules[${index}].limit.fromMetadata.key`,
        `must begin with the name of a provider of a SecurityPolicy's jwt, and none is called so${didYouMean(key.split('.', 1)[0]!, providers)}`,
      );
    }
  }
}

interface KeyUse {
  readonly limit: CompiledLimit;
  readonly known: Set<string>;
  readonly lacking: Set<string>;
  found: boolean;
}

/**
 * What only all the rules together tell of their limits: that a cost has no route which works it out, and that clients name their own
 * counts. It is told of every configuration, also where routes were not compiled again.
 * @param parts those that have limits
 */
export function checkLimits(parts: Iterable<Part>, scope: Scope): void {
  const uses = new Map<string, KeyUse>();
  const rules = new Set<Rule>();
  for (const { matches } of parts) for (const { rule } of matches) rules.add(rule);
  for (const rule of rules) {
    for (const limit of rule.limits) {
      if (!(limit instanceof CompiledLimit)) continue;
      for (const what of limit.clientNamed) {
        scope.notice(
          `${limit.name} counts by ${what}, which clients write themselves: one that writes another each time is not limited; ` +
            'let a SecurityPolicy set it (forwardClientIDHeader, claimToHeaders)',
        );
      }
      if (limit.costKey !== undefined) note(uses, limit, rule);
    }
  }
  for (const { limit, found, known, lacking } of uses.values()) {
    const key = limit.costKey!;
    const what = 'llmRequestCosts of the route or globalLLMRequestCosts of its Gateway';
    if (!found)
      scope.report(
        limit.origin.policy,
        `${limit.origin.path}.cost.response.metadata.key`,
        `no route of the policy has a cost "${key}" in ${what}${didYouMean(key, known)}`,
      );
    else if (lacking.size > 0) scope.notice(`${limit.name} counts no answers of ${[...lacking].join(', ')}: "${key}" is not in ${what}`);
  }
}

function note(uses: Map<string, KeyUse>, limit: CompiledLimit, rule: Rule): void {
  const { policy, path } = limit.origin;
  const { namespace, name } = policy.metadata;
  const use = remember(uses, `${namespace}/${name} ${path}`, () => ({
    limit,
    known: new Set<string>(),
    lacking: new Set<string>(),
    found: false,
  }));
  for (const known of rule.costs.keys()) use.known.add(known);
  if (limit.responseCost !== undefined) use.found = true;
  // Answers of ordinary traffic tell no usage.
  else if (rule.ai || rule.pooled) use.lacking.add(`${rule.route.kind} ${rule.route.namespace}/${rule.route.name}`);
}
