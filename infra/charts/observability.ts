import type { ClusterName, InClusterObserver, Settings } from '../settings.ts';
import { objectLabels, type PodLabels, podLabels } from './labels.ts';
import { addDefaultDeny } from './network.ts';
import { addClaim, addNamespace } from './objects.ts';
import { OBSERVERS, type ObserverName } from './observer-names.ts';
import type { Part } from './part.ts';
import { Sheet } from './sheet.ts';
import type { Mount } from './workload.ts';

/** Of every part that observes: a namespace that they share. @param name of the part, which differs by cluster */
export function observabilityNamespace(settings: Settings, name: string, cluster: ClusterName): Part {
  const sheet = new Sheet(settings.namespaces.observability, objectLabels(settings, 'tierkit', 'observability'));
  addNamespace(sheet);
  if (settings.networkPolicies.enabled) addDefaultDeny(sheet);
  return { ...emptyPart(name, cluster), manifests: sheet.manifests() };
}

export function emptyPart(name: string, cluster: ClusterName): Part {
  return { name, cluster, needs: [], manifests: [], secrets: [], late: [], awaited: [] };
}

export function observerLabels(settings: Settings, name: ObserverName): PodLabels {
  return podLabels(settings, OBSERVERS[name], 'observability');
}

export function observerSheet(settings: Settings, name: ObserverName): Sheet {
  return new Sheet(settings.namespaces.observability, objectLabels(settings, OBSERVERS[name], 'observability'));
}

/** Where an observer keeps what it knows: a volume, or a folder that goes with its pod. */
export function dataMount(sheet: Sheet, settings: Settings, name: ObserverName, path: string, { storage }: InClusterObserver): Mount {
  if (storage === undefined) return { path, empty: '2Gi' };
  addClaim(sheet, settings, `${name}-data`, storage);
  return { path, claim: `${name}-data` };
}
