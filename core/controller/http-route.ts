import type { KubernetesObject } from '../kubernetes/resource.ts';
import { entriesOf } from './entries.ts';
import type { OurRoute } from './reach.ts';
import type { RouteVerdicts } from './routes.ts';
import { type State, statusOf, type Verdict } from './view.ts';

/** Bound of the CRD. */
const MOST_PARENTS = 32;

/** Of a route of our Gateways, and of one that was. @param route undefined: it has no parents of ours */
export function httpRoute(object: KubernetesObject, route: OurRoute | undefined, state: State, verdicts: RouteVerdicts): Verdict {
  const list = { refField: 'parentRef', most: MOST_PARENTS, controllerName: state.view.controllerName } as const;
  const verdict = route === undefined ? undefined : verdicts.of(route);
  const said = (verdict?.parents ?? []).map(({ ref, accepted }) => ({ ref, conditions: [accepted, verdict!.resolved] }));
  return { object, status: { parents: entriesOf(statusOf(object)['parents'], said, list, state.stamp(object)) } };
}
