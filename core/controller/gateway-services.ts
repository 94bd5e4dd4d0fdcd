import { createHash } from 'node:crypto';

import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { Gateway } from '../resources/gateway-api/gateway.ts';
import { gatewayOf, gatewayPorts, OF_GATEWAY } from '../serve/gateway-service.ts';

/** How clients reach Gateways. */
export interface ServiceSettings {
  /** Whose Services they are: two tiers may share a namespace. */
  readonly controllerName: string;
  /** Where the pods of the data plane are, and the Services that lead to them. */
  readonly namespace: string;
  /** Labels of these pods. */
  readonly selector: Readonly<Record<string, string>>;
  readonly type: 'LoadBalancer' | 'ClusterIP' | 'NodePort';
  /** First of the ports that the pods listen on; each port of a Gateway gets one. */
  readonly firstPort: number;
}

export const MANAGED_BY = 'app.kubernetes.io/managed-by';
const MANAGER = 'tierkit';
/** Of Gateway API (GEP-1762). */
const GATEWAY_NAME = 'gateway.networking.k8s.io/gateway-name';
/** Annotation: the controller that made a Service. */
const OF_CONTROLLER = 'tierkit.dev/controller';
const MOST_PORTS = 10_000;

/** What leads to a Gateway. */
export interface GatewayPlace {
  readonly addresses: readonly { readonly type: 'IPAddress' | 'Hostname'; readonly value: string }[];
  /** Ports of the Gateway that lead somewhere. */
  readonly ports: ReadonlySet<number>;
}

interface ServiceSpec {
  readonly type?: string;
  readonly clusterIP?: string;
  readonly ports?: readonly { readonly port: number }[];
}

interface ServiceStatus {
  readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
}

/** The Services that there ought to be, one for each Gateway. A port that is listened on stays where it is. */
export function gatewayServices(
  gateways: readonly Gateway[],
  present: readonly KubernetesObject[],
  settings: ServiceSettings,
): KubernetesObject[] {
  const taken = gatewayPorts(managed(present, settings));
  const used = new Set(taken.values());
  const place = (key: string): number => {
    const known = taken.get(key);
    if (known !== undefined) return known;
    let port = settings.firstPort;
    while (used.has(port) && port < settings.firstPort + MOST_PORTS) port++;
    used.add(port);
    return port;
  };
  return gateways.map((gateway) => serviceOf(gateway, place, settings));
}

function serviceOf({ metadata, body }: Gateway, place: (key: string) => number, settings: ServiceSettings): KubernetesObject {
  const gateway = `${metadata.namespace}/${metadata.name}`;
  const { labels = {}, annotations = {} } = body.spec.infrastructure ?? {};
  const ports = [...new Set(body.spec.listeners.map(({ port }) => port))];
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: serviceName(metadata.namespace, metadata.name),
      namespace: settings.namespace,
      labels: { ...labels, ...(metadata.name.length > 63 ? {} : { [GATEWAY_NAME]: metadata.name }), [MANAGED_BY]: MANAGER },
      annotations: { ...annotations, [OF_GATEWAY]: gateway, [OF_CONTROLLER]: settings.controllerName },
    },
    spec: {
      type: settings.type,
      selector: settings.selector,
      ports: ports.map((port) => ({ name: `port-${port}`, port, protocol: 'TCP', targetPort: place(`${gateway}/${port}`) })),
    },
  };
}

/** A DNS label: what does not fit is cut, and told apart by a hash. */
function serviceName(namespace: string, name: string): string {
  const hash = createHash('sha256').update(`${namespace}/${name}`).digest('hex').slice(0, 8);
  const plain = `gw-${namespace}-${name}`.replaceAll('.', '-').slice(0, 54).replace(/-+$/, '');
  return `${plain}-${hash}`;
}

/** Services of ours whose Gateway is gone. */
export function leftServices(
  wanted: readonly KubernetesObject[],
  present: readonly KubernetesObject[],
  settings: ServiceSettings,
): KubernetesObject[] {
  const names = new Set(wanted.map(({ metadata }) => metadata.name));
  return managed(present, settings).filter(({ metadata }) => !names.has(metadata.name));
}

/** What leads to each Gateway, by `namespace/name`. */
export function gatewayPlaces(present: readonly KubernetesObject[], settings: ServiceSettings): ReadonlyMap<string, GatewayPlace> {
  return new Map(
    managed(present, settings).map((service) => {
      const { ports = [] } = specOf(service);
      return [gatewayOf(service)!, { addresses: addressesOf(service), ports: new Set(ports.map(({ port }) => port)) }];
    }),
  );
}

function addressesOf(service: KubernetesObject): GatewayPlace['addresses'] {
  const { type, clusterIP } = specOf(service);
  if (type !== 'LoadBalancer') return clusterIP === undefined || clusterIP === 'None' ? [] : [{ type: 'IPAddress', value: clusterIP }];
  const { loadBalancer } = (service['status'] ?? {}) as ServiceStatus;
  return (loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }): GatewayPlace['addresses'] => {
    if (ip !== undefined && ip !== '') return [{ type: 'IPAddress', value: ip } as const];
    return hostname === undefined || hostname === '' ? [] : [{ type: 'Hostname', value: hostname } as const];
  });
}

function managed(services: readonly KubernetesObject[], { namespace, controllerName }: ServiceSettings): KubernetesObject[] {
  return services.filter(
    (service) =>
      service.metadata.namespace === namespace &&
      service.metadata.deletionTimestamp === undefined &&
      service.metadata.labels?.[MANAGED_BY] === MANAGER &&
      service.metadata.annotations?.[OF_CONTROLLER] === controllerName &&
      gatewayOf(service) !== undefined,
  );
}

function specOf(service: KubernetesObject): ServiceSpec {
  return service['spec'] ?? {};
}

/** Whether an object has all that another one says; what others have added to it does not count. */
export function says(present: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) {
    return Array.isArray(present) && present.length === wanted.length && wanted.every((item, index) => says(present[index], item));
  }
  if (typeof wanted !== 'object' || wanted === null) return present === wanted;
  if (typeof present !== 'object' || present === null) return false;
  return Object.entries(wanted).every(([key, value]) => says((present as Record<string, unknown>)[key], value));
}
