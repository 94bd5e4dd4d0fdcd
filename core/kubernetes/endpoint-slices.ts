import { isDeepStrictEqual } from 'node:util';

import type { KubernetesClient } from './client.ts';
import type { Log } from './outage.ts';
import type { Scope } from './reflector.ts';
import type { KubernetesObject, ResourceType } from './resource.ts';
import { WatchSet } from './watch-set.ts';

const ENDPOINT_SLICE: ResourceType = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};
const OF_SERVICE = 'kubernetes.io/service-name';
const MOST = 128;

/** What is read of an EndpointSlice. */
export interface EndpointSlice {
  /** Of those that are ready. */
  readonly addresses: readonly string[];
  /** By the name of the Service's port; empty for the only one. */
  readonly ports: readonly { readonly name: string; readonly port: number }[];
}

/** The endpoints of the Services that are asked for by name: of those that have no address of their own. */
export class EndpointSlices {
  readonly #set: WatchSet<EndpointSlice>;

  /** @param onChange called once for a bunch of changes */
  constructor(client: KubernetesClient, log: Log, onChange: () => void) {
    this.#set = new WatchSet({ client, type: ENDPOINT_SLICE, keep: keepSlice, same: isDeepStrictEqual, limit: MOST, onChange, log });
  }

  /**
   * The Services that are named now, as `namespace/name`.
   * @returns what is over the limit, in words
   */
  want(services: Iterable<string>): readonly string[] {
    const scopes = new Map<string, Scope>();
    for (const key of services) {
      const at = key.indexOf('/');
      scopes.set(key, { namespaces: [key.slice(0, at)], labelSelector: `${OF_SERVICE}=${key.slice(at + 1)}` });
    }
    return this.#set
      .want(scopes)
      .map((key) => `the endpoints of the headless Service ${key} are not read: ${MOST} such Services are at most`);
  }

  /** Waits until the slices of every Service that is wanted now have been read. */
  synced(timeoutMs?: number): Promise<boolean> {
    return this.#set.synced(timeoutMs);
  }

  /** @param service `namespace/name`; undefined where nobody wanted it before */
  of(service: string): readonly EndpointSlice[] {
    return this.#set.all(service).map(({ object }) => object);
  }

  stop(): Promise<void> {
    return this.#set.stop();
  }
}

interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean };
}

/** A condition that is not there stands for ready. @see https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/ */
function keepSlice(object: KubernetesObject): EndpointSlice {
  const { endpoints, ports } = object as unknown as {
    readonly endpoints?: readonly Endpoint[] | null;
    readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
  };
  return {
    addresses: (endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false).flatMap(({ addresses }) => addresses),
    ports: (ports ?? []).flatMap(({ name = '', port }) => (port === undefined ? [] : [{ name, port }])),
  };
}
