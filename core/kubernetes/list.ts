import type { KubernetesClient } from './client.ts';
import { KubernetesError } from './error.ts';
import type { ResourceType } from './resource.ts';
import type { Relist, Store } from './store.ts';

export interface ListSettings {
  readonly client: KubernetesClient;
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  readonly selectors: { readonly labelSelector?: string | undefined; readonly fieldSelector?: string | undefined };
  /** Objects of one page. */
  readonly pageSize: number;
}

/** Whole lists that are begun because their pages expire, before one is asked for without pages. */
const EXPIRED_AT_MOST = 2;

/**
 * Reads all pages of a list into the store.
 * @returns the version to watch from
 * @throws KubernetesError; then the store has not changed
 */
export async function listInto<T>(store: Store<T>, settings: ListSettings, signal: AbortSignal): Promise<string> {
  for (let expired = 0; ; expired++) {
    const relist = store.relist(settings.namespace);
    const version = await readPages(relist, settings, expired < EXPIRED_AT_MOST, signal);
    if (version === undefined) continue;
    relist.commit();
    return version;
  }
}

/** @returns undefined when a page after the first has expired: pages of one list are of one version, so all of them are read again */
async function readPages(
  relist: Relist,
  { client, type, namespace, selectors, pageSize }: ListSettings,
  paged: boolean,
  signal: AbortSignal,
): Promise<string | undefined> {
  let limit = paged ? pageSize : undefined;
  let next: string | undefined;
  for (;;) {
    let page;
    try {
      page = await client.list(type, namespace, { ...selectors, limit, continue: next }, signal);
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      if (error.expired && next !== undefined) return undefined;
      // Objects may have a megabyte each.
      if (error.reason === 'TooLarge' && limit !== undefined && limit > 1) {
        limit = Math.ceil(limit / 8);
        continue;
      }
      throw error;
    }
    const version = page.metadata.resourceVersion;
    if (!Array.isArray(page.items) && page.items !== null) throw new TypeError(`the list of ${type.plural} has no items`);
    if (version === undefined || version === '') throw new TypeError(`the list of ${type.plural} has no resourceVersion`);
    for (const item of page.items ?? []) relist.add(item);
    next = page.metadata.continue;
    if (next === undefined || next === '') return version;
  }
}
