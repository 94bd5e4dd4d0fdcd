import type { KubernetesObject } from '../kubernetes/resource.ts';

/** Annotation of the Services that the controller makes: `namespace/name` of the Gateway that one leads to. Longer than a label may be. */
export const OF_GATEWAY = 'tierkit.dev/gateway';

/** `namespace/name` of the Gateway that a Service leads to; undefined for all other Services. */
export function gatewayOf({ metadata }: KubernetesObject): string | undefined {
  return metadata.annotations?.[OF_GATEWAY];
}

interface Ports {
  readonly ports?: readonly { readonly port: number; readonly targetPort?: unknown }[];
}

/** Where the pods listen for the ports of Gateways, by `namespace/name/port`: as the Services say that lead to them. */
export function gatewayPorts(services: readonly KubernetesObject[]): Map<string, number> {
  const places = new Map<string, number>();
  for (const service of services) {
    const gateway = gatewayOf(service);
    if (gateway === undefined) continue;
    const { ports = [] } = (service['spec'] ?? {}) as Ports;
    for (const { port, targetPort } of ports) if (typeof targetPort === 'number') places.set(`${gateway}/${port}`, targetPort);
  }
  return places;
}
