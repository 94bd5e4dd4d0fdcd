import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { Resource } from '../resources/kind.ts';
import type { Problem } from '../resources/problem.ts';
import type { Reason } from '../resources/reason.ts';
import type { Sliced } from '../resources/slices.ts';
import type { ParentOutcome } from '../route/attach.ts';
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
export function routeVerdict(
  definition: typeof HTTPRoute | typeof AIGatewayRoute | typeof MCPRoute,
  route: OurRoute,
  state: State,
): RouteVerdict {
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
  readonly #state: State;
  readonly #verdicts = new Map<OurRoute, RouteVerdict>();

  constructor(state: State) {
    this.#state = state;
  }

  /** Undefined for a route of another kind. */
  of(route: OurRoute): RouteVerdict | undefined {
    const known = this.#verdicts.get(route);
    if (known !== undefined) return known;
    const definition = [HTTPRoute, AIGatewayRoute, MCPRoute].find(({ kind }) => kind === route.object.kind);
    if (definition === undefined) return undefined;
    const verdict = routeVerdict(definition, route, this.#state);
    this.#verdicts.set(route, verdict);
    return verdict;
  }

  /** Whether a Gateway takes a route somewhere. @param gateway `namespace/name` */
  accepts(route: OurRoute, gateway: string): boolean {
    const parents = this.of(route)?.parents ?? [];
    return parents.some((parent) => parent.gateway === gateway && parent.accepted.status === 'True');
  }
}

/** How many accepted routes are attached to each listener, by `namespace/gateway/listener`. */
export function attachedRoutes({ attached }: State): ReadonlyMap<string, number> {
  return attached;
}

/** Counts them for {@link attachedRoutes}, in slices. */
export function* countAttachedRoutes(state: State): Sliced<void> {
  const counts = new Map<string, number>();
  for (const [route, outcomes] of state.view.compiled.routes) {
    if (!isAccepted(state.foundOf(route))) continue;
    for (const listener of listenersOf(outcomes)) counts.set(listener, (counts.get(listener) ?? 0) + 1);
    yield;
  }
  state.attached = counts;
}

/** Of outcomes that are remembered, and stay the same from one configuration to the next. */
const LISTENERS = new WeakMap<readonly ParentOutcome[], ReadonlySet<string>>();

function listenersOf(outcomes: readonly ParentOutcome[]): ReadonlySet<string> {
  let listeners = LISTENERS.get(outcomes);
  if (listeners === undefined) {
    const names = outcomes.flatMap(({ attachments }) =>
      attachments.map(({ gateway: { metadata }, listener }) => `${metadata.namespace}/${metadata.name}/${listener.name}`),
    );
    listeners = new Set(names);
    LISTENERS.set(outcomes, listeners);
  }
  return listeners;
}
