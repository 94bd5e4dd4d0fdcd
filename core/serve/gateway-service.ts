import type { KubernetesObject } from '../kubernetes/resource.ts';

/** Annotation of the Services that the controller makes: `namespace/name` of the Gateway that one leads to. Longer than a label may be. */
export const OF_GATEWAY = 'tierkit.dev/gateway';

/** `namespace/name` of the Gateway that a Service leads to; undefined for all other Services. */
export function gatewayOf({ metadata }: KubernetesObject): string | undefined {
  return metadata.annotations?.[OF_GATEWAY];
}
