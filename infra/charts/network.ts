import { kplus } from '../k8s.ts';
import { isWithin } from '../settings/cidr.ts';
import { EVERYWHERE } from '../settings/presets.ts';
import type { PodLabels } from './labels.ts';
import type { Sheet } from './sheet.ts';

const { k8s } = kplus;

/** One end of a connection. */
export type Peer =
  /** Pods of a namespace: those with the labels, or all. */
  | { readonly namespace: string; readonly labels?: Readonly<Record<string, string>> }
  /** Pods of all namespaces with a label. */
  | { readonly namespaceLabels: Readonly<Record<string, string>>; readonly labels?: Readonly<Record<string, string>> }
  | { readonly cidr: string; readonly except?: readonly string[] };

/** Every address. */
export const ANYWHERE: readonly Peer[] = EVERYWHERE.map((cidr) => ({ cidr }));

export type Port = number | { readonly from: number; readonly to: number } | { readonly udp: number };

/** Connections that are let through. */
export interface Way {
  readonly peers: readonly Peer[];
  readonly ports: readonly Port[];
}

/** Of each namespace: what no other policy names does not happen, in either direction. */
export function addDefaultDeny({ chart }: Sheet): void {
  void new k8s.KubeNetworkPolicy(chart, 'policy-default-deny', {
    metadata: { name: 'default-deny' },
    spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] },
  });
}

/** What the pods of a workload may do, and who may reach them. */
export function addPolicy(
  { chart }: Sheet,
  name: string,
  labels: PodLabels | Readonly<Record<string, string>>,
  { from = [], to = [] }: { readonly from?: readonly Way[]; readonly to?: readonly Way[] },
): void {
  void new k8s.KubeNetworkPolicy(chart, `policy-${name}`, {
    metadata: { name },
    spec: {
      podSelector: { matchLabels: { ...labels } },
      policyTypes: ['Ingress', 'Egress'],
      ...(from.length === 0 ? {} : { ingress: from.map(({ peers, ports }) => ({ from: peers.map(peerOf), ports: ports.map(portOf) })) }),
      ...(to.length === 0 ? {} : { egress: to.map(({ peers, ports }) => ({ to: peers.map(peerOf), ports: ports.map(portOf) })) }),
    },
  });
}

/** The name service of the cluster, wherever it listens: node-local caches have addresses of the node. */
export const DNS: Way = {
  peers: [{ namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } }, { cidr: '169.254.0.0/16' }],
  ports: [{ udp: 53 }, 53],
};

function peerOf(peer: Peer): kplus.k8s.NetworkPolicyPeer {
  if ('cidr' in peer) {
    const { cidr, except = [] } = peer;
    // An exception outside of the block would be refused by the API server.
    const inside = except.filter((each) => isWithin(each, cidr));
    return { ipBlock: { cidr, ...(inside.length === 0 ? {} : { except: [...inside] }) } };
  }
  const namespace = 'namespace' in peer ? { 'kubernetes.io/metadata.name': peer.namespace } : { ...peer.namespaceLabels };
  return {
    namespaceSelector: { matchLabels: namespace },
    ...(peer.labels === undefined ? {} : { podSelector: { matchLabels: { ...peer.labels } } }),
  };
}

function portOf(port: Port): kplus.k8s.NetworkPolicyPort {
  if (typeof port === 'number') return { protocol: 'TCP', port: k8s.IntOrString.fromNumber(port) };
  if ('udp' in port) return { protocol: 'UDP', port: k8s.IntOrString.fromNumber(port.udp) };
  return { protocol: 'TCP', port: k8s.IntOrString.fromNumber(port.from), endPort: port.to };
}
