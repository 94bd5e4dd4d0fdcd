import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import { entriesOf } from './entries.ts';
import type { OurRoute } from './reach.ts';
import type { RouteVerdicts } from './routes.ts';
import { type State, statusOf, type Verdict } from './view.ts';

/** Bound of the CRD. */
const MOST_PARENTS = 32;

/** Of the routes of our Gateways, and of those that were. */
export function httpRoutes(state: State, verdicts: RouteVerdicts): Verdict[] {
  const { controllerName, objects } = state.view;
  const routes = new Map<object, OurRoute>(state.reach.routes(HTTPRoute).map((route) => [route.object, route]));
  const list = { refField: 'parentRef', most: MOST_PARENTS, controllerName } as const;
  return objects(HTTPRoute).map((object): Verdict => {
    const route = routes.get(object);
    const verdict = route === undefined ? undefined : verdicts.of(route);
    const said = (verdict?.parents ?? []).map(({ ref, accepted }) => ({ ref, conditions: [accepted, verdict!.resolved] }));
    return { object, status: { parents: entriesOf(statusOf(object)['parents'], said, list, state.stamp(object)) } };
  });
}
