import type { KubernetesObject } from '../kubernetes/resource.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import type { Problem } from '../resources/problem.ts';
import { type Condition, isFalse, isTrue, stampedAmongOthers, textsOf } from './conditions.ts';
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts';
import type { GatewayPlace } from './gateway-services.ts';
import { clientsOf, FRONTEND, insecureOf } from './frontend.ts';
import { type GivenListener, LISTENER_CONDITIONS, listenerVerdict, type ListenerVerdict } from './listener.ts';
import { attachedRoutes } from './routes.ts';
import { type State, statusOf, type Verdict } from './view.ts';

const OWN = new Set(['Accepted', 'Programmed', 'ResolvedRefs', 'InsecureFrontendValidationMode']);
/** Bound of the CRD. */
const MOST_ADDRESSES = 16;

/** Of the Gateways of our classes. */
export function gateways(state: State): Verdict[] {
  const attached = attachedRoutes(state);
  const listening = new Set(state.view.compiled.ports.flatMap(({ listeners }) => listeners.map(({ name }) => name)));
  return [...state.gateways].map(([place, object]) => {
    const { listeners, others } = givenOf(place, object, listening, state);
    const verdicts = listeners.map((listener) => listenerVerdict(listener, listeners));
    const leading = state.view.places.get(place);
    const spec = fieldsOf(object['spec']);
    const accepted = acceptedOf(
      spec,
      state.own(object).filter(({ path }) => !LISTENER.test(path)),
      verdicts,
    );
    const conditions = [accepted, programmedOf(spec, accepted, verdicts, leading), resolvedOf(others), ...insecureOf(spec)];
    const before = new Map(listOf(statusOf(object)['listeners']).map((each) => [fieldsOf(each)['name'], fieldsOf(each)['conditions']]));
    return {
      object,
      status: {
        addresses: (leading?.addresses ?? []).slice(0, MOST_ADDRESSES),
        conditions: stampedAmongOthers(conditions, OWN, statusOf(object)['conditions'], state.stamp(object)),
        listeners: verdicts.map(({ name, supportedKinds, conditions: said }) => ({
          name,
          supportedKinds,
          attachedRoutes: attached.get(`${place}/${name}`) ?? 0,
          conditions: stampedAmongOthers(said, LISTENER_CONDITIONS, before.get(name), state.stamp(object)),
        })),
      },
    };
  });
}

const LISTENER = /^spec\.listeners\[(\d+)\]/;

function isOfGateway({ path }: Problem): boolean {
  return !LISTENER.test(path) && !path.startsWith(FRONTEND);
}

/** Listeners as written, with the problems of each; `others` are those that the Gateway has beside other resources and no listener has. */
function givenOf(
  place: string,
  object: KubernetesObject,
  listening: ReadonlySet<string>,
  state: State,
): { readonly listeners: GivenListener[]; readonly others: readonly Problem[] } {
  const written = listOf(fieldsOf(object['spec'])['listeners']).map(fieldsOf);
  const served = (state.resource(Gateway, object)?.body.spec.listeners ?? []).map(({ name }) => name);
  const own = byListener(
    state.own(object),
    written.map(({ name }) => textOf(name)),
  );
  // The compiler counts the listeners that are served.
  const found = byListener(state.found(object), served);
  const listeners = written.flatMap((spec, index): GivenListener[] => {
    const name = textOf(spec['name']);
    // Of two with one name a status can tell nothing.
    if (name === undefined || written.findIndex((other) => other['name'] === name) !== index) return [];
    const clients = clientsOf(spec, fieldsOf(object['spec']), state.found(object));
    return [
      {
        name,
        spec,
        own: own.get(name) ?? [],
        found: [...(found.get(name) ?? []), ...clients.problems],
        knowsNoClient: clients.isNone,
        isServed: served.includes(name),
        isListening: listening.has(`${place}/${name}`),
      },
    ];
  });
  return { listeners, others: state.found(object).filter(isOfGateway) };
}

function byListener(problems: readonly Problem[], names: readonly (string | undefined)[]): ReadonlyMap<string | undefined, Problem[]> {
  return Map.groupBy(
    problems.filter(({ path }) => LISTENER.test(path)),
    ({ path }) => names[Number(LISTENER.exec(path)![1])],
  );
}

function acceptedOf(spec: Fields, own: readonly Problem[], listeners: readonly ListenerVerdict[]): Condition {
  if (fieldsOf(spec['infrastructure'])['parametersRef'] !== undefined)
    return isFalse('Accepted', 'InvalidParameters', 'spec.infrastructure.parametersRef: a Gateway has no parameters; leave the field out');
  if (own.length > 0) return isFalse('Accepted', 'Invalid', textsOf(own));
  const unknown = requested(spec).filter(({ type }) => type !== 'IPAddress' && type !== 'Hostname');
  if (unknown.length > 0)
    return isFalse(
      'Accepted',
      'UnsupportedAddress',
      `spec.addresses: ${unknown.map(({ type }) => type).join(', ')} is no type of address here; use IPAddress or Hostname`,
    );
  const refused = listeners.filter(({ isAccepted }) => !isAccepted);
  if (refused.length === 0) return isTrue('Accepted', 'Accepted');
  const texts = textsOf(refused.flatMap(({ wrong }) => wrong));
  const isNone = refused.length === listeners.length;
  return isNone ? isFalse('Accepted', 'ListenersNotValid', texts) : isTrue('Accepted', 'ListenersNotValid', texts);
}

function programmedOf(
  spec: Fields,
  accepted: Condition,
  listeners: readonly ListenerVerdict[],
  leading: GatewayPlace | undefined,
): Condition {
  if (accepted.status !== 'True') return isFalse('Programmed', 'Invalid', accepted.message);
  if (leading === undefined) return isFalse('Programmed', 'Pending', 'no Service leads to it yet');
  const { addresses } = leading;
  if (addresses.length === 0) return isFalse('Programmed', 'AddressNotAssigned', 'its Service has no address yet');
  const missed = requested(spec).filter(
    ({ type, value }) => value !== undefined && !addresses.some((each) => each.type === type && each.value === value),
  );
  if (missed.length > 0)
    return isFalse(
      'Programmed',
      'AddressNotUsable',
      `spec.addresses: its Service does not have ${valuesOf(missed)}; it has ${valuesOf(addresses)}`,
    );
  if (listeners.some(({ isProgrammed }) => isProgrammed)) return isTrue('Programmed', 'Programmed');
  const isLater = listeners.some(({ isAccepted, wrong }) => isAccepted && wrong.length === 0);
  if (isLater) return isFalse('Programmed', 'Pending', 'none of its listeners is reached yet');
  return isFalse('Programmed', 'Invalid', textsOf(listeners.flatMap(({ wrong }) => wrong)));
}

/** What it names in annotations and the like. */
function resolvedOf(others: readonly Problem[]): Condition {
  if (others.length === 0) return isTrue('ResolvedRefs', 'ResolvedRefs');
  return isFalse('ResolvedRefs', others[0]!.reason ?? 'InvalidParameters', textsOf(others));
}

function valuesOf(addresses: readonly { readonly value: string | undefined }[]): string {
  return addresses.map(({ value }) => value).join(', ');
}

interface Requested {
  readonly type: string;
  readonly value: string | undefined;
}

function requested(spec: Fields): Requested[] {
  return listOf(spec['addresses'])
    .map(fieldsOf)
    .map(({ type, value }) => ({ type: textOf(type) ?? 'IPAddress', value: textOf(value) }));
}
