import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { GroupKind } from '../resources/kind.ts';
import type { Problem } from '../resources/problem.ts';
import { type Condition, isFalse, isTrue, textsOf } from './conditions.ts';
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts';

/** A listener of a Gateway, as its user wrote it. */
export interface GivenListener {
  readonly name: string;
  readonly spec: Fields;
  /** Of the listener, by itself. */
  readonly own: readonly Problem[];
  /** Of the listener, beside the other resources. */
  readonly found: readonly Problem[];
  /** Whether it is to verify its clients, and none could be. */
  readonly knowsNoClient: boolean;
  /** Whether the Gateway has this listener as it is served. */
  readonly isServed: boolean;
  /** Whether connections to it reach a process that listens. */
  readonly isListening: boolean;
}

export interface ListenerVerdict {
  readonly name: string;
  readonly supportedKinds: readonly GroupKind[];
  readonly conditions: readonly Condition[];
  readonly isAccepted: boolean;
  readonly isProgrammed: boolean;
  /** What is wrong with it, where something is. */
  readonly wrong: readonly Problem[];
}

/** Types of conditions that we write on a listener. */
export const LISTENER_CONDITIONS = new Set(['Accepted', 'Conflicted', 'ResolvedRefs', 'Programmed']);

const PROTOCOLS = new Set(['HTTP', 'HTTPS']);
const ROUTES: readonly GroupKind[] = [
  { group: HTTPRoute.group, kind: HTTPRoute.kind },
  { group: AIGatewayRoute.group, kind: AIGatewayRoute.kind },
  { group: MCPRoute.group, kind: MCPRoute.kind },
];
const REFERENCES = new Set<Problem['reason']>([
  'InvalidCACertificateKind',
  'InvalidCACertificateRef',
  'InvalidCertificateRef',
  'RefNotPermitted',
]);

/** @param others listeners of the same Gateway */
export function listenerVerdict(given: GivenListener, others: readonly GivenListener[]): ListenerVerdict {
  const { name, own, found } = given;
  const isSpoken = PROTOCOLS.has(textOf(given.spec['protocol']) ?? '');
  const conflict = found.filter(({ reason }) => reason === 'Conflicted');
  const kinds = kindsOf(given.spec);
  const supportedKinds = isSpoken ? kinds.supported : [];
  const accepted = acceptedOf(given, isSpoken, conflict);
  const resolved = resolvedOf(given, kinds.unknown);
  const isAccepted = accepted.status === 'True';
  const isProgrammed = isAccepted && given.isListening;
  const programmed = programmedOf(isAccepted, isProgrammed, resolved);
  const conflicted =
    conflict.length === 0
      ? isFalse('Conflicted', 'NoConflicts', '')
      : isTrue('Conflicted', conflictReason(given, others), textsOf(conflict));
  const wrong = [...own, ...found];
  return { name, supportedKinds, conditions: [accepted, conflicted, resolved, programmed], isAccepted, isProgrammed, wrong };
}

function acceptedOf({ own, found, knowsNoClient, isServed }: GivenListener, isSpoken: boolean, conflict: readonly Problem[]): Condition {
  if (!isSpoken) return isFalse('Accepted', 'UnsupportedProtocol', textsOf(own));
  if (own.length > 0) return isFalse('Accepted', 'UnsupportedValue', textsOf(own));
  if (conflict.length > 0) return isFalse('Accepted', 'Invalid', textsOf(conflict));
  if (knowsNoClient) return isFalse('Accepted', 'NoValidCACertificate', textsOf(found));
  if (!isServed)
    return isFalse('Accepted', 'Invalid', 'nothing of the Gateway is served while another part of it is wrong: see its conditions');
  return isTrue('Accepted', 'Accepted');
}

function resolvedOf({ found }: GivenListener, unknown: readonly string[]): Condition {
  const lost = found.filter(({ reason }) => REFERENCES.has(reason));
  const [first] = lost;
  if (first !== undefined) return isFalse('ResolvedRefs', first.reason!, textsOf(lost));
  if (unknown.length === 0) return isTrue('ResolvedRefs', 'ResolvedRefs');
  const served = ROUTES.map(({ group, kind }) => `${kind} of ${group}`).join(' and ');
  return isFalse('ResolvedRefs', 'InvalidRouteKinds', `allowedRoutes.kinds: ${unknown.join(', ')} cannot be attached here; ${served} can`);
}

function programmedOf(isAccepted: boolean, isProgrammed: boolean, resolved: Condition): Condition {
  if (isProgrammed) return isTrue('Programmed', 'Programmed');
  if (!isAccepted) return isFalse('Programmed', 'Invalid', 'the listener is not accepted');
  if (resolved.status === 'False' && resolved.reason !== 'InvalidRouteKinds')
    return isFalse('Programmed', 'Invalid', `there is no certificate to show: ${resolved.message}`);
  return isFalse('Programmed', 'Pending', 'no Service leads to its port yet');
}

/** Of the kinds that may attach, those that are served, and what the others are called. */
function kindsOf(spec: Fields): { readonly supported: GroupKind[]; readonly unknown: string[] } {
  const kinds = listOf(fieldsOf(spec['allowedRoutes'])['kinds']).map(fieldsOf);
  if (kinds.length === 0) return { supported: ROUTES.slice(0, 1), unknown: [] };
  const named = kinds.map(({ group, kind }) => ({ group: textOf(group) ?? HTTPRoute.group, kind: String(kind) }));
  const isKnown = (each: GroupKind): boolean => ROUTES.some(({ group, kind }) => group === each.group && kind === each.kind);
  const unknown = named.filter((each) => !isKnown(each)).map(({ group, kind }) => `${kind} of ${group}`);
  return { supported: named.filter(isKnown), unknown };
}

/** Two protocols cannot share a port; two listeners of one protocol can, by their hosts. */
function conflictReason({ name, spec }: GivenListener, others: readonly GivenListener[]): string {
  const sharing = others.filter((other) => other.name !== name && other.spec['port'] === spec['port']);
  return sharing.some((other) => other.spec['protocol'] !== spec['protocol']) ? 'ProtocolConflict' : 'HostnameConflict';
}
