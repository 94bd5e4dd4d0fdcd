import type { KubernetesClient } from './client.ts';
import { KubernetesError } from './error.ts';
import type { ResourceType } from './resource.ts';

/** A kind to watch, in any of several versions. */
export interface WantedKind extends Omit<ResourceType, 'version'> {
  /** Versions that are read, the preferred one first. */
  readonly versions: readonly string[];
}

interface ApiResourceList {
  readonly resources?: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/**
 * The first of a kind's versions that the server has.
 * @returns undefined when it has none: the CRD is not installed, or not of these versions
 * @throws KubernetesError when the server cannot tell
 */
export async function servedType(client: KubernetesClient, wanted: WantedKind, signal?: AbortSignal): Promise<ResourceType | undefined> {
  const { group, versions, plural } = wanted;
  for (const version of versions) {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    let found: ApiResourceList;
    try {
      found = await client.request<ApiResourceList>('GET', path, { signal });
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      if (error.status === 404) continue;
      // Who may not look may still be allowed to list.
      if (error.status === 403) return typeOf(wanted, version);
      throw error;
    }
    if (found.resources?.some(({ name }) => name === plural)) return typeOf(wanted, version);
  }
  return undefined;
}

function typeOf({ group, kind, plural, namespaced }: WantedKind, version: string): ResourceType {
  return { group, version, kind, plural, namespaced };
}
