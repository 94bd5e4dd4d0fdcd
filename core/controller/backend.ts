import { BackendSecurityPolicy } from '../resources/ai-gateway/backend-security-policy.ts';
import { Backend } from '../resources/envoy-gateway/backend.ts';
import { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';
import { Service } from '../resources/kubernetes/service.ts';
import { isFalse, isTrue, stampedAmongOthers, textsOf } from './conditions.ts';
import { backendsOf, refKey, refOf } from './reach.ts';
import { ancestorsOf, targetsOf } from './targets.ts';
import { type State, statusOf, type Verdict } from './view.ts';

const OWN = new Set(['Accepted']);

/** Envoy Gateway's Backends that our Gateways lead to, or ask who their clients are. The others may be another controller's. */
export function backends(state: State): Verdict[] {
  const asked = askedByPolicies(state);
  return state.view
    .objects(Backend)
    .filter((object) => state.reach.leadingTo(refOf(object)).size > 0 || asked.has(refKey(refOf(object))))
    .map((object) => {
      const problems = state.problems(object);
      const accepted = problems.length === 0 ? isTrue('Accepted', 'Accepted') : isFalse('Accepted', 'Invalid', textsOf(problems));
      const conditions = stampedAmongOthers([accepted], OWN, statusOf(object)['conditions'], state.stamp(object));
      return { object, status: { conditions } };
    });
}

/** What policies of our Gateways call by themselves: authorization servers, key sets. */
function askedByPolicies(state: State): ReadonlySet<string> {
  const { objects } = state.view;
  const policies = [
    ...objects(SecurityPolicy).filter((object) => targetsOf(object).some((target) => (ancestorsOf(target, state) ?? []).length > 0)),
    ...objects(BackendSecurityPolicy).filter((object) => targetsOf(object).some((target) => state.reach.leadingTo(target).size > 0)),
  ];
  return new Set(policies.flatMap((object) => backendsOf(object, Service).map(refKey)));
}
