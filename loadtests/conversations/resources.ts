const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
`;

const route = (ref: string): string => `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: m}
spec:
  parentRefs: [{name: gw}]
  rules: [{matches: [{headers: [{name: x-ai-eg-model, value: m}]}], backendRefs: [${ref}]}]
`;

const backend = (addresses: readonly string[], annotations: string): string => `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: b, annotations: {${annotations}}}
spec: {schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: b}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: b}
spec: {endpoints: [${addresses.map(endpoint).join(', ')}]}
`;

function endpoint(address: string): string {
  const [host, port] = address.split(':');
  return `{ip: {address: ${host}, port: ${port}}}`;
}

/** Tier two: one pool of these pods. */
export function tierTwoYaml(pods: readonly string[]): string {
  const pool = `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: p, annotations: {tierkit.dev/endpoints: "${pods.join(',')}"}}
spec: {selector: {matchLabels: {app: m}}, targetPorts: [{number: 8000}]}
`;
  return [GATEWAY, pool, route('{group: inference.networking.k8s.io, kind: InferencePool, name: p}')].join('---');
}

/** Tier one in front of a tier two. */
export function tierOneYaml(tierTwo: string): string {
  return [GATEWAY, backend([new URL(tierTwo).host], 'tierkit.dev/tier-two: models'), route('{name: b}')].join('---');
}

/** Tier one alone, which gives each pod its turn. */
export function roundRobinYaml(pods: readonly string[]): string {
  const policy = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: rr}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: m}], loadBalancer: {type: RoundRobin}}
`;
  return [GATEWAY, backend(pods, ''), route('{name: b}'), policy].join('---');
}
