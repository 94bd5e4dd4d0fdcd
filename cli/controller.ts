import { ControlledCluster, type ControlledClusterOptions } from '#core/controller/controlled-cluster';
import { ControlledTier } from '#core/controller/controlled-tier';
import { ControllerProcess } from '#core/controller/controller-process';
import { Metrics } from '#core/telemetry/metrics';

import { CHECKED_POOLS } from './checked-pools.ts';
import { type Command, CommandError, parse, portOf, UsageError } from './command.ts';
import { connect, gatewaysOf, identity, namespacesOf, ownNamespace, TIER_ONE, TIER_TWO } from './kubernetes.ts';
import { log, reachable, stopped } from './serve.ts';

const HELP = `Usage: tierkit controller [OPTION…]

Writes what the users of a cluster see of their resources: the statuses of GatewayClasses, Gateways, routes, policies and pools, and a
Service for each Gateway. It serves no requests and calls no backend; the tiers then run with --kubernetes and without --gateway-pods, and
need no right to write. Of several of these processes one writes, by a Lease; SIGTERM gives it back.

A tier is controlled when its pods are named:
  --tier-one-gateway-pods LABELS         labels of tier one's pods, such as app.kubernetes.io/component=tier-one
  --tier-one-namespace NAME              where these pods run; its Services and the Lease are made there (default: this process's own)
  --tier-one-controller-name NAME        spec.controllerName of its GatewayClasses (default ${TIER_ONE.controllerName})
  --tier-one-gateway-service-type TYPE   LoadBalancer (default), ClusterIP or NodePort
  --tier-one-gateway-first-port PORT     first of the ports that Gateways get in the pods (default 10000)
  --tier-two-…                           the same of tier two (default ${TIER_TWO.controllerName})

  --kubeconfig FILE                      (default: $KUBECONFIG, or the pod's service account)
  --context NAME                         of the kubeconfig
  --namespaces LIST                      whose resources are read (default: all, for which a ClusterRole is needed)
  --secret-namespaces LIST               as of the tiers: of these all Secrets and ConfigMaps are read
  --allow-local-addresses                as of the tiers: Backends and pools may name loopback and link-local addresses
  --admin-port PORT                      /healthz /readyz /metrics (default 1067); 0 takes a free one
  --admin-host ADDRESS                   address of these (default 127.0.0.1; 0.0.0.0 for the probes of a cluster)
`;

const TIERS = [
  { prefix: 'tier-one', label: 'tier one', defaults: TIER_ONE },
  { prefix: 'tier-two', label: 'tier two', defaults: TIER_TWO },
] as const;

const OPTIONS = {
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  namespaces: { type: 'string' },
  'secret-namespaces': { type: 'string' },
  'allow-local-addresses': { type: 'boolean' },
  'admin-port': { type: 'string', default: '1067' },
  'admin-host': { type: 'string', default: '127.0.0.1' },
  'tier-one-gateway-pods': { type: 'string' },
  'tier-one-namespace': { type: 'string' },
  'tier-one-controller-name': { type: 'string' },
  'tier-one-gateway-service-type': { type: 'string' },
  'tier-one-gateway-first-port': { type: 'string' },
  'tier-two-gateway-pods': { type: 'string' },
  'tier-two-namespace': { type: 'string' },
  'tier-two-controller-name': { type: 'string' },
  'tier-two-gateway-service-type': { type: 'string' },
  'tier-two-gateway-first-port': { type: 'string' },
} as const;

type Values = { readonly [Name in keyof typeof OPTIONS]?: (typeof OPTIONS)[Name]['type'] extends 'boolean' ? boolean : string };

export const controller: Command = {
  name: 'controller',
  summary: 'write the statuses and Services of a cluster, in a process of its own',
  help: HELP,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    if (positionals.length > 0) throw new UsageError(`resources come from the cluster, not from a PATH such as ${positionals[0]}`);
    const adminPort = portOf(values['admin-port'], 'admin-port');
    const adminHost = values['admin-host'];
    const planned = plansOf(values);
    const client = await connect(values.kubeconfig, values.context);
    const metrics = new Metrics('controller');
    const reads = {
      client,
      namespaces: namespacesOf(values.namespaces),
      secretNamespaces: namespacesOf(values['secret-namespaces']),
      allowLocalAddresses: values['allow-local-addresses'] === true,
    };
    const tiers = planned.map((plan) => tierOf(plan, reads, metrics));
    const service = new ControllerProcess({ tiers, metrics, adminHost, adminPort, onStopped: () => client.close() });
    return serve(service, adminHost, adminPort);
  },
};

interface Plan {
  readonly tier: (typeof TIERS)[number];
  readonly gateways: NonNullable<ReturnType<typeof gatewaysOf>>;
  readonly namespace: string | undefined;
  readonly controllerName: string;
}

/** @throws UsageError */
function plansOf(values: Values): Plan[] {
  const plans = TIERS.flatMap((tier): Plan[] => {
    const { prefix, defaults } = tier;
    const gateways = gatewaysOf((name) => values[`${prefix}-${name}`], `${prefix}-`);
    if (gateways === undefined) {
      const given = Object.keys(values).find((name) => name.startsWith(prefix));
      if (given !== undefined) throw new UsageError(`--${given} is for a tier whose pods are named: --${prefix}-gateway-pods is missing`);
      return [];
    }
    const controllerName = values[`${prefix}-controller-name`] ?? defaults.controllerName;
    return [{ tier, gateways, namespace: values[`${prefix}-namespace`], controllerName }];
  });
  if (plans.length === 0) throw new UsageError('no tier is controlled: give --tier-one-gateway-pods, --tier-two-gateway-pods or both');
  const [one, two] = plans;
  if (one !== undefined && one.controllerName === two?.controllerName)
    throw new UsageError(`both tiers have the controller name ${one.controllerName}: Gateways of one class are served by one of them`);
  return plans;
}

function tierOf(
  { tier, gateways, namespace, controllerName }: Plan,
  reads: Pick<ControlledClusterOptions, 'client' | 'namespaces' | 'secretNamespaces' | 'allowLocalAddresses'>,
  metrics: Metrics,
): ControlledTier {
  const { label, defaults } = tier;
  const told: typeof log = (level, message) => log(level, `${label}: ${message}`);
  const cluster = new ControlledCluster({
    ...reads,
    sharesClient: true,
    controllerName,
    servesPools: defaults.servesPools,
    services: { ...gateways, namespace: namespace ?? ownNamespace(reads.client) },
    identity: identity(),
    log: told,
  });
  cluster.measure(metrics);
  return new ControlledTier({ cluster, pools: defaults.servesPools ? CHECKED_POOLS : undefined, log: told });
}

/** A signal may come while the cluster is still being read. */
async function serve(service: ControllerProcess, adminHost: string, adminPort: number): Promise<number> {
  try {
    await service.listen();
  } catch (error) {
    throw listenFailure(error, adminHost, adminPort);
  }
  const ended = stopped(service);
  log('info', `admin on http://${reachable(adminHost)}:${service.adminPort} (/healthz /readyz /metrics)`);
  if (await service.start()) log('info', 'ready: the cluster is read');
  await ended;
  return 0;
}

function listenFailure(error: unknown, adminHost: string, adminPort: number): unknown {
  const { code } = error as { code?: string };
  if (code === 'EADDRINUSE') return new CommandError(`port ${adminPort} is taken; choose another one with --admin-port`);
  if (code === 'EACCES')
    return new CommandError(`port ${adminPort} needs more rights than this user has; choose one above 1023 with --admin-port`);
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return new CommandError(`--admin-host ${adminHost} is no address of this machine`);
  return error;
}
