import type { GroupKind } from '../resources/kind.ts';
import { Budget } from '../resources/tierkit/budget.ts';
import { PriceTable } from '../resources/tierkit/price-table.ts';
import { TracePolicy } from '../resources/tierkit/trace-policy.ts';
import { isFalse, isTrue, stamped, textsOf } from './conditions.ts';
import { withoutOthers } from './targets.ts';
import { type State, statusOf, type Verdict } from './view.ts';

/**
 * Our own kinds. Both tiers may look at one TracePolicy, and say the same of it: neither speaks of the other's Gateways. Money is the first
 * tier's.
 */
export function ownKinds(state: State): Verdict[] {
  const { objects, servesPools } = state.view;
  const kinds: readonly GroupKind[] = servesPools ? [TracePolicy] : [Budget, PriceTable, TracePolicy];
  return kinds.flatMap(objects).map((object) => {
    const problems = withoutOthers(object, state.problems(object), state);
    const accepted = problems.length === 0 ? isTrue('Accepted', 'Accepted') : isFalse('Accepted', 'Invalid', textsOf(problems));
    return { object, status: { conditions: stamped([accepted], statusOf(object)['conditions'], state.stamp(object)) } };
  });
}
