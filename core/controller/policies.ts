import type { KubernetesObject } from '../kubernetes/resource.ts';
import { BackendTrafficPolicy } from '../resources/envoy-gateway/backend-traffic-policy.ts';
import { ClientTrafficPolicy } from '../resources/envoy-gateway/client-traffic-policy.ts';
import { SecurityPolicy } from '../resources/envoy-gateway/security-policy.ts';
import { BackendTLSPolicy } from '../resources/gateway-api/backend-tls-policy.ts';
import type { GroupKind } from '../resources/kind.ts';
import type { Problem } from '../resources/problem.ts';
import { areAllLost, type Condition, isFalse, isPending, isTrue, lostAt, textsOf } from './conditions.ts';
import { entriesOf, type Said } from './entries.ts';
import { fieldsOf, listOf } from './fields.ts';
import { ancestorsOf, gatewayRef, targetsOf, withoutOthers } from './targets.ts';
import { type State, statusOf, type Verdict } from './view.ts';

/** Bound of the CRDs. */
const MOST_ANCESTORS = 16;

/** Policies for Gateways and routes. */
export function attachedPolicies(state: State): Verdict[] {
  return [SecurityPolicy, BackendTrafficPolicy, ClientTrafficPolicy].flatMap((definition: GroupKind) =>
    state.view.objects(definition).map((object) => verdictOf(object, saidOfPolicy(object, state), state)),
  );
}

function saidOfPolicy(object: KubernetesObject, state: State): Said[] {
  const problems = withoutOthers(object, state.problems(object), state);
  const conditions = [acceptedOf(problems)];
  return targetsOf(object).flatMap((target): Said[] => {
    const { path, ...ref } = target;
    const ancestors = ancestorsOf(target, state);
    if (ancestors !== undefined) return ancestors.map((each) => ({ ref: each, conditions }));
    const missing = problems.filter((problem) => problem.path.startsWith(path));
    const text = missing.length > 0 ? textsOf(missing) : `${path}: there is no ${target.kind} ${target.namespace}/${target.name}`;
    return [{ ref, conditions: [isFalse('Accepted', 'TargetNotFound', text)] }];
  });
}

function acceptedOf(problems: readonly Problem[]): Condition {
  if (problems.length === 0) return isTrue('Accepted', 'Accepted');
  const reason = problems.map((problem) => problem.reason).find((each) => each === 'Conflicted' || each === 'TargetNotFound');
  return isFalse('Accepted', reason ?? 'Invalid', textsOf(problems));
}

/** Policies for what Gateways lead to. */
export function backendTlsPolicies(state: State): Verdict[] {
  return state.view.objects(BackendTLSPolicy).map((object) => {
    const places = new Set(targetsOf(object).flatMap((target) => [...state.reach.leadingTo(target).keys()]));
    const conditions = tlsConditions(object, state);
    const said = [...places].map((place) => ({ ref: gatewayRef(place), conditions }));
    return verdictOf(object, said, state);
  });
}

const CERTIFICATES = 'spec.validation.caCertificateRefs';

function tlsConditions(object: KubernetesObject, state: State): Condition[] {
  const own = state.own(object);
  const found = state.found(object);
  if (own.length > 0)
    return [isFalse('Accepted', 'Invalid', textsOf(own)), isPending('ResolvedRefs', 'certificates are looked up once the policy is right')];
  const lost = lostAt(CERTIFICATES, found);
  const [first] = lost;
  const resolved =
    first === undefined
      ? isTrue('ResolvedRefs', 'ResolvedRefs')
      : isFalse('ResolvedRefs', first.reason ?? 'InvalidCACertificateRef', textsOf(lost));
  // One good certificate is enough.
  const refs = listOf(fieldsOf(fieldsOf(object['spec'])['validation'])['caCertificateRefs']);
  const isNone = first !== undefined && areAllLost(lost, refs.length);
  const problems = isNone ? found : found.filter((problem) => !lost.includes(problem));
  if (problems.length === 0) return [isTrue('Accepted', 'Accepted'), resolved];
  return [isFalse('Accepted', tlsReason(isNone, found), textsOf(problems)), resolved];
}

function tlsReason(isNone: boolean, found: readonly Problem[]): string {
  if (found.some(({ reason }) => reason === 'Conflicted')) return 'Conflicted';
  if (isNone) return 'NoValidCACertificate';
  return found.some(({ path, reason }) => reason === 'TargetNotFound' || /^spec\.targetRefs\[\d+\]\.(name|sectionName)$/.test(path))
    ? 'TargetNotFound'
    : 'Invalid';
}

function verdictOf(object: KubernetesObject, said: readonly Said[], state: State): Verdict {
  const list = { refField: 'ancestorRef', most: MOST_ANCESTORS, controllerName: state.view.controllerName } as const;
  return { object, status: { ancestors: entriesOf(statusOf(object)['ancestors'], said, list, state.stamp(object)) } };
}
