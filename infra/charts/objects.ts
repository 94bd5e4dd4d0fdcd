import { kplus } from '../k8s.ts';
import type { Settings } from '../settings.ts';
import { namespaceLabels, type PodLabels } from './labels.ts';
import type { Sheet } from './sheet.ts';

const { k8s } = kplus;

export function addNamespace({ chart, namespace }: Sheet, labels: Readonly<Record<string, string>> = {}): void {
  void new k8s.KubeNamespace(chart, `namespace-${namespace}`, {
    metadata: { name: namespace, labels: { ...namespaceLabels(), 'app.kubernetes.io/part-of': 'tierkit', ...labels } },
  });
}

export function addDisruptionBudget({ chart }: Sheet, name: string, labels: PodLabels): void {
  void new k8s.KubePodDisruptionBudget(chart, `budget-${name}`, {
    metadata: { name },
    spec: {
      maxUnavailable: k8s.IntOrString.fromNumber(1),
      selector: { matchLabels: { ...labels } },
      // A pod that is not ready serves nobody: it must not keep a node from being drained.
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  });
}

export interface ServiceOptions {
  readonly name: string;
  /** Of the pods. */
  readonly labels: PodLabels | Readonly<Record<string, string>>;
  readonly ports: Readonly<Record<string, number>>;
  /** @default ClusterIP */
  readonly type?: 'ClusterIP' | 'LoadBalancer';
  readonly annotations?: Readonly<Record<string, string>>;
  /** It has no address of its own: its name stands for those of the pods, ready or not. @default false */
  readonly headless?: boolean;
}

export function addService({ chart }: Sheet, { name, labels, ports, type = 'ClusterIP', annotations, headless }: ServiceOptions): void {
  const service = new kplus.Service(chart, `service-${name}`, {
    metadata: { name, ...(annotations === undefined ? {} : { annotations: { ...annotations } }) },
    type: kplus.ServiceType[type === 'ClusterIP' ? 'CLUSTER_IP' : 'LOAD_BALANCER'],
    ...(headless === true ? { clusterIP: 'None', publishNotReadyAddresses: true } : {}),
    ports: Object.entries(ports).map(([portName, port]) => ({ name: portName, port, targetPort: port })),
  });
  for (const [label, value] of Object.entries(labels)) service.selectLabel(label, value);
}

export function addConfigMap(
  { chart }: Sheet,
  name: string,
  data: Readonly<Record<string, string>>,
  labels?: Record<string, string>,
): void {
  void new kplus.ConfigMap(chart, `config-${name}`, { metadata: { name, ...(labels === undefined ? {} : { labels }) }, data: { ...data } });
}

export function addClaim({ chart }: Sheet, { storageClass }: Settings, name: string, storage: string): void {
  void new k8s.KubePersistentVolumeClaim(chart, `claim-${name}`, {
    metadata: { name },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: k8s.Quantity.fromString(storage) } },
      ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
    },
  });
}
