import type { Cluster } from '../settings.ts';

/** How kubectl is told which cluster is meant. */
export function kubectlOf({ kubeconfig, context }: Cluster): string {
  const file = kubeconfig === undefined ? [] : [`--kubeconfig=${kubeconfig}`];
  return ['kubectl', ...file, ...(context === undefined ? [] : [`--context=${context}`])].join(' ');
}
