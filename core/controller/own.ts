import type { KubernetesObject } from '../kubernetes/resource.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { GroupKind } from '../resources/kind.ts';
import type { Problem } from '../resources/problem.ts';
import { Budget } from '../resources/tierkit/budget.ts';
import { MCPToolLock } from '../resources/tierkit/mcp-tool-lock.ts';
import { PriceTable } from '../resources/tierkit/price-table.ts';
import { TokenExchange } from '../resources/tierkit/token-exchange.ts';
import { TracePolicy } from '../resources/tierkit/trace-policy.ts';
import { isFalse, isTrue, stamped, textsOf } from './conditions.ts';
import { targetsOf, withoutOthers } from './targets.ts';
import { type State, statusOf, type Verdict } from './view.ts';

/**
 * Our own kinds. Both tiers may look at one TracePolicy, and say the same of it: neither speaks of the other's Gateways. Money and MCP are
 * the first tier's.
 */
export function ownKinds(state: State): Verdict[] {
  const { objects, servesPools } = state.view;
  const kinds: readonly GroupKind[] = servesPools ? [TracePolicy] : [Budget, MCPToolLock, PriceTable, TokenExchange, TracePolicy];
  return kinds.flatMap(objects).map((object) => {
    const problems = withoutOthers(object, state.problems(object), state);
    const accepted =
      problems.length === 0
        ? isTrue('Accepted', 'Accepted')
        : isFalse(
            'Accepted',
            problems.every((problem) => isOfLostTarget(problem, object, state)) ? 'TargetNotFound' : 'Invalid',
            textsOf(problems),
          );
    return { object, status: { conditions: stamped([accepted], statusOf(object)['conditions'], state.stamp(object)) } };
  });
}

/** What may be meant by the kind of a target. */
const TARGETS: Readonly<Record<string, readonly GroupKind[]>> = {
  Gateway: [Gateway],
  // An HTTPRoute is also the AIGatewayRoute of that name.
  HTTPRoute: [HTTPRoute, AIGatewayRoute],
  AIGatewayRoute: [AIGatewayRoute],
  MCPRoute: [MCPRoute],
};

/** Whether a problem is that nobody has what the object is for: one that is there with problems of its own is another matter. */
function isOfLostTarget({ path }: Problem, object: KubernetesObject, state: State): boolean {
  const target = targetsOf(object).find((each) => path === `${each.path}.name`);
  if (target === undefined) return false;
  const { kind, namespace, name } = target;
  return !(TARGETS[kind] ?? []).some((each) => state.exists(each, `${namespace}/${name}`));
}
