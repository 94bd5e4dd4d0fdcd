import { KubernetesClient } from '#core/kubernetes/client';

import { clusterNames, partsIn } from '../charts/clusters.ts';
import type { Part } from '../charts/part.ts';
import type { ClusterName, Settings } from '../settings.ts';

export interface ContainerState {
  readonly name: string;
  readonly image?: string;
  readonly ready?: boolean;
  readonly restartCount?: number;
  readonly state?: { readonly waiting?: { readonly reason?: string; readonly message?: string }; readonly terminated?: Ended };
  readonly lastState?: { readonly terminated?: Ended };
}

interface Ended {
  readonly reason?: string;
  readonly message?: string;
  readonly exitCode?: number;
}

export interface Owner {
  readonly kind: string;
  readonly name: string;
}

export interface PodObject {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string; readonly ownerReferences?: readonly Owner[] };
  readonly status?: {
    readonly phase?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
    readonly containerStatuses?: readonly ContainerState[];
    readonly initContainerStatuses?: readonly ContainerState[];
  };
}

interface EventObject {
  readonly type?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly involvedObject?: { readonly kind?: string; readonly name?: string };
}

/** What Kubernetes says when nothing makes it wait: no trouble. */
const PATIENCE = new Set(['ContainerCreating', 'PodInitializing']);
/** Events that tell why there are no pods at all, or why one does not run. */
const TELLING = /^(FailedCreate|FailedMount|FailedScheduling|FailedAttachVolume|ProvisioningFailed)$/;
const MOST_EVENTS = 5;
/** What the API server puts before a message that stands for several. */
const COMBINED = /^\(combined from similar events\): /;

/** Why pods of the platform do not run, as the clusters tell it: a line each. A cluster that does not answer has nothing to tell. */
export async function troubleOf(settings: Settings, parts: readonly Part[]): Promise<string[]> {
  const lines: string[] = [];
  for (const cluster of clusterNames(settings)) {
    const client = await KubernetesClient.connect(settings.clusters[cluster]).catch(() => undefined);
    if (client === undefined) continue;
    try {
      for (const namespace of namespacesIn(settings, parts, cluster)) lines.push(...(await inNamespace(client, namespace)));
    } catch {
      // The failure that was told before is the one that matters.
    } finally {
      await client.close();
    }
  }
  return lines;
}

/** Namespaces that parts have objects in. */
function namespacesIn(settings: Settings, parts: readonly Part[], cluster: ClusterName): string[] {
  const names = partsIn(settings, parts, cluster)
    .flatMap(({ manifests }) => manifests)
    .flatMap(({ metadata }) => metadata.namespace ?? []);
  return [...new Set(names)].toSorted((a, b) => a.localeCompare(b));
}

async function inNamespace(client: KubernetesClient, namespace: string): Promise<string[]> {
  const list = async <T>(plural: string) =>
    (await client.request<{ items: T[] }>('GET', `/api/v1/namespaces/${namespace}/${plural}`)).items;
  return troubleIn(namespace, await list<PodObject>('pods'), await list<EventObject>('events'));
}

/** @param events from the oldest to the newest */
export function troubleIn(namespace: string, pods: readonly PodObject[], events: readonly EventObject[]): string[] {
  const lines = pods.flatMap((pod) => troubleOfPod(namespace, pod));
  const silent = pods.filter(
    ({ metadata, status }) => status?.phase === 'Pending' && !lines.some((line) => line.includes(`/${metadata.name}:`)),
  );
  // What once went wrong with a pod that runs now, or that says more itself, is no news.
  const names = new Set(silent.map(({ metadata }) => metadata.name));
  // Of each object the last one of a kind: each try to make a pod has another name in its message.
  const told = new Map<string, string>();
  for (const { type, reason = '', message = '', involvedObject: { kind, name = '' } = {} } of events) {
    if (type !== 'Warning' || !TELLING.test(reason) || (kind === 'Pod' && !names.has(name))) continue;
    told.set(`${kind} ${name} ${reason}`, `${namespace}/${name}: ${reason}: ${message.replace(COMBINED, '')}`);
  }
  return [...lines, ...[...told.values()].slice(-MOST_EVENTS)];
}

function troubleOfPod(namespace: string, { metadata, status = {} }: PodObject): string[] {
  if (metadata.deletionTimestamp !== undefined) return [];
  const where = `${namespace}/${metadata.name}`;
  const { conditions = [], containerStatuses = [], initContainerStatuses = [] } = status;
  const unscheduled = conditions.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  if (unscheduled !== undefined) return [`${where}: is on no node: ${unscheduled.message}`];
  return [...initContainerStatuses, ...containerStatuses].flatMap(({ name, image, state, lastState, restartCount = 0, ready }) => {
    const { reason = '', message = '' } = state?.waiting ?? {};
    const ended = lastState?.terminated;
    const last =
      ended === undefined ? '' : ` (restarted ${restartCount} times; it ended with ${ended.reason}, exit code ${ended.exitCode})`;
    if (reason !== '' && !PATIENCE.has(reason)) return [`${where}: container ${name}, image ${image}: ${reason}: ${message}${last}`];
    return ready === false && last !== '' ? [`${where}: container ${name} is not ready${last}`] : [];
  });
}
