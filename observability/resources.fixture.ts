// For tests: resources of a platform in which everything happens that is measured.

const GATEWAY = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
`;

/** @param pods `host:port` each */
export function tierTwoYaml(pods: readonly string[]): string {
  return `${GATEWAY}---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: demo, annotations: {tierkit.dev/endpoints: "${pods.join(',')}"}}
spec: {selector: {matchLabels: {app: demo}}, targetPorts: [{number: 8000}]}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: demo}
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{headers: [{name: x-ai-eg-model, value: demo}]}]
      backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: demo}]
`;
}

function backendYaml(name: string, port: number, annotations = ''): string {
  return `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: ${name}${annotations}}
spec: {schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: ${name}}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: ${name}}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]}
`;
}

/** @param refs backendRefs, each `name` or `name: model that it is asked for` */
function routeYaml(model: string, refs: readonly (readonly [backend: string, override?: string])[]): string {
  const items = refs.map(
    ([name, override], priority) =>
      `{name: ${name}, priority: ${priority}${override === undefined ? '' : `, modelNameOverride: ${override}`}}`,
  );
  return `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: ${model}}
spec:
  parentRefs: [{name: gw}]
  llmRequestCosts: [{metadataKey: total_tokens, type: TotalToken}]
  rules:
    - matches: [{headers: [{name: x-ai-eg-model, value: ${model}}]}]
      backendRefs: [${items.join(', ')}]
`;
}

const MONEY = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: teams}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  apiKeyAuth:
    credentialRefs: [{name: teams}]
    extractFrom: [{headers: [Authorization, x-api-key]}]
    forwardClientIDHeader: x-team
---
apiVersion: v1
kind: Secret
metadata: {name: teams}
stringData: {team-a: key-of-team-a, team-b: key-of-team-b}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: narrow}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: narrow}]
  rateLimit:
    type: Global
    global:
      rules:
        - clientSelectors: [{headers: [{name: x-team, type: Distinct}]}]
          limit: {requests: 1, unit: Hour}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: retried}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: retried}]
  retry: {numRetries: 1, retryOn: {httpStatusCodes: [500]}}
---
apiVersion: tierkit.dev/v1alpha1
kind: PriceTable
metadata: {name: prices}
spec:
  currency: USD
  entries:
    - model: priced
      prices: {input: "2", cachedInput: "0.50", output: "8"}
---
apiVersion: tierkit.dev/v1alpha1
kind: Budget
metadata: {name: teams}
spec:
  per: Client
  amount: "100"
  currency: USD
  window: {unit: Month, timeZone: Europe/Berlin}
  mode: Soft
`;

export function tierOneYaml({ tierTwo, provider }: { readonly tierTwo: number; readonly provider: number }): string {
  return [
    GATEWAY,
    backendYaml('tier-two', tierTwo, ', annotations: {tierkit.dev/tier-two: models}'),
    backendYaml('provider', provider),
    backendYaml('spare', provider),
    backendYaml('bad', provider),
    routeYaml('demo', [['tier-two']]),
    routeYaml('priced', [['provider']]),
    routeYaml('narrow', [['provider']]),
    routeYaml('falls-back', [
      ['bad', 'fail-500'],
      ['spare', 'good'],
    ]),
    routeYaml('retried', [['bad', 'fail-500']]),
    routeYaml('overloaded', [['bad', 'fail-503']]),
    routeYaml('throttled', [['spare', 'fail-429']]),
    MONEY,
  ].join('\n---\n');
}
