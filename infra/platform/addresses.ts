import { setTimeout as sleep } from 'node:timers/promises';

import { KubernetesClient } from '#core/kubernetes/client';
import { KubernetesError } from '#core/kubernetes/error';
import type { KubernetesObject, ResourceType } from '#core/kubernetes/resource';

import type { AddressOf } from '../charts/part.ts';
import type { Cluster, ClusterName } from '../settings.ts';

/** An address that a cluster gives out: an IP address or a host name. */
export type FindAddress = (address: AddressOf) => Promise<string>;

const TYPES: Readonly<Record<AddressOf['of'], ResourceType>> = {
  Gateway: { group: 'gateway.networking.k8s.io', version: 'v1', kind: 'Gateway', plural: 'gateways', namespaced: true },
  Service: { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true },
};

interface AddressStatus {
  readonly addresses?: readonly { readonly value?: string }[];
  readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string; readonly hostname?: string }[] };
}

export interface AddressOptions {
  /** How long an object may be without one. @default three minutes */
  readonly patienceMs?: number;
  readonly pauseMs?: number;
}

/**
 * Reads addresses from the clusters themselves: what the state of a stack knows of a status is as old as its last change, and a load
 * balancer may have been given another address since.
 */
export function addressesIn(clusters: Readonly<Record<ClusterName, Cluster>>, options: AddressOptions = {}): FindAddress {
  const { patienceMs = 180_000, pauseMs = 500 } = options;
  return async (address) => {
    const client = await KubernetesClient.connect(clusters[address.cluster]);
    try {
      const until = Date.now() + patienceMs;
      for (;;) {
        const found = await lookUp(client, address);
        if (found !== undefined) return found;
        if (Date.now() >= until) throw new Error(missing(address));
        await sleep(pauseMs);
      }
    } finally {
      await client.close();
    }
  };
}

async function lookUp(client: KubernetesClient, { of, namespace, name }: AddressOf): Promise<string | undefined> {
  try {
    return addressIn(await client.get(TYPES[of], { namespace, name }));
  } catch (error) {
    // It was made a moment ago, or somebody deleted it: that is told when patience ends.
    if (error instanceof KubernetesError && error.notFound) return undefined;
    throw error;
  }
}

/** The address in the status of a Gateway or of a Service of type LoadBalancer. */
export function addressIn({ status }: KubernetesObject): string | undefined {
  const { addresses = [], loadBalancer = {} } = (status ?? {}) as AddressStatus;
  const [ingress] = loadBalancer.ingress ?? [];
  return addresses[0]?.value ?? ingress?.ip ?? ingress?.hostname;
}

function missing({ of, namespace, name, cluster }: AddressOf): string {
  const why =
    of === 'Gateway' ? 'its conditions say why' : 'nothing in the cluster gives out addresses of load balancers, or it has none left';
  const look = `kubectl -n ${namespace} describe ${of.toLowerCase()} ${name}`;
  return `${of} ${namespace}/${name} in the ${cluster} cluster has no address: ${why} (${look})`;
}
