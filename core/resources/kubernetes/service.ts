import { isIP } from 'node:net';

import { map, reportRepeated } from '../gateway-api/collections.ts';
import { checkLabelKeys } from '../gateway-api/label-keys.ts';
import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { object, oneOf, PortNumber, type Static, text, Type } from '../schema.ts';

const ServicePort = object({
  name: Type.Optional(text(63, 1, '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')),
  protocol: oneOf(['TCP', 'UDP', 'SCTP'], { default: 'TCP' }),
  /** What is spoken on the port: an IANA name such as `http`, or a name with a domain such as `kubernetes.io/h2c`. */
  appProtocol: Type.Optional(Type.String()),
  port: PortNumber,
  /** Port of the pods, or the name of one; the same as `port` when absent. */
  targetPort: Type.Optional(
    Type.Unsafe<number | string>({
      type: ['integer', 'string'],
      minimum: 1,
      maximum: 65_535,
      maxLength: 15,
      pattern: '^(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?$',
      description: 'port number or name of a port (up to 15 of a-z, 0-9 and "-", one letter at least)',
    }),
  ),
  nodePort: Type.Optional(Type.Unknown()),
});
export type ServicePort = Static<typeof ServicePort>;

/** Say how a cluster makes the Service reachable, which a process on a laptop has no part in. */
const ofTheCluster = {
  allocateLoadBalancerNodePorts: Type.Optional(Type.Unknown()),
  clusterIPs: Type.Optional(Type.Unknown()),
  externalIPs: Type.Optional(Type.Unknown()),
  externalTrafficPolicy: Type.Optional(Type.Unknown()),
  healthCheckNodePort: Type.Optional(Type.Unknown()),
  internalTrafficPolicy: Type.Optional(Type.Unknown()),
  ipFamilies: Type.Optional(Type.Unknown()),
  ipFamilyPolicy: Type.Optional(Type.Unknown()),
  loadBalancerClass: Type.Optional(Type.Unknown()),
  loadBalancerIP: Type.Optional(Type.Unknown()),
  loadBalancerSourceRanges: Type.Optional(Type.Unknown()),
  publishNotReadyAddresses: Type.Optional(Type.Unknown()),
  sessionAffinity: Type.Optional(Type.Unknown()),
  sessionAffinityConfig: Type.Optional(Type.Unknown()),
  trafficDistribution: Type.Optional(Type.Unknown()),
};

export const Service = defineKind({
  kind: 'Service',
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: object({
    spec: object({
      type: oneOf(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'], { default: 'ClusterIP' }),
      /** Host that stands behind a Service of type ExternalName. */
      externalName: Type.Optional(Type.String()),
      /** An address, or `None` for a headless Service. */
      clusterIP: Type.Optional(Type.String()),
      ports: Type.Optional(Type.Array(ServicePort)),
      /** Labels of the pods. */
      selector: Type.Optional(map(text(63, 0, '^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$'))),
      ...ofTheCluster,
    }),
  }),
  refused: {},
  rules({ spec }, report) {
    const { type, externalName, clusterIP = '', ports = [] } = spec;
    if (type === 'ExternalName') checkExternalName(externalName, clusterIP, report);
    else if (clusterIP !== '' && clusterIP !== 'None' && isIP(clusterIP) === 0) {
      report('spec.clusterIP', `"${clusterIP}" is neither an IP address nor None`);
    } else if (clusterIP === 'None' && type !== 'ClusterIP') report('spec.clusterIP', `must not be None for type ${type}`);
    else if (ports.length === 0 && clusterIP !== 'None') report('spec.ports', 'is required');
    checkPorts(ports, report);
    checkLabelKeys(spec.selector ?? {}, 'spec.selector', report);
  },
});
export type Service = ResourceOf<typeof Service>;

const HOSTNAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\.?$/;

function checkExternalName(externalName: string | undefined, clusterIP: string, report: Report): void {
  if (externalName === undefined || externalName === '') report('spec.externalName', 'is required for type ExternalName');
  else if (externalName.length > 253 || !HOSTNAME.test(externalName)) report('spec.externalName', `"${externalName}" is no host name`);
  if (clusterIP !== '') report('spec.clusterIP', 'must not be set for type ExternalName');
}

function checkPorts(ports: readonly ServicePort[], report: Report): void {
  for (const [index, { name }] of ports.entries()) {
    if (name === undefined && ports.length > 1) report(`spec.ports[${index}].name`, 'is required when a Service has several ports');
  }
  reportRepeated(
    ports,
    ({ name }) => name,
    (index) => `spec.ports[${index}].name`,
    ({ name }) => `another port is called "${name}" too`,
    report,
  );
  reportRepeated(
    ports,
    ({ port, protocol }) => `${port} ${protocol}`,
    (index) => `spec.ports[${index}].port`,
    ({ port, protocol }) => `port ${port} with protocol ${protocol} stands here twice`,
    report,
  );
}
