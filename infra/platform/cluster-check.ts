import { inParallel } from '#core/in-parallel';
import { KubernetesClient } from '#core/kubernetes/client';
import { KubernetesError } from '#core/kubernetes/error';
import { groupOf } from '#core/resources/kind';

import type { Part } from '../charts/part.ts';
import type { Cluster } from '../settings.ts';
import { howToInstall } from './crd-sources.ts';
import { existingSecrets } from './existing-secrets.ts';
import { kubectlOf } from './kubectl.ts';
import type { ObjectArgs } from './kubernetes-resource.ts';

/** What a look at a cluster says. */
export interface ClusterReport {
  /** `https://…`; empty when it is not known. */
  readonly server: string;
  /** Of Kubernetes; empty when it cannot be reached. */
  readonly version: string;
  readonly problems: readonly string[];
  /** What the platform does without, and its users may not. */
  readonly notices: readonly string[];
}

/** A kind as the cluster serves it. */
interface ServedKind {
  readonly plural: string;
  readonly namespaced: boolean;
}

/** What the official provider does with every object. */
const VERBS = ['get', 'create', 'patch', 'delete'] as const;
const AT_ONCE = 16;

/**
 * Looks whether a cluster can take the parts, without changing anything.
 * @param installed `GROUP/VERSION/KIND` of what CRDs bring that are installed first
 */
export async function checkCluster(cluster: Cluster, parts: readonly Part[], installed: ReadonlySet<string>): Promise<ClusterReport> {
  let client: KubernetesClient;
  try {
    client = await KubernetesClient.connect(cluster);
  } catch (error) {
    return { server: '', version: '', problems: [(error as Error).message], notices: [] };
  }
  const { server } = client;
  try {
    const { gitVersion } = await client.request<{ gitVersion: string }>('GET', '/version', { timeoutMs: 10_000 });
    const objects = [...parts.flatMap(({ manifests }) => manifests), ...parts.flatMap(secretsIn)];
    const served = await servedKinds(client, objects);
    const missing = objects.filter((object) => !served.has(kindOf(object)) && !installed.has(kindOf(object)));
    const secrets = await existingSecrets(client, parts, kubectlOf(cluster));
    const notices = await noticesOf(client);
    const problems = [
      ...missingKinds(missing),
      ...(await missingLeave(client, objects, served)),
      ...secrets.problems,
      // What nobody may make is no matter of others where it is made here.
      ...(objects.some(({ kind }) => kind === 'BackendTrafficPolicy') ? notices : []),
    ];
    return { server, version: gitVersion, problems, notices: [...notices, ...secrets.notices] };
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    return { server, version: '', problems: [error.message], notices: [] };
  } finally {
    await client.close();
  }
}

function secretsIn({ secrets }: Part): ObjectArgs[] {
  return secrets
    .filter(({ existing }) => existing !== true)
    .map(({ namespace, name }) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name } }));
}

function kindOf({ apiVersion, kind }: Pick<ObjectArgs, 'apiVersion' | 'kind'>): string {
  return `${apiVersion}/${kind}`;
}

async function servedKinds(client: KubernetesClient, objects: readonly ObjectArgs[]): Promise<Map<string, ServedKind>> {
  const served = new Map<string, ServedKind>();
  for (const apiVersion of new Set(objects.map((object) => object.apiVersion))) {
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    for (const { name, kind, namespaced } of await resourcesAt(client, path)) {
      // `deployments/status` is of the same kind.
      if (!name.includes('/')) served.set(kindOf({ apiVersion, kind }), { plural: name, namespaced });
    }
  }
  return served;
}

interface ApiResource extends Omit<ServedKind, 'plural'> {
  readonly name: string;
  readonly kind: string;
}

async function resourcesAt(client: KubernetesClient, path: string): Promise<readonly ApiResource[]> {
  try {
    return (await client.request<{ resources?: readonly ApiResource[] }>('GET', path)).resources ?? [];
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return [];
    throw error;
  }
}

/** One line for each source that brings what is missing. */
function missingKinds(objects: readonly ObjectArgs[]): string[] {
  const groups = Map.groupBy(objects, ({ apiVersion }) => groupOf(apiVersion));
  return [...groups].map(([group, some]) => {
    const kinds = [...new Set(some.map(({ apiVersion, kind }) => `${kind} (${apiVersion})`))].join(', ');
    return `the cluster does not know ${kinds}. Install the CRDs, or name them in the setting crds:\n    ${howToInstall(group)}`;
  });
}

const TRAFFIC_POLICIES = 'backendtrafficpolicies.gateway.envoyproxy.io';

/** The API server refuses whatever has a field whose bounds do not fit into its own format. */
async function noticesOf(client: KubernetesClient): Promise<string[]> {
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${TRAFFIC_POLICIES}`;
  const crd = await client.request<object>('GET', path).catch((error: unknown) => {
    if (error instanceof KubernetesError) return {};
    throw error;
  });
  if (!contradictsItself(crd)) return [];
  return [
    `no BackendTrafficPolicy with a rateLimit can be made: CRD ${TRAFFIC_POLICIES} is that of Envoy Gateway 1.8.0, in which they are all ` +
      'refused (https://github.com/envoyproxy/gateway/issues/9186). Install that of another release',
  ];
}

/** Whether a schema has a field that is wrong with any value (kube-openapi, numbers). */
export function contradictsItself(schema: unknown): boolean {
  if (typeof schema !== 'object' || schema === null) return false;
  const { format, maximum } = schema as { format?: unknown; maximum?: unknown };
  if (format === 'int32' && typeof maximum === 'number' && maximum >= 2 ** 31) return true;
  return Object.values(schema).some((each) => contradictsItself(each));
}

interface Wish {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
}

async function missingLeave(
  client: KubernetesClient,
  objects: readonly ObjectArgs[],
  served: ReadonlyMap<string, ServedKind>,
): Promise<string[]> {
  // An administrator may do everything: then there is one question.
  if (await allowed(client, { verb: '*', group: '*', resource: '*' })) return [];
  const wishes = new Map<string, Wish>();
  for (const { apiVersion, kind, metadata } of objects) {
    const found = served.get(kindOf({ apiVersion, kind }));
    if (found === undefined) continue;
    const namespace = found.namespaced && metadata.namespace !== undefined ? { namespace: metadata.namespace } : {};
    for (const verb of VERBS) {
      const wish = { verb, group: groupOf(apiVersion), resource: found.plural, ...namespace };
      wishes.set(JSON.stringify(wish), wish);
    }
  }
  const refused = await inParallel([...wishes.values()], AT_ONCE, async (wish) => ((await allowed(client, wish)) ? [] : [wish]));
  return leaveProblems(refused.flat());
}

/** Verbs of one resource stand together, and namespaces as well. */
function leaveProblems(refused: readonly Wish[]): string[] {
  const byResource = Map.groupBy(refused, ({ group, resource }) => (group === '' ? resource : `${resource}.${group}`));
  return [...byResource].map(([resource, wishes]) => {
    const verbs = [...new Set(wishes.map(({ verb }) => verb))].join(', ');
    const namespaces = [...new Set(wishes.flatMap(({ namespace }) => namespace ?? []))].toSorted((a, b) => a.localeCompare(b));
    const where = namespaces.length === 0 ? '' : ` in ${namespaces.join(', ')}`;
    return `this user may not ${verbs} ${resource}${where}: ask for a role with these verbs`;
  });
}

async function allowed(client: KubernetesClient, { verb, group, resource, namespace }: Wish): Promise<boolean> {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb, group, resource, ...(namespace === undefined ? {} : { namespace }) } },
  };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  const { status } = await client.request<{ status?: { allowed?: boolean } }>('POST', path, { body });
  return status?.allowed === true;
}
