import type { KubernetesObject } from '../kubernetes/resource.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import { atOnce, type Sliced } from '../resources/slices.ts';
import { aiResources, aiRoute } from './ai.ts';
import { backends } from './backend.ts';
import { gatewayClasses } from './gateway-class.ts';
import { gateways } from './gateway.ts';
import { httpRoute } from './http-route.ts';
import { ownKinds } from './own.ts';
import { attachedPolicies, backendTlsPolicies } from './policies.ts';
import { inferencePools } from './pool.ts';
import { namespaceOf, type OurRoute, refOf } from './reach.ts';
import { RouteStatuses } from './route-statuses.ts';
import { countAttachedRoutes, RouteVerdicts } from './routes.ts';
import { saysTheSame } from './same.ts';
import { type ControllerView, type DesiredStatus, State, type Verdict } from './view.ts';

export type { ControllerView, DesiredStatus } from './view.ts';

/**
 * The statuses that ought to be in a cluster and are not. Of what belongs to other controllers nothing is said, and what they wrote stays
 * as it is; of what is there already nothing is said again.
 */
export function desiredStatuses(view: ControllerView, now: Date): DesiredStatus[] {
  return atOnce(desiringStatuses(view, now, new RouteStatuses()));
}

/**
 * As {@link desiredStatuses}, in slices. What the view gives has to stay as it is meanwhile.
 * @param routes what was said of routes: of one that is as it was, it is not worked out again
 */
export function* desiringStatuses(view: ControllerView, now: Date, routes: RouteStatuses): Sliced<DesiredStatus[]> {
  const state = yield* State.of(view, now);
  yield* countAttachedRoutes(state);
  const verdicts = new RouteVerdicts(state);
  const all: DesiredStatus[] = [];
  for (const kind of KINDS) {
    for (const verdict of kind(state, verdicts)) all.push(...wanted(verdict));
    yield;
  }
  const ours = new Map<KubernetesObject, OurRoute>();
  for (const route of state.reach.routes(HTTPRoute)) {
    ours.set(route.object, route);
    yield;
  }
  for (const object of view.objects(HTTPRoute)) {
    const route = ours.get(object);
    all.push(...routes.of(HTTPRoute, object, route, state, () => wanted(httpRoute(object, route, state, verdicts))));
    yield;
  }
  for (const definition of [AIGatewayRoute, MCPRoute] as const) {
    for (const route of state.reach.routes(definition)) {
      all.push(...routes.of(definition, route.object, route, state, () => wanted(aiRoute(route, state, verdicts))));
      yield;
    }
  }
  return all;
}

const KINDS: readonly ((state: State, verdicts: RouteVerdicts) => Verdict[])[] = [
  gatewayClasses,
  gateways,
  aiResources,
  backends,
  inferencePools,
  attachedPolicies,
  backendTlsPolicies,
  ownKinds,
];

/** What is to be written for a verdict; nothing where it is there already. */
function wanted({ object, status }: Verdict): DesiredStatus[] {
  if (saysTheSame(object['status'], status)) return [];
  const { group, kind } = refOf(object);
  const { name, resourceVersion = '' } = object.metadata;
  return [{ kind: { group, kind }, namespace: namespaceOf(object), name, resourceVersion, status }];
}
