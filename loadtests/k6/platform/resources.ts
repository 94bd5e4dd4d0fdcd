/** Tenants and what they may use: TENANTS_URL is a tier one with these. */
export interface TenantLimit {
  /** Tokens of an hour for each. */
  readonly tokensAnHour: number;
  /** API keys by tenant. */
  readonly keys: Readonly<Record<string, string>>;
}

const header = (model: string): string => `{headers: [{name: x-ai-eg-model, value: ${JSON.stringify(model)}}]}`;

const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: load}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
`;

const route = (model: string, backend: string, more = ''): string => `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: models}
spec:
  parentRefs: [{name: load}]${more}
  rules: [{matches: [${header(model)}], backendRefs: [${backend}]}]
`;

const backend = (urls: readonly string[]): string => `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: upstream}
spec: {schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: upstream}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: upstream}
spec: {endpoints: [${urls.map(endpointOf).join(', ')}]}
`;

function endpointOf(url: string): string {
  const { hostname, port } = new URL(url);
  const address = hostname.replace(/^\[|\]$/g, '');
  const number = port === '' ? 80 : Number(port);
  return /^[\d.]+$|:/.test(address)
    ? `{ip: {address: ${JSON.stringify(address)}, port: ${number}}}`
    : `{fqdn: {hostname: ${address}, port: ${number}}}`;
}

/** Tier one without tier two: the pods take turns. */
export function tierOneAlone(model: string, pods: readonly string[]): string {
  const turns = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: turns}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: models}], loadBalancer: {type: RoundRobin}}
`;
  return [GATEWAY, backend(pods), route(model, '{name: upstream}'), turns].join('---');
}

/** Tier two that anyone may call: it is started without tier one's keys. */
export function tierTwoAlone(model: string, pods: readonly string[]): string {
  const pool = `
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pods, annotations: {tierkit.dev/endpoints: ${JSON.stringify(pods.map((url) => new URL(url).host).join(','))}}}
spec: {selector: {matchLabels: {app: load}}, targetPorts: [{number: 8000}]}
`;
  return [GATEWAY, pool, route(model, '{group: inference.networking.k8s.io, kind: InferencePool, name: pods}')].join('---');
}

/** Tier one for tenants with a key and a limit of tokens each, in front of a tier two. */
export function tenants(model: string, tierTwo: string, { keys, tokensAnHour }: TenantLimit): string {
  const costs = '\n  llmRequestCosts: [{metadataKey: total_tokens, type: TotalToken}]';
  const rules = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: tenants}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: load}]
  apiKeyAuth:
    credentialRefs: [{name: keys}]
    extractFrom: [{headers: [Authorization]}]
    forwardClientIDHeader: x-tenant
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: ${JSON.stringify(keys)}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: tenants}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: models}]
  rateLimit:
    type: Global
    global:
      rules:
        - clientSelectors: [{headers: [{name: x-tenant, type: Distinct}]}]
          limit: {requests: ${tokensAnHour}, unit: Hour}
          cost:
            request: {from: Number, number: 0}
            response: {from: Metadata, metadata: {namespace: io.envoy.ai_gateway, key: total_tokens}}
`;
  return [GATEWAY, backend([tierTwo]), route(model, '{name: upstream}', costs), rules].join('---');
}
