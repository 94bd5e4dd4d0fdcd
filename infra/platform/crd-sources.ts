const GITHUB = 'https://github.com/kubernetes-sigs';

/** Where the CRDs of an API group come from: what its makers publish, by their own instructions. */
const SOURCES: readonly (readonly [RegExp, string])[] = [
  [/^gateway\.networking\.k8s\.io$/, `kubectl apply --server-side -f ${GITHUB}/gateway-api/releases/download/v1.6.1/standard-install.yaml`],
  [
    /^inference\.networking\.(x-)?k8s\.io$/,
    `kubectl apply --server-side -f ${GITHUB}/gateway-api-inference-extension/releases/download/v1.6.0/manifests.yaml`,
  ],
  [
    /^aigateway\.envoyproxy\.io$/,
    'helm upgrade -i aieg-crd oci://docker.io/envoyproxy/ai-gateway-crds-helm -n envoy-ai-gateway-system --create-namespace',
  ],
  [
    /^gateway\.envoyproxy\.io$/,
    'helm template eg oci://docker.io/envoyproxy/gateway-crds-helm --set crds.envoyGateway.enabled=true | kubectl apply --server-side -f -',
  ],
  [/^llm-d\.ai$/, 'the router of llm-d: https://github.com/llm-d/llm-d-router/tree/main/config/crd/bases'],
  [/^tierkit\.dev$/, 'npx tierkit crds | kubectl apply --server-side -f -'],
  [/^serving\.kserve\.io$/, 'KServe: https://kserve.github.io/website/docs/admin-guide/overview'],
  [/^monitoring\.coreos\.com$/, 'the Prometheus operator: https://prometheus-operator.dev/docs/getting-started/installation/'],
  [/^keda\.sh$/, 'KEDA: https://keda.sh/docs/latest/deploy/'],
  [/^external-secrets\.io$/, 'the External Secrets Operator: https://external-secrets.io/latest/introduction/getting-started/'],
  [/^cert-manager\.io$/, 'cert-manager: https://cert-manager.io/docs/installation/'],
];

/** @returns a command, or where to read */
export function howToInstall(group: string): string {
  return SOURCES.find(([pattern]) => pattern.test(group))?.[1] ?? `whatever brings ${group} to a cluster`;
}
