import type { KubernetesObject } from '../kubernetes/resource.ts';
import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import { BackendSecurityPolicy } from '../resources/ai-gateway/backend-security-policy.ts';
import { GatewayConfig } from '../resources/ai-gateway/gateway-config.ts';
import { QuotaPolicy } from '../resources/ai-gateway/quota-policy.ts';
import type { Problem } from '../resources/problem.ts';
import { type Condition, isFalse, isTrue, stampedAmongOthers, textsOf } from './conditions.ts';
import { namespaceOf, type OurRoute, placeOf, refOf } from './reach.ts';
import type { RouteVerdict, RouteVerdicts } from './routes.ts';
import { targetsOf } from './targets.ts';
import { type State, statusOf, type Verdict } from './view.ts';

/** Types that the reference writes, and ours. */
const OWN = new Set(['Accepted', 'NotAccepted', 'ResolvedRefs']);
const CONFIG_ANNOTATION = 'aigateway.envoyproxy.io/gateway-config';

/**
 * Envoy AI Gateway's kinds but its routes. Their conditions belong to no controller by name, so only those are spoken of that our
 * Gateways lead to: the others may be another controller's.
 */
export function aiResources(state: State): Verdict[] {
  const { objects } = state.view;
  const isReached = (object: KubernetesObject): boolean => state.reach.leadingTo(refOf(object)).size > 0;
  const isOfReached = (object: KubernetesObject): boolean => targetsOf(object).some((target) => state.reach.leadingTo(target).size > 0);
  const configs = new Set([...state.gateways.values()].map(configOf));
  return [
    ...objects(AIServiceBackend).filter(isReached),
    ...objects(BackendSecurityPolicy).filter(isOfReached),
    ...objects(QuotaPolicy).filter(isOfReached),
    ...objects(GatewayConfig).filter((object) => configs.has(placeOf(object))),
  ].map((object) => verdictOf(object, saidOf(state.problems(object)), state));
}

/** Of an AIGatewayRoute or MCPRoute of our Gateways. */
export function aiRoute(route: OurRoute, state: State, verdicts: RouteVerdicts): Verdict {
  return verdictOf(route.object, saidOfRoute(verdicts.of(route)!), state);
}

function configOf(gateway: KubernetesObject): string {
  return `${namespaceOf(gateway)}/${gateway.metadata.annotations?.[CONFIG_ANNOTATION] ?? ''}`;
}

function saidOf(problems: readonly Problem[]): Condition[] {
  return problems.length === 0 ? [accepted('')] : notAccepted(textsOf(problems));
}

/** A condition cannot say which of several Gateways it speaks of: the route is accepted where one of them takes it. */
function saidOfRoute({ parents, resolved }: RouteVerdict): Condition[] {
  const refused = parents.filter((parent) => parent.accepted.status !== 'True');
  const text = [...new Set(refused.map(({ gateway, accepted: { message } }) => `Gateway ${gateway}: ${message}`))].join('; ');
  if (refused.length < parents.length) return [resolved, accepted(text)];
  const isLater = parents.every((parent) => parent.accepted.status === 'Unknown');
  return isLater ? [resolved, parents[0]!.accepted] : [resolved, ...notAccepted(text)];
}

function accepted(message: string): Condition {
  return isTrue('Accepted', 'ReconciliationSucceeded', message);
}

/** `kubectl get` shows the type of the last condition; `kubectl wait` looks for Accepted. */
function notAccepted(message: string): Condition[] {
  return [isFalse('Accepted', 'ReconciliationFailed', message), isTrue('NotAccepted', 'ReconciliationFailed', message)];
}

function verdictOf(object: KubernetesObject, said: readonly Condition[], state: State): Verdict {
  return { object, status: { conditions: stampedAmongOthers(said, OWN, statusOf(object)['conditions'], state.stamp(object)) } };
}
