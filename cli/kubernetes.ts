import { randomUUID } from 'node:crypto';

import { ControlledCluster } from '#core/controller/controlled-cluster';
import { KubernetesClient } from '#core/kubernetes/client';
import { ClusterSource } from '#core/serve/cluster-source';
import type { ResourceSource } from '#core/serve/source';
import type { Metrics } from '#core/telemetry/metrics';

import { CommandError, portOf, UsageError } from './command.ts';
import { log } from './serve.ts';

export const KUBERNETES_HELP = `
In a cluster the resources come from its API, in place of a PATH:
  --kubernetes                read them there; SIGHUP is not needed
  --kubeconfig FILE           (default: $KUBECONFIG, or the pod's service account)
  --context NAME              of the kubeconfig
  --namespaces LIST           whose resources are read (default: all, for which a ClusterRole is needed)
  --secret-namespaces LIST    of these all Secrets and ConfigMaps are read; elsewhere each that is named is watched by itself, 128 of a kind at most
  --allow-local-addresses     Backends and pools may name loopback and link-local addresses, which are refused by default
  --controller-name NAME      spec.controllerName of the GatewayClasses that are served
  --gateway-pods LABELS       labels of the pods that serve Gateways, such as app=tierkit: one of these processes then writes statuses, and a
                              Service for each Gateway in its own namespace; without it nothing is written, "tierkit controller" does that
  --gateway-service-type TYPE LoadBalancer (default), ClusterIP or NodePort
  --gateway-first-port PORT   first of the ports that Gateways get in the pods (default 10000)
`;

export const KUBERNETES_OPTIONS = {
  kubernetes: { type: 'boolean' },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespaces: { type: 'string' },
  'secret-namespaces': { type: 'string' },
  'allow-local-addresses': { type: 'boolean' },
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
  /** Shows what is written there. */
  measure(metrics: Metrics): void;
}

/** What the Gateways of a tier are served with unless options say otherwise. */
export interface TierDefaults {
  readonly controllerName: string;
  readonly servesPools: boolean;
}

export const TIER_ONE: TierDefaults = { controllerName: 'tierkit.dev/tier-one', servesPools: false };
export const TIER_TWO: TierDefaults = { controllerName: 'tierkit.dev/tier-two', servesPools: true };

/**
 * The cluster that the options name; undefined without `--kubernetes`.
 * @throws UsageError, CommandError
 */
export async function clusterOf(
  values: Values,
  paths: readonly string[],
  { controllerName, servesPools }: TierDefaults,
): Promise<Cluster | undefined> {
  const text = (name: keyof Values): string | undefined => values[name] as string | undefined;
  if (values.kubernetes !== true) {
    const given = (
      ['kubeconfig', 'context', 'namespaces', 'secret-namespaces', 'allow-local-addresses', 'controller-name', 'gateway-pods'] as const
    ).find((name) => values[name] !== undefined);
    if (given !== undefined) throw new UsageError(`--${given} is for --kubernetes`);
    return undefined;
  }
  if (paths.length > 0) throw new UsageError(`--kubernetes stands in place of a PATH: ${paths[0]} cannot be given as well`);
  const gateways = gatewaysOf((name) => text(name), '');
  const client = await connect(text('kubeconfig'), text('context'));
  const common = {
    client,
    controllerName: text('controller-name') ?? controllerName,
    namespaces: namespacesOf(text('namespaces')),
    secretNamespaces: namespacesOf(text('secret-namespaces')),
    allowLocalAddresses: values['allow-local-addresses'] === true,
    log,
  };
  const namespace = ownNamespace(client);
  if (gateways === undefined) {
    return { client, sources: new ClusterSource({ ...common, ownNamespace: namespace }), measure: () => undefined };
  }
  const sources = new ControlledCluster({ ...common, services: { ...gateways, namespace }, servesPools, identity: identity() });
  return { client, sources, measure: (metrics) => sources.measure(metrics) };
}

/** How clients reach the Gateways of one tier. */
type Gateways = Omit<ConstructorParameters<typeof ControlledCluster>[0]['services'], 'namespace'>;
type GatewayOption = 'gateway-pods' | 'gateway-service-type' | 'gateway-first-port';

/**
 * How clients reach the Gateways of a tier, by the options `--gateway-…`; undefined without `--gateway-pods`.
 * @param prefix of the names of the options
 * @throws UsageError
 */
export function gatewaysOf(text: (name: GatewayOption) => string | undefined, prefix: string): Gateways | undefined {
  const type = text('gateway-service-type') ?? 'LoadBalancer';
  if (type !== 'LoadBalancer' && type !== 'ClusterIP' && type !== 'NodePort')
    throw new UsageError(`--${prefix}gateway-service-type is LoadBalancer, ClusterIP or NodePort, not "${type}"`);
  const firstPort = portOf(text('gateway-first-port') ?? '10000', `${prefix}gateway-first-port`);
  const selector = labelsOf(text('gateway-pods'), `${prefix}gateway-pods`);
  return selector === undefined ? undefined : { selector, type, firstPort };
}

export function namespacesOf(list: string | undefined): string[] | undefined {
  return list?.split(',').filter(Boolean);
}

/** Of the pod that this process is in. */
export function ownNamespace(client: KubernetesClient): string {
  return process.env['POD_NAMESPACE'] ?? client.namespace;
}

/** Of this process alone. */
export function identity(): string {
  return `${process.env['POD_NAME'] ?? process.env['HOSTNAME'] ?? 'tierkit'}-${randomUUID().slice(0, 8)}`;
}

/** @throws CommandError */
export async function connect(kubeconfig: string | undefined, context: string | undefined): Promise<KubernetesClient> {
  try {
    return await KubernetesClient.connect({ kubeconfig, context });
  } catch (error) {
    throw new CommandError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function labelsOf(list: string | undefined, option: string): Record<string, string> | undefined {
  if (list === undefined) return undefined;
  const labels: Record<string, string> = {};
  for (const part of list.split(',')) {
    const [name = '', value, more] = part.split('=');
    if (name === '' || value === undefined || more !== undefined)
      throw new UsageError(`--${option} is a list of label=value, and "${part}" is none`);
    labels[name] = value;
  }
  return labels;
}
