import type { Resources } from '../settings.ts';
import type { Manifest } from './part.ts';

/** What is put into a workload after synthesis: cdk8s-plus-28 drops, without a word, every field that is newer than Kubernetes 1.28. */
export interface Finishing {
  readonly resources: Resources & { readonly gpus?: number };
  /** Labels of its pods, by which they are spread. */
  readonly selector: Readonly<Record<string, string>>;
  /** Another controller decides how many pods there are. */
  readonly scaled: boolean;
  /** Seconds between a pod's leaving the Services and its SIGTERM. */
  readonly preStopSeconds: number;
  readonly pullSecrets: readonly string[];
  readonly priorityClass: string | undefined;
}

/** Kinds without a namespace. */
export const CLUSTER_SCOPED: ReadonlySet<string> = new Set([
  'Namespace',
  'ClusterRole',
  'ClusterRoleBinding',
  'GatewayClass',
  'LocalModelCache',
  'CustomResourceDefinition',
  'PriorityClass',
]);

/** The one step between cdk8s and everything else. Pure. */
export function finish(manifest: Manifest, finishing?: Finishing): Manifest {
  const placed = CLUSTER_SCOPED.has(manifest.kind) ? withoutNamespace(manifest) : manifest;
  if (finishing === undefined) return placed;
  const { replicas, template, ...spec } = placed['spec'] as WorkloadSpec;
  return {
    ...placed,
    spec: { ...spec, ...(finishing.scaled || replicas === undefined ? {} : { replicas }), template: finishTemplate(template, finishing) },
  };
}

interface WorkloadSpec {
  readonly replicas?: number;
  readonly template: Template;
  readonly [field: string]: unknown;
}

interface Template {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly securityContext?: object; readonly containers: readonly object[]; readonly [field: string]: unknown };
}

function withoutNamespace(manifest: Manifest): Manifest {
  const { namespace: _, ...metadata } = manifest.metadata;
  return { ...manifest, metadata };
}

function finishTemplate({ metadata, spec }: Template, finishing: Finishing): Template {
  const { pullSecrets, priorityClass, selector, preStopSeconds, resources } = finishing;
  // It comes of the path of a construct; our selectors go by the labels that Kubernetes recommends.
  const { 'cdk8s.io/metadata.addr': _, ...labels } = metadata.labels ?? {};
  return {
    metadata: { ...metadata, labels },
    spec: {
      ...spec,
      // Variables for every Service of the namespace: nobody reads them, and they differ from pod to pod.
      enableServiceLinks: false,
      securityContext: { ...spec.securityContext, seccompProfile: { type: 'RuntimeDefault' } },
      ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets.map((name) => ({ name })) }),
      ...(priorityClass === undefined ? {} : { priorityClassName: priorityClass }),
      topologySpreadConstraints: ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map((topologyKey) => ({
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: selector },
        // Each release by itself: pods of the old one that are about to end do not count.
        matchLabelKeys: ['pod-template-hash'],
      })),
      containers: spec.containers.map((container) => ({
        ...container,
        resources: resourcesOf(resources),
        ...(preStopSeconds === 0 ? {} : { lifecycle: { preStop: { sleep: { seconds: preStopSeconds } } } }),
      })),
    },
  };
}

function resourcesOf({ cpu, memory, gpus = 0 }: Finishing['resources']): object {
  const gpu = gpus === 0 ? {} : { 'nvidia.com/gpu': String(gpus) };
  return { requests: { cpu, memory, ...gpu }, limits: { memory, ...gpu } };
}
