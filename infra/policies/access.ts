import { at, listAt, type Policy, text } from './policy.ts';

const ROLES: ReadonlySet<string> = new Set(['Role', 'ClusterRole']);

/** Nobody may do everything, and nobody reads all Secrets of a cluster. */
export const leastAccess: Policy = (manifest) => {
  if (!ROLES.has(manifest.kind)) return [];
  return listAt(manifest, 'rules').flatMap((rule) => {
    const named = rule['resourceNames'];
    const resources = listAt(rule, 'resources').map(text);
    return [
      ...['apiGroups', 'resources', 'verbs']
        .filter((field) => listAt(rule, field).map(text).includes('*'))
        .map((field) => `allows every one of ${field}`),
      ...(Array.isArray(named) && named.length === 0 ? ['has an empty list of names, which means all of them'] : []),
      ...(resources.some((resource) => resource === 'secrets' || resource === 'configmaps') && !Array.isArray(named)
        ? [`allows all of ${resources.join(', ')}; name those that are read`]
        : []),
      ...(manifest.kind === 'ClusterRole' &&
      listAt(rule, 'verbs')
        .map(text)
        .some((verb) => ['create', 'delete', 'update', 'deletecollection'].includes(verb))
        ? ['allows to change objects of every namespace']
        : []),
    ];
  });
};

/** A token of the API is only where the API is asked: where the account has a role. */
export const tokensWhereUsed: Policy = (manifest, { manifests }) => {
  const pod = at(manifest, 'spec', 'template', 'spec');
  if (pod === undefined || manifest.kind === 'LLMInferenceService') return [];
  const name = at(pod, 'serviceAccountName');
  const bound = manifests.some(
    (other) =>
      (other.kind === 'RoleBinding' || other.kind === 'ClusterRoleBinding') &&
      listAt(other, 'subjects').some((subject) => subject['name'] === name && subject['namespace'] === manifest.metadata.namespace),
  );
  const mounted = at(pod, 'automountServiceAccountToken') !== false;
  if (name === undefined || name === 'default') return ['has no service account of its own'];
  return mounted === bound
    ? []
    : [mounted ? 'has a token of the API, and no right to ask it anything' : 'has rights at the API, and no token'];
};

/** A binding leads from a role that is there to accounts that are. Groups of users are known elsewhere. */
export const bindingsLead: Policy = (manifest, { manifests }) => {
  if (manifest.kind !== 'RoleBinding' && manifest.kind !== 'ClusterRoleBinding') return [];
  const role = at(manifest, 'roleRef');
  const isThere = manifests.some(
    (other) =>
      other.kind === at(role, 'kind') &&
      other.metadata.name === at(role, 'name') &&
      (other.kind === 'ClusterRole' || other.metadata.namespace === manifest.metadata.namespace),
  );
  return [
    ...(isThere ? [] : [`binds ${text(at(role, 'kind'))} ${text(at(role, 'name'))}, which is not there`]),
    ...listAt(manifest, 'subjects').flatMap(({ kind, name, namespace }) =>
      kind === 'Group' ||
      manifests.some((other) => other.kind === 'ServiceAccount' && other.metadata.name === name && other.metadata.namespace === namespace)
        ? []
        : [`binds service account ${text(namespace)}/${text(name)}, which is not there`],
    ),
  ];
};
