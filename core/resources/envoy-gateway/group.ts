/** API group of Envoy Gateway's own kinds. */
export const ENVOY_GATEWAY_GROUP = 'gateway.envoyproxy.io';
