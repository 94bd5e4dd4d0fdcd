import { KubernetesClient } from '#core/kubernetes/client';
import { KubernetesError } from '#core/kubernetes/error';
import type { KubernetesObject } from '#core/kubernetes/resource';

import { clusterNames, partsIn } from '../charts/clusters.ts';
import type { Part } from '../charts/part.ts';
import type { Settings } from '../settings.ts';
import { addressIn } from './addresses.ts';

/** How a workload, or a Gateway, is. */
export interface PartStatus {
  readonly part: string;
  readonly object: string;
  readonly ready: boolean;
  /** Such as `2 of 2 pods`. */
  readonly state: string;
}

const PLURALS: Readonly<Record<string, string>> = { Deployment: 'deployments', StatefulSet: 'statefulsets', Gateway: 'gateways' };

/** @throws KubernetesError when a cluster cannot be asked */
export async function statusOf(settings: Settings, parts: readonly Part[]): Promise<PartStatus[]> {
  const found: PartStatus[] = [];
  for (const name of clusterNames(settings)) {
    const client = await KubernetesClient.connect(settings.clusters[name]);
    try {
      for (const part of partsIn(settings, parts, name))
        for (const { apiVersion, kind, metadata } of part.manifests) {
          const plural = PLURALS[kind];
          if (plural === undefined) continue;
          const path = `/apis/${apiVersion}/namespaces/${metadata.namespace}/${plural}/${metadata.name}`;
          found.push({ part: part.name, object: `${kind.toLowerCase()}/${metadata.name}`, ...(await stateAt(client, path)) });
        }
    } finally {
      await client.close();
    }
  }
  return found;
}

async function stateAt(client: KubernetesClient, path: string): Promise<Pick<PartStatus, 'ready' | 'state'>> {
  try {
    return stateOf(await client.request<KubernetesObject>('GET', path));
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 404) return { ready: false, state: 'is not there' };
    throw error;
  }
}

function stateOf(object: KubernetesObject): Pick<PartStatus, 'ready' | 'state'> {
  if (object.kind !== 'Gateway') {
    const { replicas: wanted = 1 } = (object['spec'] ?? {}) as { replicas?: number };
    const { readyReplicas = 0 } = (object['status'] ?? {}) as { readyReplicas?: number };
    return { ready: readyReplicas >= wanted, state: `${readyReplicas} of ${wanted} pods` };
  }
  const { conditions = [] } = (object['status'] ?? {}) as { conditions?: { type: string; status: string; message?: string }[] };
  const programmed = conditions.find(({ type }) => type === 'Programmed');
  const ready = programmed?.status === 'True';
  return { ready, state: ready ? (addressIn(object) ?? 'no address') : (programmed?.message ?? 'no controller has seen it') };
}
