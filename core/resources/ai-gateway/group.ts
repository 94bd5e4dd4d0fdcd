/** API group of Envoy AI Gateway's kinds. */
export const AI_GATEWAY_GROUP = 'aigateway.envoyproxy.io';

/** Versions of all of its kinds but QuotaPolicy; the older one has the same shapes. */
export const AI_GATEWAY_VERSIONS = ['v1beta1', 'v1alpha1'] as const;
