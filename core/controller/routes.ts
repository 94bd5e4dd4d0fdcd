import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { Resource } from '../resources/kind.ts';
import type { Problem } from '../resources/problem.ts';
import type { Reason } from '../resources/reason.ts';
import { isAccepted } from '../route/compile.ts';
import { type Condition, isFalse, isPending, isTrue, textsOf } from './conditions.ts';
import type { OurRoute, ParentRef } from './reach.ts';
import { isSame } from './same.ts';
import type { State } from './view.ts';

/** What one parent of ours says of a route. */
export interface ParentVerdict {
  readonly ref: ParentRef;
  /** `namespace/name`. */
  readonly gateway: string;
  readonly accepted: Condition;
}

export interface RouteVerdict {
  readonly parents: readonly ParentVerdict[];
  readonly resolved: Condition;
}

const REFERENCES: ReadonlySet<Reason | undefined> = new Set<Reason>([
  'BackendNotFound',
  'InvalidKind',
  'RefNotPermitted',
  'UnsupportedProtocol',
]);

/** What is said of a route that is attached to HTTP listeners, with regard to each of its parents of ours. */
export function routeVerdict(definition: typeof HTTPRoute | typeof AIGatewayRoute, route: OurRoute, state: State): RouteVerdict {
  const { object, parents } = route;
  const own = state.own(object);
  const resource: Resource | undefined = state.resource<typeof HTTPRoute>(definition as typeof HTTPRoute, object);
  if (own.length > 0 || resource === undefined) {
    const accepted = own.length > 0 ? isFalse('Accepted', 'UnsupportedValue', textsOf(own)) : isPending('Accepted', NOT_READ);
    const after = 'what it refers to is looked up once the route itself is right';
    return { parents: parents.map((parent) => ({ ...parent, accepted })), resolved: isPending('ResolvedRefs', after) };
  }
  const found = state.found(object);
  const outcomes = state.view.compiled.routes.get(resource);
  return {
    parents: parents.map(({ ref, gateway }) => {
      const outcome = outcomes?.find((each) => isSame(each.ref, ref));
      if (outcome !== undefined) return { ref, gateway, accepted: acceptedBy(outcome.refused, found) };
      const accepted = state.view.loaded.set.isInvalid('Gateway', ...(gateway.split('/') as [string, string]))
        ? isFalse('Accepted', 'NoMatchingParent', `Gateway ${gateway} has problems of its own: see its status`)
        : isPending('Accepted', NOT_READ);
      return { ref, gateway, accepted };
    }),
    resolved: outcomes === undefined ? isPending('ResolvedRefs', NOT_READ) : resolvedOf(found),
  };
}

const NOT_READ = 'the gateway has not read it yet';

function acceptedBy(refused: (Pick<Problem, 'path' | 'message'> & { readonly reason: Reason }) | undefined, found: readonly Problem[]) {
  const wrong = found.filter((problem) => !isAccepted([problem]));
  if (refused !== undefined) return isFalse('Accepted', refused.reason, textsOf([refused, ...wrong]));
  if (wrong.length > 0) return isFalse('Accepted', 'UnsupportedValue', textsOf(wrong));
  return isTrue('Accepted', 'Accepted');
}

function resolvedOf(found: readonly Problem[]): Condition {
  const lost = found.filter(({ reason }) => REFERENCES.has(reason));
  const [first] = lost;
  if (first === undefined) return isTrue('ResolvedRefs', 'ResolvedRefs');
  return isFalse('ResolvedRefs', first.reason!, textsOf(lost));
}

/** Every route that is attached to HTTP listeners of ours, with its verdict. */
export class RouteVerdicts {
  readonly #verdicts = new Map<OurRoute, RouteVerdict>();

  constructor(state: State) {
    for (const definition of [HTTPRoute, AIGatewayRoute] as const)
      for (const route of state.reach.routes(definition)) this.#verdicts.set(route, routeVerdict(definition, route, state));
  }

  of(route: OurRoute): RouteVerdict | undefined {
    return this.#verdicts.get(route);
  }

  /** Whether a Gateway takes a route somewhere. @param gateway `namespace/name` */
  accepts(route: OurRoute, gateway: string): boolean {
    const parents = this.#verdicts.get(route)?.parents ?? [];
    return parents.some((parent) => parent.gateway === gateway && parent.accepted.status === 'True');
  }
}

/** How many accepted routes are attached to each listener, by `namespace/gateway/listener`. */
export function attachedRoutes(state: State): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [route, outcomes] of state.view.compiled.routes) {
    if (!isAccepted(state.found(route))) continue;
    const listeners = outcomes.flatMap(({ attachments }) =>
      attachments.map(({ gateway: { metadata }, listener }) => `${metadata.namespace}/${metadata.name}/${listener.name}`),
    );
    for (const listener of new Set(listeners)) counts.set(listener, (counts.get(listener) ?? 0) + 1);
  }
  return counts;
}
