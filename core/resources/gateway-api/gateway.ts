import { isIP } from 'node:net';

import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import {
  Group,
  Hostname,
  KindName,
  list,
  Namespace,
  object,
  ObjectName,
  oneOf,
  PortNumber,
  SectionName,
  type Static,
  text,
  Type,
} from '../schema.ts';
import { map, reportRepeated, withDefault } from './collections.ts';
import { checkLabelKeys } from './label-keys.ts';
import { checkSelector, LabelSelector } from './label-selector.ts';
import { LocalObjectReference, SecretObjectReference } from './object-reference.ts';

const ListenerTls = object({
  mode: oneOf(['Terminate'], { default: 'Terminate' }),
  /** Secrets of type kubernetes.io/tls; a client gets the first one that has the name which it asks for, else the first. */
  certificateRefs: Type.Optional(list(SecretObjectReference, 64)),
});

const Listener = object({
  name: SectionName,
  hostname: Type.Optional(Hostname),
  port: PortNumber,
  protocol: oneOf(['HTTP', 'HTTPS']),
  /** Of HTTPS. */
  tls: Type.Optional(ListenerTls),
  allowedRoutes: withDefault(
    object({
      namespaces: withDefault(
        object({
          from: oneOf(['All', 'Selector', 'Same'], { default: 'Same' }),
          /** Labels of the namespaces from which routes may attach; only `Selector` looks at it. */
          selector: Type.Optional(LabelSelector),
        }),
        { from: 'Same' },
      ),
      kinds: Type.Optional(list(object({ group: withDefault(Group, 'gateway.networking.k8s.io'), kind: KindName }), 8)),
    }),
    { namespaces: { from: 'Same' } },
  ),
});
/** One door of a Gateway: a port, and the host names that are answered on it. */
export type Listener = Static<typeof Listener>;

const Address = object({
  type: withDefault(
    text(
      253,
      1,
      "^Hostname|IPAddress|NamedAddress|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$",
    ),
    'IPAddress',
  ),
  value: Type.Optional(text(253, 0)),
});

/** How the certificates of clients are checked. */
const FrontendTls = object({
  validation: Type.Optional(
    object({
      caCertificateRefs: list(object({ group: Group, kind: KindName, name: ObjectName, namespace: Type.Optional(Namespace) }), 16, 1),
      /** `AllowInsecureFallback` lets those pass as well that have none, or a wrong one. */
      mode: oneOf(['AllowValidOnly', 'AllowInsecureFallback'], { default: 'AllowValidOnly' }),
    }),
  ),
});

const PASSED_ON = 'TLS is terminated here: what passes through unread cannot be routed by what HTTP says';

export const Gateway = defineKind({
  kind: 'Gateway',
  group: 'gateway.networking.k8s.io',
  versions: ['v1', 'v1beta1'],
  namespaced: true,
  schema: object({
    spec: object({
      gatewayClassName: ObjectName,
      listeners: list(Listener, 64, 1),
      /** Addresses that a cluster is asked for. A process listens where its settings say. */
      addresses: Type.Optional(list(Address, 16)),
      /** What a cluster writes on the objects that it makes for the Gateway. */
      infrastructure: Type.Optional(
        object({
          labels: Type.Optional(map(text(63, 0, '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$'), { maxProperties: 8 })),
          annotations: Type.Optional(map(text(4096, 0), { maxProperties: 16 })),
          parametersRef: Type.Optional(LocalObjectReference),
        }),
      ),
      tls: Type.Optional(
        object({
          /** What backends with TLS are shown. */
          backend: Type.Optional(object({ clientCertificateRef: Type.Optional(SecretObjectReference) })),
          /** Of HTTPS listeners: those of a port that `perPort` names, and the others. */
          frontend: Type.Optional(
            object({ default: FrontendTls, perPort: Type.Optional(list(object({ port: PortNumber, tls: FrontendTls }), 64)) }),
          ),
        }),
      ),
    }),
  }),
  refused: {
    'spec.listeners[].protocol=TLS': PASSED_ON,
    'spec.listeners[].tls.mode=Passthrough': PASSED_ON,
    'spec.listeners[].tls.options': 'versions and ciphers are those of Node',
    'spec.listeners[].protocol=TCP': 'requests are routed by what HTTP says; bare connections are not',
    'spec.listeners[].protocol=UDP': 'requests are routed by what HTTP says; datagrams are not',
    'spec.allowedListeners': 'a Gateway has the listeners that it lists itself; ListenerSets are not read',
    'spec.defaultScope': 'a route attaches to the Gateways that its parentRefs name, and to no other',
  },
  rules({ spec }, report) {
    checkListeners(spec.listeners, report);
    checkAddresses(spec.addresses ?? [], report);
    reportRepeated(
      spec.tls?.frontend?.perPort ?? [],
      ({ port }) => String(port),
      (index) => `spec.tls.frontend.perPort[${index}].port`,
      ({ port }) => `port ${port} has its settings already`,
      report,
    );
    checkLabelKeys(spec.infrastructure?.labels ?? {}, 'spec.infrastructure.labels', report);
    checkLabelKeys(spec.infrastructure?.annotations ?? {}, 'spec.infrastructure.annotations', report);
  },
});
export type Gateway = ResourceOf<typeof Gateway>;

function checkListeners(listeners: readonly Listener[], report: Report): void {
  reportRepeated(
    listeners,
    (listener) => listener.name,
    (index) => `spec.listeners[${index}].name`,
    (listener) => `another listener is called "${listener.name}" too`,
    report,
  );
  reportRepeated(
    listeners,
    (listener) => `${listener.port} ${listener.protocol} ${listener.hostname ?? ''}`,
    (index) => `spec.listeners[${index}]`,
    (listener) =>
      `another listener has port ${listener.port}, protocol ${listener.protocol} and ${listener.hostname === undefined ? 'no hostname' : `hostname ${listener.hostname}`} too`,
    report,
  );
  for (const [index, listener] of listeners.entries()) {
    const { from, selector } = listener.allowedRoutes.namespaces;
    checkTls(listener, `spec.listeners[${index}].tls`, report);
    const path = `spec.listeners[${index}].allowedRoutes.namespaces.selector`;
    if (selector !== undefined) checkSelector(selector, path, report);
    else if (from === 'Selector') report(path, 'is required when namespaces.from is Selector');
  }
}

function checkTls({ protocol, tls }: Listener, path: string, report: Report): void {
  if (protocol === 'HTTP' && tls !== undefined) report(path, 'is for protocol HTTPS, not for HTTP');
  if (protocol === 'HTTPS' && (tls?.certificateRefs ?? []).length === 0)
    report(`${path}.certificateRefs`, 'is required for protocol HTTPS');
}

const HOSTNAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

function checkAddresses(addresses: readonly Static<typeof Address>[], report: Report): void {
  const seen = new Set<string>();
  for (const [index, { type, value }] of addresses.entries()) {
    if (value === undefined || (type !== 'IPAddress' && type !== 'Hostname')) continue;
    const path = `spec.addresses[${index}].value`;
    if (type === 'IPAddress' && isIP(value) === 0) report(path, `"${value}" is no IPv4 or IPv6 address`);
    if (type === 'Hostname' && !HOSTNAME.test(value)) report(path, `"${value}" is no host name`);
    if (seen.has(`${type} ${value}`)) report(path, `"${value}" stands here twice`);
    seen.add(`${type} ${value}`);
  }
}
