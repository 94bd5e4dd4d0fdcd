import type { Manifest } from '../charts/part.ts';
import { releaseRouteName } from '../charts/versions.ts';
import { type AccessRule } from '../charts/rbac.ts';
import type { OnboardingRequest } from './request.ts';

const READ = ['get', 'list', 'watch'];

/**
 * What a team may do in its namespace: look at everything but Secrets, scale, start a pod again, and break off a release. The rest comes by
 * Git. It makes no route and no pool: by a route of its own it could take the traffic of another team's model at tier two.
 */
const teamRules = (name: string): readonly AccessRule[] => [
  {
    apiGroups: [''],
    resources: ['pods', 'pods/log', 'services', 'events', 'serviceaccounts', 'resourcequotas', 'limitranges', 'persistentvolumeclaims'],
    verbs: READ,
  },
  { apiGroups: [''], resources: ['pods'], verbs: ['delete'] },
  { apiGroups: ['apps'], resources: ['deployments', 'replicasets'], verbs: READ },
  { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['get', 'patch', 'update'] },
  { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: READ },
  { apiGroups: ['inference.networking.k8s.io'], resources: ['inferencepools'], verbs: READ },
  { apiGroups: ['llm-d.ai'], resources: ['inferenceobjectives'], verbs: READ },
  { apiGroups: ['aigateway.envoyproxy.io'], resources: ['aigatewayroutes'], verbs: READ },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes'], verbs: READ },
  { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes'], resourceNames: [releaseRouteName(name)], verbs: ['delete'] },
  { apiGroups: ['serving.kserve.io'], resources: ['llminferenceservices'], verbs: READ },
];

export function accessManifests({ name: namespace, group }: OnboardingRequest): Manifest[] {
  const name = 'team';
  return [
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name, namespace }, rules: teamRules(namespace) },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: { name, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
    },
  ];
}
