import { InferencePool } from '../resources/inference/inference-pool.ts';
import { groupOf } from '../resources/kind.ts';
import type { Problem } from '../resources/problem.ts';
import { type Condition, isFalse, isPending, isTrue, textsOf } from './conditions.ts';
import { entriesOf, type Said } from './entries.ts';
import { namespaceOf, type OurRoute, placeOf, type Ref, refOf } from './reach.ts';
import type { RouteVerdicts } from './routes.ts';
import { gatewayRef } from './targets.ts';
import { type State, statusOf, type Verdict } from './view.ts';

/** Bound of the CRD. */
const MOST_PARENTS = 32;

/** Of the pools that routes of our Gateways lead to, and of those that they did. Only for a tier that serves pools. */
export function inferencePools(state: State, verdicts: RouteVerdicts): Verdict[] {
  const { controllerName, objects, servesPools } = state.view;
  if (!servesPools) return [];
  const list = { refField: 'parentRef', most: MOST_PARENTS, controllerName } as const;
  return objects(InferencePool).map((object): Verdict => {
    const pool = refOf(object);
    const own = state.own(object);
    const found = state.found(object);
    const said = [...state.reach.leadingTo(pool)].flatMap(([gateway, all]): Said[] => {
      const routes = all.filter((route) => mayName(route, pool, state));
      if (routes.length === 0) return [];
      const accepted = acceptedOf(own, found, routes, (route) => verdicts.accepts(route, gateway));
      return [{ ref: gatewayRef(gateway), conditions: [accepted, resolvedOf(own, found)] }];
    });
    return { object, status: { parents: entriesOf(statusOf(object)['parents'], said, list, state.stamp(object)) } };
  });
}

/** A pool is not told of routes that may not name it. */
function mayName({ object }: OurRoute, pool: Ref, state: State): boolean {
  const from = { group: groupOf(object.apiVersion), kind: object.kind };
  return state.references.permitted(from, namespaceOf(object), pool, pool.namespace, pool.name);
}

function acceptedOf(
  own: readonly Problem[],
  found: readonly Problem[],
  routes: readonly OurRoute[],
  isAccepted: (route: OurRoute) => boolean,
): Condition {
  if (own.length > 0) return isFalse('Accepted', 'NotSupportedByParent', textsOf(own));
  if (!routes.some(isAccepted)) {
    const names = routes.map(({ object }) => `${object.kind} ${placeOf(object)}`).join(', ');
    return isFalse('Accepted', 'HTTPRouteNotAccepted', `the Gateway does not accept ${names}`);
  }
  const missing = found.filter(({ reason }) => reason === 'EndpointPickerRefMissing');
  if (missing.length > 0) return isFalse('Accepted', 'EndpointPickerRefMissing', textsOf(missing));
  const others = found.filter((problem) => !isOfPicker(problem));
  return others.length === 0 ? isTrue('Accepted', 'Accepted') : isFalse('Accepted', 'NotSupportedByParent', textsOf(others));
}

function resolvedOf(own: readonly Problem[], found: readonly Problem[]): Condition {
  if (own.length > 0) return isPending('ResolvedRefs', 'the endpoint picker is looked up once the pool itself is right');
  const lost = found.filter(isOfPicker);
  return lost.length === 0 ? isTrue('ResolvedRefs', 'ResolvedRefs') : isFalse('ResolvedRefs', 'InvalidExtensionRef', textsOf(lost));
}

function isOfPicker({ path, reason }: Problem): boolean {
  return reason === 'InvalidExtensionRef' || (reason === undefined && path.startsWith('spec.endpointPickerRef'));
}
