import type { KubernetesClient } from './client.ts';
import { KubernetesError } from './error.ts';
import type { KubernetesObject, ResourceType } from './resource.ts';

export const LEASE: ResourceType = { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', namespaced: true };

/** @see https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/ */
export interface LeaseSpec {
  /** Empty after a release. */
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number;
  /** MicroTime, by the holder's wall clock: for people to read, never to reckon with. */
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export interface Lease extends KubernetesObject {
  readonly spec?: LeaseSpec;
}

export interface LeasePlace {
  readonly namespace: string;
  readonly name: string;
}

/** @returns undefined when there is none yet */
export async function readLease(
  client: KubernetesClient,
  place: LeasePlace,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  try {
    return await client.request<Lease>('GET', leasePath(place), { timeoutMs, signal });
  } catch (error) {
    if (error instanceof KubernetesError && error.notFound) return undefined;
    throw error;
  }
}

/**
 * Writes over the version that was read, or makes the first one.
 * @returns undefined when somebody else was faster
 */
export async function writeLease(
  client: KubernetesClient,
  place: LeasePlace,
  read: Lease | undefined,
  spec: LeaseSpec,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Lease | undefined> {
  const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', ...read, metadata: read?.metadata ?? place, spec };
  const create = read === undefined;
  try {
    const path = create ? leasePath({ ...place, name: '' }) : leasePath(place);
    return await client.request<Lease>(create ? 'POST' : 'PUT', path, { body, timeoutMs, signal });
  } catch (error) {
    if (error instanceof KubernetesError && (error.conflict || (!create && error.notFound))) return undefined;
    throw error;
  }
}

function leasePath({ namespace, name }: LeasePlace): string {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  return name === '' ? path : `${path}/${name}`;
}

/** The server takes exactly six digits of a second. */
export function microTime(at: number): string {
  return new Date(at).toISOString().replace('Z', '000Z');
}
