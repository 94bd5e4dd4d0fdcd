import type { ClusterName, Settings } from '../settings.ts';
import type { Part } from './part.ts';

/** Clusters by the names of the settings: two, or one that both names mean. */
export function clusterNames({ topology }: Pick<Settings, 'topology'>): readonly ClusterName[] {
  return topology === 'one-cluster' ? ['gateway'] : ['gateway', 'model'];
}

/** The parts that go to a cluster. */
export function partsIn({ topology }: Pick<Settings, 'topology'>, parts: readonly Part[], cluster: ClusterName): readonly Part[] {
  return topology === 'one-cluster' ? parts : parts.filter((part) => part.cluster === cluster);
}
