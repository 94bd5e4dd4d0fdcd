import { aiResources } from './ai.ts';
import { backends } from './backend.ts';
import { gatewayClasses } from './gateway-class.ts';
import { gateways } from './gateway.ts';
import { httpRoutes } from './http-route.ts';
import { ownKinds } from './own.ts';
import { attachedPolicies, backendTlsPolicies } from './policies.ts';
import { inferencePools } from './pool.ts';
import { namespaceOf, refOf } from './reach.ts';
import { RouteVerdicts } from './routes.ts';
import { saysTheSame } from './same.ts';
import { type ControllerView, type DesiredStatus, State } from './view.ts';

export type { ControllerView, DesiredStatus } from './view.ts';

/**
 * The statuses that ought to be in a cluster and are not. Of what belongs to other controllers nothing is said, and what they wrote stays
 * as it is; of what is there already nothing is said again.
 */
export function desiredStatuses(view: ControllerView, now: Date): DesiredStatus[] {
  const state = new State(view, now);
  const verdicts = new RouteVerdicts(state);
  const all = [
    ...gatewayClasses(state),
    ...gateways(state),
    ...httpRoutes(state, verdicts),
    ...aiResources(state, verdicts),
    ...backends(state),
    ...inferencePools(state, verdicts),
    ...attachedPolicies(state),
    ...backendTlsPolicies(state),
    ...ownKinds(state),
  ];
  return all.flatMap(({ object, status }): DesiredStatus[] => {
    if (saysTheSame(object['status'], status)) return [];
    const { group, kind } = refOf(object);
    const { name, resourceVersion = '' } = object.metadata;
    return [{ kind: { group, kind }, namespace: namespaceOf(object), name, resourceVersion, status }];
  });
}
