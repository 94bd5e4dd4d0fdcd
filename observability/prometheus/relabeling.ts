import { POOL_LABEL, type Role, TARGETS } from './targets.ts';

/** A step of relabeling, as both forms of configuration have it. */
export interface Relabeling {
  readonly source?: readonly string[];
  readonly regex?: string;
  readonly target?: string;
  /** @default `$1` */
  readonly replacement?: string;
  /** @default replace */
  readonly action?: 'keep';
}

const NAMESPACE = '__meta_kubernetes_namespace';
const POD = '__meta_kubernetes_pod_name';
const PORT = '__meta_kubernetes_pod_container_port_number';

/** A label of Kubernetes as service discovery names it. */
function metaLabel(label: string): string {
  return `__meta_kubernetes_pod_label_${label.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`;
}

/** Labels that are the same for all targets of a role, however they are found. */
export function fixedLabels(role: Role): Readonly<Record<string, string>> {
  const { job, tier } = TARGETS[role];
  return { job, ...(tier === undefined ? {} : { tier }) };
}

function fixed(labels: Readonly<Record<string, string>>): Relabeling[] {
  return Object.entries(labels).map(([target, replacement]) => ({ target, replacement }));
}

/**
 * What rules and dashboards need of a target in Kubernetes, whoever found it: `job` and `tier`; an `instance` that names the pod, and is unlike
 * any other of the job; of model servers `inference_pool` and `pool_namespace`, as the picker's metrics have them.
 * @param pool name of the InferencePool, where the pods' label does not say it
 */
export function podRelabelings(role: Role, pool?: string): Relabeling[] {
  const instance = { source: [NAMESPACE, POD, PORT], regex: '(.+);(.+);(.+)', target: 'instance', replacement: '$1/$2:$3' };
  if (role !== 'model-server') return [...fixed(fixedLabels(role)), instance];
  const named =
    pool === undefined ? { source: [metaLabel(POOL_LABEL)], target: 'inference_pool' } : { target: 'inference_pool', replacement: pool };
  return [...fixed(fixedLabels(role)), instance, named, { source: [NAMESPACE], target: 'pool_namespace' }];
}

/** Of a gateway behind a Service without pods: its address stays its name. */
export function serviceRelabelings(role: Role): Relabeling[] {
  return fixed(fixedLabels(role));
}

const keep = (source: string, regex: string): Relabeling => ({ source: [source], regex, action: 'keep' });

/** What the operator does by itself: keep the pods that are meant, and say where they are. */
export function discoveryRelabelings(role: Role, labels: Readonly<Record<string, string>>): Relabeling[] {
  return [
    ...Object.entries(labels).map(([label, value]) => keep(metaLabel(label), value)),
    keep('__meta_kubernetes_pod_container_port_name', TARGETS[role].portName),
    // A pod that has ended keeps its address for a while, and another may have it already.
    keep('__meta_kubernetes_pod_phase', 'Pending|Running'),
    { source: [NAMESPACE], target: 'namespace' },
    { source: [POD], target: 'pod' },
  ];
}

/** As `relabel_configs` of Prometheus have it. */
export function plainRelabeling({ source, regex, target, replacement, action }: Relabeling): object {
  return {
    ...(source === undefined ? {} : { source_labels: source }),
    ...(regex === undefined ? {} : { regex }),
    ...(target === undefined ? {} : { target_label: target }),
    ...(replacement === undefined ? {} : { replacement }),
    ...(action === undefined ? {} : { action }),
  };
}
