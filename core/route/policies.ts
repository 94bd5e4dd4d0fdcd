import { GatewayError } from '../errors.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { type KindDefinition, nameOf, type Resource, type ResourceOf } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';

import type { Attachment } from './attach.ts';
import { type PolicyPlace, type PolicyReadings, sameResource } from './memory.ts';
import type { Scope } from './scope.ts';

interface PolicyTarget {
  readonly kind: string;
  readonly name: string;
  readonly sectionName?: string;
}

interface PolicyBody {
  readonly spec: { readonly targetRef?: PolicyTarget; readonly targetRefs?: readonly PolicyTarget[] };
}

/**
 * The policies of one kind by what they target. The most specific one holds in full: rule or listener, then route, then Gateway.
 * A target of kind HTTPRoute is also the AIGatewayRoute of that name: in a cluster each AIGatewayRoute becomes such an HTTPRoute.
 */
export class Policies<P extends Resource> {
  readonly #byTarget = new Map<string, P>();
  /** Targets of policies that have problems of their own: the names of these. */
  readonly #invalid = new Map<string, string>();
  readonly #readings: PolicyReadings | undefined;
  /** The last question: a rule has several in turn. */
  #asked: PolicyPlace | undefined;
  #answer: P | undefined;

  private constructor(readings: PolicyReadings | undefined) {
    this.#readings = readings;
  }

  /**
   * Reports targets that are not there, and targets that two policies claim.
   * @param readings note what is asked
   */
  static of<D extends KindDefinition>(definition: D, scope: Scope, readings?: PolicyReadings): Policies<ResourceOf<D>> {
    const policies = new Policies<ResourceOf<D>>(readings);
    for (const policy of scope.set.all(definition)) policies.#add(policy, scope);
    for (const { kind, namespace, name, sectionName, policy } of scope.set.invalidTargets(definition))
      policies.#invalid.set(keyOf(kind, namespace, name, sectionName), policy);
    return policies;
  }

  #add(policy: P, scope: Scope): void {
    const { targetRef, targetRefs } = (policy.body as PolicyBody).spec;
    const targets = targetRef === undefined ? (targetRefs ?? []) : [targetRef];
    for (const [index, target] of targets.entries()) {
      const path = targetRef === undefined ? `spec.targetRefs[${index}]` : 'spec.targetRef';
      const { namespace } = policy.metadata;
      const sections = sectionsOf(scope, target, namespace);
      if (sections === undefined) {
        // In a cluster there are Gateways of others.
        if (scope.shared && target.kind === 'Gateway') continue;
        const kinds = target.kind === 'HTTPRoute' ? ['HTTPRoute', 'AIGatewayRoute'] : [target.kind];
        const invalid = kinds.find((kind) => scope.set.isInvalid(kind, namespace, target.name));
        const names = kinds.flatMap((kind) => scope.set.names(kind, namespace));
        scope.report(
          policy,
          `${path}.name`,
          invalid === undefined
            ? `there is no ${kinds.join(' or ')} ${namespace}/${target.name}${didYouMean(target.name, names)}`
            : scope.references.missing(invalid, namespace, target.name),
          'TargetNotFound',
        );
        continue;
      }
      if (target.sectionName !== undefined && !sections.includes(target.sectionName)) {
        const what = target.kind === 'Gateway' ? 'listener' : 'rule';
        scope.report(
          policy,
          `${path}.sectionName`,
          `${target.kind} ${target.name} has no ${what} "${target.sectionName}"${didYouMean(target.sectionName, sections)}`,
          'TargetNotFound',
        );
        continue;
      }
      const key = keyOf(target.kind, namespace, target.name, target.sectionName);
      const other = this.#byTarget.get(key);
      if (other === undefined) this.#byTarget.set(key, policy);
      else scope.report(policy, path, `${nameOf(other)} (${other.source.file}) targets it already`, 'Conflicted');
    }
  }

  /** Answers what is noted. @param before policies that are remembered: with the same ones every answer is the same */
  answer(before: Policies<Resource> | undefined): void {
    if (this.#readings === undefined) return;
    const { policy, invalid } = this.#readings;
    policy.get = (place) => this.#holding(place);
    invalid.get = (place) => this.#invalidAt(place);
    policy.unchanged = before !== undefined && sameEntries(before.#byTarget, this.#byTarget, sameResource);
    invalid.unchanged = policy.unchanged && sameEntries(before!.#invalid, this.#invalid, Object.is);
  }

  /** The policy of a rule where the route is attached; a route that is attached nowhere has only its own. */
  of(route: Resource, rule: string | undefined, attachment: Attachment | undefined): P | undefined {
    const last = this.#asked;
    if (last !== undefined && last.route === route && last.rule === rule && last.attachment === attachment) return this.#answer;
    const place = { route, rule, attachment };
    this.#asked = place;
    this.#answer = this.#holding(place);
    this.#readings?.policy.note(place, this.#answer);
    return this.#answer;
  }

  #holding({ route, rule, attachment }: PolicyPlace): P | undefined {
    return (
      this.forRoute(route, rule) ?? (attachment === undefined ? undefined : this.forGateway(attachment.gateway, attachment.listener.name))
    );
  }

  /** Name of the policy that holds for a rule and cannot, as it has problems. */
  broken(route: Resource, rule: string | undefined, attachment: Attachment | undefined, scope: Scope): string | undefined {
    const policy = this.of(route, rule, attachment);
    if (policy !== undefined && scope.broken(policy)) return nameOf(policy);
    const place = { route, rule, attachment };
    const invalid = this.#invalidAt(place);
    this.#readings?.invalid.note(place, invalid);
    return invalid;
  }

  #invalidAt({ route, rule, attachment }: PolicyPlace): string | undefined {
    if (this.#invalid.size === 0) return undefined;
    const { namespace, name } = route.metadata;
    const keys = [keyOf('HTTPRoute', namespace, name, rule), keyOf('HTTPRoute', namespace, name, undefined)];
    if (attachment !== undefined) {
      const { gateway, listener } = attachment;
      const at = gateway.metadata;
      keys.push(keyOf('Gateway', at.namespace, at.name, listener.name), keyOf('Gateway', at.namespace, at.name, undefined));
    }
    const found = keys.find((key) => this.#invalid.has(key) || this.#byTarget.has(key));
    return found === undefined ? undefined : this.#invalid.get(found);
  }

  forRoute(route: Resource, rule: string | undefined): P | undefined {
    const { namespace, name } = route.metadata;
    return (
      (rule === undefined ? undefined : this.#find('HTTPRoute', namespace, name, rule)) ??
      this.#find('HTTPRoute', namespace, name, undefined)
    );
  }

  forGateway(gateway: Resource, listener: string): P | undefined {
    const { namespace, name } = gateway.metadata;
    return this.#find('Gateway', namespace, name, listener) ?? this.#find('Gateway', namespace, name, undefined);
  }

  #find(kind: string, namespace: string, name: string, section: string | undefined): P | undefined {
    // Twenty thousand rules without a policy of the kind need no twenty thousand keys.
    return this.#byTarget.size === 0 ? undefined : this.#byTarget.get(keyOf(kind, namespace, name, section));
  }
}

function sameEntries<V>(one: ReadonlyMap<string, V>, other: ReadonlyMap<string, V>, same: (a: V, b: V) => boolean): boolean {
  if (one.size !== other.size) return false;
  for (const [key, value] of other) {
    const there = one.get(key);
    if (there === undefined || !same(there, value)) return false;
  }
  return true;
}

/** Refuses a request for which a policy holds that has problems. */
export function brokenPolicy(name: string): GatewayError {
  return new GatewayError('TK_BROKEN_ROUTE', `${name} has problems, and holds for this route: nothing passes until they are mended`);
}

/** Names of the target's listeners or rules; undefined when there is no such target. */
function sectionsOf(scope: Scope, target: PolicyTarget, namespace: string): string[] | undefined {
  if (target.kind === 'Gateway')
    return scope.set.get(Gateway, namespace, target.name)?.body.spec.listeners.map((listener) => listener.name);
  const routes = [scope.set.get(HTTPRoute, namespace, target.name), scope.set.get(AIGatewayRoute, namespace, target.name)];
  if (routes.every((route) => route === undefined)) return undefined;
  return routes.flatMap((route) => route?.body.spec.rules.flatMap((rule) => rule.name ?? []) ?? []);
}

function keyOf(kind: string, namespace: string, name: string, section: string | undefined): string {
  return `${kind} ${namespace}/${name} ${section ?? ''}`;
}
