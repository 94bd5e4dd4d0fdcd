import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import type { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import type { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { Problem } from '../resources/problem.ts';
import type { ParentOutcome } from '../route/attach.ts';
import { sameItems } from '../same-items.ts';
import type { OurRoute } from './reach.ts';
import { isSame } from './same.ts';
import type { DesiredStatus, State } from './view.ts';

/** What the status of a route is made of, and what is to be written of it. */
interface Judged {
  readonly parents: OurRoute['parents'];
  readonly found: readonly Problem[];
  readonly outcomes: readonly ParentOutcome[] | undefined;
  readonly wanted: readonly DesiredStatus[];
}

const NO_PARENTS: OurRoute['parents'] = [];

/** What ought to be written of routes, by the object that the cluster has. */
export class RouteStatuses {
  readonly #judged = new WeakMap<KubernetesObject, Judged>();

  /** @param route undefined: it has no parents of ours */
  of(
    definition: typeof HTTPRoute | typeof AIGatewayRoute | typeof MCPRoute,
    object: KubernetesObject,
    route: OurRoute | undefined,
    state: State,
    judge: () => readonly DesiredStatus[],
  ): readonly DesiredStatus[] {
    const resource = state.resource<typeof HTTPRoute>(definition as typeof HTTPRoute, object);
    const parents = route?.parents ?? NO_PARENTS;
    const outcomes = resource && state.view.compiled.routes.get(resource);
    // Of one that cannot be read, or was not, it depends on others what is said.
    const plain =
      route === undefined ||
      (resource !== undefined && parents.every(({ ref }) => outcomes?.some((each) => isSame(each.ref, ref)) === true));
    if (!plain || state.own(object).length > 0) return judge();
    const found = resource === undefined ? [] : state.foundOf(resource);
    const known = this.#judged.get(object);
    if (known !== undefined && known.outcomes === outcomes && sameParents(known.parents, parents) && sameItems(known.found, found))
      return known.wanted;
    const wanted = judge();
    this.#judged.set(object, { parents, found, outcomes, wanted });
    return wanted;
  }
}

function sameParents(one: OurRoute['parents'], other: OurRoute['parents']): boolean {
  return one.length === other.length && one.every(({ ref }, index) => ref === other[index]!.ref);
}
