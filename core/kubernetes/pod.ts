import { isDeepStrictEqual } from 'node:util';

import type { KubernetesObject, ResourceType } from './resource.ts';

export const POD: ResourceType = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** What a pool needs to know of a pod. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Undefined until it has one. */
  readonly podIP: string | undefined;
  readonly node: string | undefined;
  /** It runs, and its condition Ready holds. */
  readonly ready: boolean;
  /** It is being deleted. */
  readonly terminating: boolean;
  /** Named and unnamed ports of its containers, sidecars (init containers that go on) included. */
  readonly ports: readonly { readonly name: string | undefined; readonly port: number }[];
}

interface Container {
  readonly restartPolicy?: string;
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
}

/** What is read of a pod; the rest, mostly of its containers, is dropped. */
export function keepPod({ metadata, spec, status }: KubernetesObject): Pod {
  const {
    nodeName,
    containers = [],
    initContainers = [],
  } = (spec ?? {}) as {
    readonly nodeName?: string;
    readonly containers?: readonly Container[];
    readonly initContainers?: readonly Container[];
  };
  const {
    phase,
    podIP,
    conditions = [],
  } = (status ?? {}) as {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
  const serving = [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')];
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name,
    uid: metadata.uid ?? '',
    labels: metadata.labels ?? {},
    podIP: podIP === '' ? undefined : podIP,
    node: nodeName,
    ready: phase === 'Running' && conditions.some(({ type, status: holds }) => type === 'Ready' && holds === 'True'),
    terminating: metadata.deletionTimestamp !== undefined,
    ports: serving.flatMap(({ ports = [] }) => ports.map(({ name, containerPort }) => ({ name, port: containerPort }))),
  };
}

export function samePod(one: Pod, other: Pod): boolean {
  return isDeepStrictEqual(one, other);
}
