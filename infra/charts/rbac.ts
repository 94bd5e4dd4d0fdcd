import { kplus } from '../k8s.ts';
import type { Sheet } from './sheet.ts';

const { k8s } = kplus;

export interface AccessRule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface Account {
  readonly name: string;
  readonly namespace: string;
}

const READ = ['get', 'list', 'watch'];
const PATCH = ['patch'];

const AI_GATEWAY = ['aigatewayroutes', 'aiservicebackends', 'backendsecuritypolicies', 'gatewayconfigs', 'mcproutes', 'quotapolicies'];
const ENVOY_GATEWAY = ['backends', 'backendtrafficpolicies', 'clienttrafficpolicies', 'securitypolicies'];
const TIERKIT = ['budgets', 'mcptoollocks', 'pricetables', 'tokenexchanges', 'tracepolicies'];
const status = (kinds: readonly string[]) => kinds.map((kind) => `${kind}/status`);

/** Kinds without a namespace, and namespaces: whoever reads the resources of one namespace needs these of the cluster. */
export const CLUSTER_RULES: readonly AccessRule[] = [
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['gatewayclasses'], verbs: READ },
  { apiGroups: [''], resources: ['namespaces'], verbs: READ },
];

/** What a process of Tierkit reads of a namespace. Secrets and ConfigMaps come by {@link namedReader}. */
export const NAMESPACE_RULES: readonly AccessRule[] = [
  {
    apiGroups: ['gateway.networking.k8s.io'],
    resources: ['gateways', 'httproutes', 'referencegrants', 'backendtlspolicies'],
    verbs: READ,
  },
  { apiGroups: ['aigateway.envoyproxy.io'], resources: AI_GATEWAY, verbs: READ },
  { apiGroups: ['gateway.envoyproxy.io'], resources: ENVOY_GATEWAY, verbs: READ },
  {
    apiGroups: ['inference.networking.k8s.io', 'inference.networking.x-k8s.io', 'llm-d.ai'],
    resources: ['inferencepools', 'inferenceobjectives', 'inferencemodelrewrites'],
    verbs: READ,
  },
  { apiGroups: ['tierkit.dev'], resources: TIERKIT, verbs: READ },
  { apiGroups: [''], resources: ['services'], verbs: READ },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: READ },
];

/** What a process reads that serves every namespace. */
export const READ_RULES: readonly AccessRule[] = [...CLUSTER_RULES, ...NAMESPACE_RULES];

/** Tier two finds the pods of its pools. */
export const POD_RULES: readonly AccessRule[] = [{ apiGroups: [''], resources: ['pods'], verbs: READ }];

/** What the controller tells the owners of resources. */
export const STATUS_RULES: readonly AccessRule[] = [
  {
    apiGroups: ['gateway.networking.k8s.io'],
    resources: status(['gatewayclasses', 'gateways', 'httproutes', 'backendtlspolicies']),
    verbs: PATCH,
  },
  { apiGroups: ['aigateway.envoyproxy.io'], resources: status(AI_GATEWAY), verbs: PATCH },
  { apiGroups: ['gateway.envoyproxy.io'], resources: status(ENVOY_GATEWAY), verbs: PATCH },
  { apiGroups: ['inference.networking.k8s.io'], resources: status(['inferencepools']), verbs: PATCH },
  { apiGroups: ['tierkit.dev'], resources: status(TIERKIT), verbs: PATCH },
];

/** Services that lead to Gateways, and the Lease of the one that writes: in the namespace of a tier's pods. */
export const WRITE_RULES: readonly AccessRule[] = [
  { apiGroups: [''], resources: ['services'], verbs: ['create', 'patch', 'delete'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
];

export function addClusterAccess({ chart }: Sheet, name: string, rules: readonly AccessRule[], account: Account): void {
  void new k8s.KubeClusterRole(chart, `role-${name}`, { metadata: { name }, rules: rules.map(ruleOf) });
  void new k8s.KubeClusterRoleBinding(chart, `binding-${name}`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
    subjects: [{ kind: 'ServiceAccount', ...account }],
  });
}

/** @param namespace where the rules hold; the accounts may be of others */
export function addAccess(
  { chart }: Sheet,
  namespace: string,
  name: string,
  rules: readonly AccessRule[],
  accounts: readonly Account[],
): void {
  void new k8s.KubeRole(chart, `role-${namespace}-${name}`, { metadata: { name, namespace }, rules: rules.map(ruleOf) });
  void new k8s.KubeRoleBinding(chart, `binding-${namespace}-${name}`, {
    metadata: { name, namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: accounts.map((account) => ({ kind: 'ServiceAccount', ...account })),
  });
}

/** Leave to read some Secrets and ConfigMaps, each by its name. */
export function namedReader(secrets: readonly string[], configMaps: readonly string[]): AccessRule[] {
  // An empty list of names would mean all of them.
  return [
    ...(secrets.length === 0 ? [] : [named('secrets', secrets)]),
    ...(configMaps.length === 0 ? [] : [named('configmaps', configMaps)]),
  ];
}

function named(resource: string, names: readonly string[]): AccessRule {
  return { apiGroups: [''], resources: [resource], resourceNames: [...new Set(names)].sort(), verbs: READ };
}

function ruleOf({ apiGroups, resources, verbs, resourceNames }: AccessRule): kplus.k8s.PolicyRule {
  return {
    apiGroups: [...apiGroups],
    resources: [...resources],
    verbs: [...verbs],
    ...(resourceNames === undefined ? {} : { resourceNames: [...resourceNames] }),
  };
}
