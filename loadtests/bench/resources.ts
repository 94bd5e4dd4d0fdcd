/** A client's key that the configurations with key auth know. */
export const CLIENT_KEY = 'bench-client-key-0123456789abcdef';
export const MODEL = 'mock-1';
/** What the reference allows in one AIGatewayRoute. */
export const RULES_PER_ROUTE = 15;

/** A Gateway in front of one OpenAI upstream that gets a key of its own; with or without keys of clients. Routes come apart. */
export function baseYaml(upstreamPort: number, keyAuth: boolean): string {
  return `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: bench}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: bench, namespace: default}
spec: {gatewayClassName: bench, listeners: [{name: http, protocol: HTTP, port: 1975}]}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: mock, namespace: default}
spec: {schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: mock}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: mock, namespace: default}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${upstreamPort}}}]}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: mock, namespace: default}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: mock}]
  type: APIKey
  apiKey: {secretRef: {name: mock-key}}
---
apiVersion: v1
kind: Secret
metadata: {name: mock-key, namespace: default}
type: Opaque
stringData: {apiKey: not-a-secret}
${keyAuth ? KEY_AUTH : ''}`;
}

const KEY_AUTH = `---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: clients, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: bench}]
  apiKeyAuth:
    credentialRefs: [{name: client-keys}]
    extractFrom: [{headers: [Authorization, x-api-key]}]
---
apiVersion: v1
kind: Secret
metadata: {name: client-keys, namespace: default}
type: Opaque
stringData: {bench: ${CLIENT_KEY}}
`;

/** An AIGatewayRoute with a rule for each model. */
export function routeYaml(name: string, models: readonly string[]): string {
  const rules = models.map(
    (model) => `  - matches: [{headers: [{type: Exact, name: x-ai-eg-model, value: ${model}}]}]
    backendRefs: [{name: mock}]
`,
  );
  return `---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: ${name}, namespace: default}
spec:
  parentRefs: [{name: bench}]
  rules:
${rules.join('')}`;
}

/** Many routes of {@link RULES_PER_ROUTE} rules, each rule with a model of its own. @param edit gives one model another name */
export function manyRoutesYaml(routes: number, edit?: { readonly from: string; readonly to: string }): string {
  return Array.from({ length: routes }, (_, route) =>
    routeYaml(
      `many-${route}`,
      Array.from({ length: RULES_PER_ROUTE }, (_unused, rule) => {
        const model = `model-${route}-${rule}`;
        return model === edit?.from ? edit.to : model;
      }),
    ),
  ).join('');
}
