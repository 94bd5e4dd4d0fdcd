import { KubernetesClient } from '#core/kubernetes/client';
import { KubernetesError } from '#core/kubernetes/error';
import type { KubernetesObject, ResourceType } from '#core/kubernetes/resource';

import type { Cluster } from '../settings.ts';
import { ONBOARDED_LABEL, REQUEST_ANNOTATION } from './names.ts';
import { type OnboardingRequest, requestIn } from './request.ts';

const NAMESPACES: ResourceType = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

/** Teams that a cluster has: their namespaces say what was asked for. Undefined where one may not look. */
export async function requestsPresent(cluster: Cluster): Promise<OnboardingRequest[] | undefined> {
  const client = await KubernetesClient.connect(cluster);
  try {
    const { items } = await client.list(NAMESPACES, undefined, { labelSelector: ONBOARDED_LABEL });
    return items.flatMap((item) => requestOf(item as KubernetesObject) ?? []);
  } catch (error) {
    if (error instanceof KubernetesError && error.status === 403) return undefined;
    throw error;
  } finally {
    await client.close();
  }
}

/** Whoever wrote it: one that is not of ours tells nothing. */
function requestOf({ metadata }: KubernetesObject): OnboardingRequest | undefined {
  try {
    const request = requestIn(metadata.annotations?.[REQUEST_ANNOTATION]);
    return request?.name === metadata.name ? request : undefined;
  } catch {
    return undefined;
  }
}
