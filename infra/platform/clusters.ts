import * as k8s from '@pulumi/kubernetes';

import type { Cluster, ClusterName } from '../settings.ts';

/** One provider for each cluster; in `one-cluster` both lead to the same. Every object names one of them. */
export type Providers = Readonly<Record<ClusterName, k8s.Provider>>;

const MUTABLE = {
  // Otherwise a changed one would be deleted and made anew, under the pods that have it mounted.
  enableConfigMapMutable: true,
  enableSecretMutable: true,
};

export function providersOf(clusters: Readonly<Record<ClusterName, Cluster>>): Providers {
  return {
    gateway: new k8s.Provider('gateway-cluster', { ...clusters.gateway, ...MUTABLE }),
    model: new k8s.Provider('model-cluster', { ...clusters.model, ...MUTABLE }),
  };
}

/** Providers for CRDs: those of a cluster belong to all its users, so what is there already is brought to this version. */
export function crdProvidersOf(
  clusters: Readonly<Record<ClusterName, Cluster>>,
  names: readonly ClusterName[],
): ReadonlyMap<ClusterName, k8s.Provider> {
  return new Map(names.map((name) => [name, new k8s.Provider(`${name}-cluster-crds`, { ...clusters[name], upsertExistingObjects: true })]));
}
