import { randomUUID } from 'node:crypto';

import { ControlledCluster } from '#core/controller/controlled-cluster';
import { KubernetesClient } from '#core/kubernetes/client';
import { ClusterSource } from '#core/serve/cluster-source';
import type { ResourceSource } from '#core/serve/source';

import { CommandError, portOf, UsageError } from './command.ts';
import { log } from './serve.ts';

export const KUBERNETES_HELP = `
In a cluster the resources come from its API, in place of a PATH:
  --kubernetes                read them there; SIGHUP is not needed
  --kubeconfig FILE           (default: $KUBECONFIG, or the pod's service account)
  --context NAME              of the kubeconfig
  --namespaces LIST           whose resources are read (default: all, for which a ClusterRole is needed)
  --controller-name NAME      spec.controllerName of the GatewayClasses that are served
  --gateway-pods LABELS       labels of the pods that serve Gateways, such as app=tierkit: one of these processes then writes statuses, and a
                              Service for each Gateway in its own namespace; without it nothing is written
  --gateway-service-type TYPE LoadBalancer (default), ClusterIP or NodePort
  --gateway-first-port PORT   first of the ports that Gateways get in the pods (default 10000)
`;

export const KUBERNETES_OPTIONS = {
  kubernetes: { type: 'boolean' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespaces: { type: 'string' },
  'controller-name': { type: 'string' },
  'gateway-pods': { type: 'string' },
  'gateway-service-type': { type: 'string', default: 'LoadBalancer' },
  'gateway-first-port': { type: 'string', default: '10000' },
} as const;

type Values = { readonly [Name in keyof typeof KUBERNETES_OPTIONS]?: string | boolean };

/** A cluster that resources are read from. */
export interface Cluster {
  readonly client: KubernetesClient;
  readonly sources: ResourceSource;
}

/**
 * The cluster that the options name; undefined without `--kubernetes`.
 * @throws UsageError, CommandError
 */
export async function clusterOf(
  values: Values,
  paths: readonly string[],
  { controllerName, servesPools }: { readonly controllerName: string; readonly servesPools: boolean },
): Promise<Cluster | undefined> {
  const text = (name: keyof Values): string | undefined => values[name] as string | undefined;
  if (values.kubernetes !== true) {
    const given = (['kubeconfig', 'context', 'namespaces', 'controller-name', 'gateway-pods'] as const).find(
      (name) => values[name] !== undefined,
    );
    if (given !== undefined) throw new UsageError(`--${given} is for --kubernetes`);
    return undefined;
  }
  if (paths.length > 0) throw new UsageError(`--kubernetes stands in place of a PATH: ${paths[0]} cannot be given as well`);
  const type = text('gateway-service-type')!;
  if (type !== 'LoadBalancer' && type !== 'ClusterIP' && type !== 'NodePort')
    throw new UsageError(`--gateway-service-type is LoadBalancer, ClusterIP or NodePort, not "${type}"`);
  const firstPort = portOf(text('gateway-first-port')!, 'gateway-first-port');
  const selector = labelsOf(text('gateway-pods'));
  const client = await connect(text('kubeconfig'), text('context'));
  const common = {
    client,
    controllerName: text('controller-name') ?? controllerName,
    namespaces: text('namespaces')?.split(',').filter(Boolean),
    log,
  };
  const namespace = process.env['POD_NAMESPACE'] ?? client.namespace;
  if (selector === undefined) return { client, sources: new ClusterSource({ ...common, ownNamespace: namespace }) };
  const identity = `${process.env['POD_NAME'] ?? process.env['HOSTNAME'] ?? 'tierkit'}-${randomUUID().slice(0, 8)}`;
  return {
    client,
    sources: new ControlledCluster({ ...common, services: { namespace, selector, type, firstPort }, servesPools, identity }),
  };
}

async function connect(kubeconfig: string | undefined, context: string | undefined): Promise<KubernetesClient> {
  try {
    return await KubernetesClient.connect({ kubeconfig, context });
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function labelsOf(list: string | undefined): Record<string, string> | undefined {
  if (list === undefined) return undefined;
  const labels: Record<string, string> = {};
  for (const part of list.split(',')) {
    const [name = '', value, more] = part.split('=');
    if (name === '' || value === undefined || more !== undefined)
      throw new UsageError(`--gateway-pods is a list of label=value, and "${part}" is none`);
    labels[name] = value;
  }
  return labels;
}
