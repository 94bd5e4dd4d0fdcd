import { selects } from '../resources/gateway-api/label-selector.ts';
import { Gateway, type Listener } from '../resources/gateway-api/gateway.ts';
import type { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { ParentReference } from '../resources/gateway-api/parent-reference.ts';
import type { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import type { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { kindOf } from '../resources/references.ts';
import type { Metadata } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';
import type { Reason } from '../resources/reason.ts';

import type { Scope } from './scope.ts';

/** Of the kinds that this tier serves. */
export type AnyRoute = HTTPRoute | AIGatewayRoute | MCPRoute;

/** A listener that a route is attached to, and the host names under which. */
export interface Attachment {
  readonly gateway: Gateway;
  readonly listener: Listener;
  /** Host names that both have; `*` for any. */
  readonly hosts: readonly string[];
}

/** What became of one reference of a route to a parent. */
export interface ParentOutcome {
  readonly ref: ParentReference;
  readonly gateway: Gateway;
  /** Empty: the parent takes it nowhere. */
  readonly attachments: readonly Attachment[];
  readonly refused: { readonly path: string; readonly message: string; readonly reason: Reason } | undefined;
}

/** The Gateways that a route names. Reports a parent that takes it nowhere. @see Gateway API, ParentReference and AllowedRoutes */
export function parentsOf(route: AnyRoute, scope: Scope): ParentOutcome[] {
  const { parentRefs = [] } = route.body.spec;
  if (parentRefs.length === 0 && !scope.shared) scope.report(route, 'spec.parentRefs', 'is missing: the route is attached to no Gateway');
  return parentRefs.flatMap((ref, index): ParentOutcome[] => {
    const path = `spec.parentRefs[${index}]`;
    const namespace = ref.namespace ?? route.metadata.namespace;
    const gateway = ref.kind === 'Gateway' ? scope.set.get(Gateway, namespace, ref.name) : undefined;
    if (gateway === undefined) {
      if (scope.shared) return [];
      if (ref.kind !== 'Gateway') scope.report(route, `${path}.kind`, `a ${ref.kind} cannot be the parent of a route here; name a Gateway`);
      else scope.report(route, `${path}.name`, scope.references.missing('Gateway', namespace, ref.name));
      return [];
    }
    const outcome = attach(route, ref, path, gateway, scope);
    if (Array.isArray(outcome)) return [{ ref, gateway, attachments: outcome, refused: undefined }];
    scope.report(route, outcome.path, outcome.message, outcome.reason);
    return [{ ref, gateway, attachments: [], refused: outcome }];
  });
}

function attach(
  route: AnyRoute,
  ref: ParentReference,
  path: string,
  gateway: Gateway,
  scope: Scope,
): Attachment[] | NonNullable<ParentOutcome['refused']> {
  const { hostnames = [] } = route.body.spec;
  const { listeners } = gateway.body.spec;
  const { namespace, name } = gateway.metadata;
  const named = listeners.filter(
    (listener) => (ref.sectionName ?? listener.name) === listener.name && (ref.port ?? listener.port) === listener.port,
  );
  if (named.length === 0)
    return { path, message: `Gateway ${namespace}/${name} has ${missingListener(ref, listeners)}`, reason: 'NoMatchingParent' };
  const open = named.filter((listener) => allows(listener, gateway, route, scope));
  if (open.length === 0) {
    const where = `${named.length === 1 ? 'listener' : 'listeners'} ${named.map((listener) => listener.name).join(', ')}`;
    return {
      path,
      message: `Gateway ${namespace}/${name} takes no ${route.kind} from namespace ${route.metadata.namespace}: see allowedRoutes of its ${where}`,
      reason: 'NotAllowedByListeners',
    };
  }
  const attached = open
    .map((listener) => ({ gateway, listener, hosts: commonHosts(listener.hostname, hostnames) }))
    .filter(({ hosts }) => hosts.length > 0);
  if (attached.length > 0) return attached;
  return {
    path: 'spec.hostnames',
    message: `none of ${hostnames.join(', ')} is a host of Gateway ${namespace}/${name}: ${open.map(({ hostname }) => hostname).join(', ')}`,
    reason: 'NoMatchingListenerHostname',
  };
}

function missingListener({ sectionName, port }: { sectionName?: string; port?: number }, listeners: readonly Listener[]): string {
  if (sectionName === undefined) return `no listener on port ${port}; it has ${listeners.map((each) => each.port).join(', ')}`;
  const named = listeners.find(({ name }) => name === sectionName);
  if (named !== undefined) return `the listener "${sectionName}" on port ${named.port}, not ${port}`;
  const names = listeners.map(({ name }) => name);
  return `no listener "${sectionName}"${didYouMean(sectionName, names)}`;
}

function allows(listener: Listener, gateway: Gateway, route: AnyRoute, scope: Scope): boolean {
  const { namespaces, kinds } = listener.allowedRoutes;
  const { group, kind } = kindOf(route);
  // An AIGatewayRoute, and an MCPRoute, become HTTPRoutes in a cluster: where that may attach, it may.
  if (
    kinds !== undefined &&
    kinds.length > 0 &&
    !kinds.some((allowed) => allowed.kind === 'HTTPRoute' || (allowed.kind === kind && allowed.group === group))
  )
    return false;
  const { namespace } = route.metadata;
  switch (namespaces.from) {
    case 'All':
      return true;
    case 'Same':
      return namespace === gateway.metadata.namespace;
    case 'Selector':
      return namespaces.selector !== undefined && selects(namespaces.selector, labelsOf(namespace, scope));
  }
}

/** Labels of a namespace: those of its Namespace resource where one is loaded, and the one that every cluster gives. */
function labelsOf(namespace: string, scope: Scope): Metadata['labels'] {
  return { ...scope.namespaceLabels.get(namespace), 'kubernetes.io/metadata.name': namespace };
}

/** Host names that a listener and a route share, the narrower of each pair. */
export function commonHosts(listener: string | undefined, route: readonly string[]): string[] {
  if (route.length === 0) return [listener ?? '*'];
  if (listener === undefined) return [...route];
  return [...new Set(route.flatMap((host) => (covers(listener, host) ? [host] : covers(host, listener) ? [listener] : [])))];
}

/** Whether a name or wildcard holds for all that another one does. */
function covers(wide: string, narrow: string): boolean {
  if (wide === narrow) return true;
  return wide.startsWith('*.') && narrow.replace(/^\*/, '').endsWith(wide.slice(1)) && narrow.length > wide.length - 1;
}
