import { inParallel } from '#core/in-parallel';
import type { KubernetesClient } from '#core/kubernetes/client';
import { KubernetesError } from '#core/kubernetes/error';

import type { Manifest, Part, SecretNeed } from '../charts/part.ts';

/** What is to be said of Secrets that others make. */
export interface SecretsReport {
  readonly problems: readonly string[];
  readonly notices: readonly string[];
}

const AT_ONCE = 16;

/**
 * Looks for the Secrets that others make. One whose namespace is still to be made is no problem yet: nobody could have made it before.
 * @param kubectl how it is called for this cluster
 */
export async function existingSecrets(client: KubernetesClient, parts: readonly Part[], kubectl: string): Promise<SecretsReport> {
  const found = await inParallel(neededOfOthers(parts), AT_ONCE, (need) => lookFor(client, need, kubectl));
  return {
    problems: found.flatMap(({ problems }) => problems),
    notices: [...found.flatMap(({ notices }) => notices), ...(await pullSecretNotices(client, parts, kubectl))],
  };
}

/** The command that makes a Secret. Values come from files: arguments are for all to see. */
export function howToMake({ namespace, name, type, values }: SecretNeed, kubectl: string): string {
  const create = `${kubectl} -n ${namespace} create secret`;
  if (type === 'kubernetes.io/tls') return `${create} tls ${name} --cert=FILE --key=FILE`;
  return `${create} generic ${name} ${Object.keys(values)
    .map((key) => `--from-file=${key}=FILE`)
    .join(' ')}`;
}

/** Each Secret once, with all the keys that are asked of it. */
function neededOfOthers(parts: readonly Part[]): SecretNeed[] {
  const own = madeByObjects(parts.flatMap(({ manifests }) => manifests));
  const needs = new Map<string, SecretNeed>();
  for (const need of parts.flatMap(({ secrets }) => secrets)) {
    const path = `${need.namespace}/${need.name}`;
    if (need.existing !== true || own.has(path)) continue;
    needs.set(path, { ...need, values: { ...needs.get(path)?.values, ...need.values } });
  }
  return [...needs.values()];
}

/** Secrets that an operator makes of objects of the platform. */
function madeByObjects(manifests: readonly Manifest[]): Set<string> {
  const names = manifests.flatMap(({ kind, metadata, ...rest }) => {
    const spec = rest['spec'] as { readonly secretName?: string; readonly target?: { readonly name?: string } } | undefined;
    const name = kind === 'Certificate' ? spec?.secretName : kind === 'ExternalSecret' ? spec?.target?.name : undefined;
    return name === undefined ? [] : [`${metadata.namespace}/${name}`];
  });
  return new Set(names);
}

async function lookFor(client: KubernetesClient, need: SecretNeed, kubectl: string): Promise<SecretsReport> {
  const { namespace, name, values } = need;
  const keys = Object.keys(values);
  const at = `/api/v1/namespaces/${namespace}`;
  const secret = await read<{ readonly data?: Readonly<Record<string, string>> }>(client, `${at}/secrets/${name}`);
  if (secret === 'not known') return { problems: [], notices: [] };
  if (secret !== 'not there') {
    const missing = keys.filter((key) => secret.data?.[key] === undefined);
    return { problems: missing.length === 0 ? [] : [withoutKeys(need, missing, Object.keys(secret.data ?? {}), kubectl)], notices: [] };
  }
  const what = `Secret ${namespace}/${name} with ${keys.join(', ')}`;
  const how = `\n    ${howToMake(need, kubectl)}`;
  if ((await read(client, at)) !== 'not there')
    return { problems: [`${what} is not there: the settings say that others make it${how}`], notices: [] };
  const notice =
    `${what} is not there yet, nor is its namespace, which "up" makes; what needs it waits then. Unless something makes it in each new ` +
    `namespace: make it as soon as the namespace is there, and if "up" has given up by then, run it again${how}`;
  return { problems: [], notices: [notice] };
}

function withoutKeys({ namespace, name }: SecretNeed, missing: readonly string[], has: readonly string[], kubectl: string): string {
  const patch = JSON.stringify({ stringData: Object.fromEntries(missing.map((key) => [key, '…'])) });
  const others = has.length === 0 ? 'nothing' : has.join(', ');
  return `Secret ${namespace}/${name} has no ${missing.join(', ')}; it has ${others}\n    ${kubectl} -n ${namespace} patch secret ${name} -p '${patch}'`;
}

/** Without them pods may run all the same: their images may be public, or nodes have credentials of their own. */
async function pullSecretNotices(client: KubernetesClient, parts: readonly Part[], kubectl: string): Promise<string[]> {
  const places = new Map<string, { readonly namespace: string; readonly name: string }>();
  for (const { kind, metadata, ...rest } of parts.flatMap(({ manifests }) => manifests)) {
    if (kind !== 'Deployment') continue;
    const { template } = rest['spec'] as { template?: { spec?: { imagePullSecrets?: readonly { readonly name: string }[] } } };
    for (const { name } of template?.spec?.imagePullSecrets ?? [])
      places.set(`${metadata.namespace}/${name}`, { namespace: metadata.namespace!, name });
  }
  const missing = await inParallel([...places.values()], AT_ONCE, async (place) => {
    const found = await read(client, `/api/v1/namespaces/${place.namespace}/secrets/${place.name}`);
    return found === 'not there' ? [place] : [];
  });
  return [...Map.groupBy(missing.flat(), ({ name }) => name)].map(([name, some]) => {
    const namespaces = some.map(({ namespace }) => namespace).join(', ');
    return `pull secret ${name} is not in ${namespaces}: images of a private registry cannot be pulled there\n    ${kubectl} -n NAMESPACE create secret docker-registry ${name} --docker-server=HOST --docker-username=NAME --docker-password=…`;
  });
}

async function read<T>(client: KubernetesClient, path: string): Promise<T | 'not there' | 'not known'> {
  try {
    return await client.request<T>('GET', path);
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return 'not there';
    // Who may not look cannot tell.
    if (error instanceof KubernetesError && error.status === 403) return 'not known';
    throw error;
  }
}
