import type { Manifest } from '../charts/part.ts';
import { at, containersOf, listAt, type Policy, selects, templateOf, type World, text } from './policy.ts';

/** A Service that selects nothing answers nobody. */
export const servicesSelect: Policy = (manifest, { manifests }) => {
  const selector = at(manifest, 'spec', 'selector');
  if (manifest.kind !== 'Service' || selector === undefined) return [];
  const found = manifests.filter(
    (other) => other.metadata.namespace === manifest.metadata.namespace && selects(selector, at(templateOf(other), 'metadata', 'labels')),
  );
  if (found.length === 0) return ['selects no pod'];
  const ports = new Set(
    found.flatMap(containersOf).flatMap(({ ports }) => listAt({ ports }, 'ports').map(({ containerPort }) => containerPort)),
  );
  return listAt(manifest, 'spec', 'ports').flatMap(({ targetPort, port }) =>
    ports.has(targetPort ?? port) ? [] : [`leads to port ${text(targetPort ?? port)}, on which no container of its pods listens`],
  );
};

/** Every ConfigMap, Secret, volume and account that a pod needs is there; a pod without them never starts. */
export const podReferences: Policy = (manifest, world) => {
  const template = templateOf(manifest);
  if (template === undefined) return [];
  const namespace = manifest.metadata.namespace ?? '';
  const wrong: string[] = [];
  const need = (kind: string, name: unknown, key?: unknown) => {
    if (name !== undefined && !exists(world, kind, namespace, text(name), key === undefined ? undefined : text(key)))
      wrong.push(`needs ${kind} ${namespace}/${text(name)}${key === undefined ? '' : ` with ${text(key)}`}, which nobody makes`);
  };
  need('ServiceAccount', at(template, 'spec', 'serviceAccountName'));
  for (const volume of listAt(template, 'spec', 'volumes')) {
    need('Secret', at(volume, 'secret', 'secretName'));
    need('ConfigMap', at(volume, 'configMap', 'name'));
    need('PersistentVolumeClaim', at(volume, 'persistentVolumeClaim', 'claimName'));
  }
  for (const variable of containersOf(manifest).flatMap((container) => listAt(container, 'env'))) {
    const secret = at(variable, 'valueFrom', 'secretKeyRef');
    const configMap = at(variable, 'valueFrom', 'configMapKeyRef');
    if (secret !== undefined) need('Secret', at(secret, 'name'), at(secret, 'key'));
    if (configMap !== undefined) need('ConfigMap', at(configMap, 'name'), at(configMap, 'key'));
  }
  return wrong;
};

/** Secrets and backends that resources of the gateways name. */
export const gatewayReferences: Policy = (manifest, world) => {
  const namespace = manifest.metadata.namespace ?? '';
  const named: [kind: string, name: unknown, place?: unknown][] = [
    ...listAt(manifest, 'spec', 'listeners').flatMap((listener) =>
      listAt(listener, 'tls', 'certificateRefs').map(({ name }) => ['Secret', name] as [string, unknown]),
    ),
    ...(manifest.kind === 'BackendSecurityPolicy'
      ? ['apiKey', 'anthropicAPIKey', 'azureAPIKey'].map(
          (field) => ['Secret', at(manifest, 'spec', field, 'secretRef', 'name')] as [string, unknown],
        )
      : []),
    ...listAt(manifest, 'spec', 'apiKeyAuth', 'credentialRefs').map(({ name }) => ['Secret', name] as [string, unknown]),
    ...(manifest.kind === 'AIServiceBackend' ? [['Backend', at(manifest, 'spec', 'backendRef', 'name')] as [string, unknown]] : []),
    ...listAt(manifest, 'spec', 'targetRefs').map(({ kind, name }) => [text(kind), name] as [string, unknown]),
    ...listAt(manifest, 'spec', 'parentRefs').map(
      ({ kind, name, namespace: place }) => [text(kind), name, place] as [string, unknown, unknown],
    ),
    ...(manifest.kind === 'AIGatewayRoute'
      ? listAt(manifest, 'spec', 'rules').flatMap((rule) =>
          listAt(rule, 'backendRefs').map(({ kind, name }) => [text(kind ?? 'AIServiceBackend'), name] as [string, unknown]),
        )
      : []),
    ...(manifest.kind === 'InferencePool' ? [['Service', at(manifest, 'spec', 'endpointPickerRef', 'name')] as [string, unknown]] : []),
  ];
  return named.flatMap(([kind, name, place]) => {
    const where = text(place ?? namespace);
    return name === undefined || exists(world, kind, where, text(name)) ? [] : [`names ${kind} ${where}/${text(name)}, which nobody makes`];
  });
};

function exists({ manifests, secrets, elsewhere }: World, kind: string, namespace: string, name: string, key?: string): boolean {
  if (elsewhere.includes(`${kind}/${namespace}/${name}`)) return true;
  // The controller of an AIGatewayRoute makes an HTTPRoute of that name, which policies are attached to.
  if (kind === 'HTTPRoute' && manifests.some((other) => isCalled(other, 'AIGatewayRoute', namespace, name))) return true;
  if (kind === 'Secret')
    return secrets.some((need) => need.namespace === namespace && need.name === name && (key === undefined || key in need.values));
  return manifests.some((other) => isCalled(other, kind, namespace, name) && (key === undefined || at(other, 'data', key) !== undefined));
}

function isCalled(manifest: Manifest, kind: string, namespace: string, name: string): boolean {
  return manifest.kind === kind && manifest.metadata.namespace === namespace && manifest.metadata.name === name;
}
