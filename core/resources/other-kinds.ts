/** Kinds that often lie beside a gateway's resources and cannot change what a gateway process does. `group/Kind`. */
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  ...[
    'Namespace',
    'Pod',
    'ServiceAccount',
    'PersistentVolume',
    'PersistentVolumeClaim',
    'ResourceQuota',
    'LimitRange',
    'Endpoints',
    'Node',
    'Event',
  ].map((kind) => `/${kind}`),
  ...['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet'].map((kind) => `apps/${kind}`),
  ...['Job', 'CronJob'].map((kind) => `batch/${kind}`),
  'autoscaling/HorizontalPodAutoscaler',
  'policy/PodDisruptionBudget',
  'discovery.k8s.io/EndpointSlice',
  'networking.k8s.io/NetworkPolicy',
  ...['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'].map((kind) => `rbac.authorization.k8s.io/${kind}`),
  'apiextensions.k8s.io/CustomResourceDefinition',
  'gateway.envoyproxy.io/EnvoyProxy',
  ...['PodMonitor', 'ServiceMonitor', 'PrometheusRule'].map((kind) => `monitoring.coreos.com/${kind}`),
  ...['InferenceService', 'LLMInferenceService', 'LLMInferenceServiceConfig'].map((kind) => `serving.kserve.io/${kind}`),
  'scheduling.k8s.io/PriorityClass',
  'storage.k8s.io/StorageClass',
  'cert-manager.io/Certificate',
  'cert-manager.io/Issuer',
  'cert-manager.io/ClusterIssuer',
]);

/** Kinds that would change what a gateway does, and are not served: `group/Kind` → why. */
export const REFUSED_KINDS: Readonly<Record<string, string>> = {
  'gateway.networking.k8s.io/GRPCRoute': 'gRPC is not routed; only HTTPRoute and AIGatewayRoute are',
  'gateway.networking.k8s.io/TCPRoute': 'TCP is not routed; only HTTPRoute and AIGatewayRoute are',
  'gateway.networking.k8s.io/TLSRoute': 'TLS is not passed through; only HTTPRoute and AIGatewayRoute are routed',
  'gateway.networking.k8s.io/UDPRoute': 'UDP is not routed; only HTTPRoute and AIGatewayRoute are',
  'gateway.networking.k8s.io/ListenerSet': 'listeners are taken from the Gateway only',
  'gateway.envoyproxy.io/EnvoyPatchPolicy': 'there is no Envoy to patch',
  'gateway.envoyproxy.io/EnvoyExtensionPolicy': 'there is no Envoy to extend; see the plugins of tierkit',
  'gateway.envoyproxy.io/HTTPRouteFilter': 'filters by reference are not served',
  'networking.k8s.io/Ingress': 'use an HTTPRoute',
};
