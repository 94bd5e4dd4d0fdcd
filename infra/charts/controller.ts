import type { ClusterName, Settings } from '../settings.ts';
import { imageReference } from './image.ts';
import { objectLabels, podLabels } from './labels.ts';
import { CONTROLLER, controllerNameArgs, TIER_ONE, TIER_TWO, tierField, type TierName } from './names.ts';
import { addDefaultDeny, addPolicy, DNS } from './network.ts';
import { addNamespace } from './objects.ts';
import type { Part } from './part.ts';
import { heapMib } from './quantity.ts';
import { type Account, addAccess, addClusterAccess, READ_RULES, STATUS_RULES, WRITE_RULES } from './rbac.ts';
import { addReaders } from './readers.ts';
import { Sheet } from './sheet.ts';
import { apiServer, scrapers } from './tier.ts';
import { addWorkload } from './workload.ts';

const ADMIN_PORT = 1067;

/** The controller of each cluster: of both tiers where both are in one. */
export function controllers(settings: Settings): Part[] {
  if (settings.topology === 'one-cluster') return [controller(settings, CONTROLLER, 'gateway', [TIER_ONE, TIER_TWO])];
  return [controller(settings, CONTROLLER, 'gateway', [TIER_ONE]), controller(settings, `${CONTROLLER}-models`, 'model', [TIER_TWO])];
}

/** The part whose controller writes of a tier. */
export function controllerOf({ topology }: Settings, tier: TierName): string {
  return topology === 'two-clusters' && tier === TIER_TWO ? `${CONTROLLER}-models` : CONTROLLER;
}

function controller(settings: Settings, name: string, cluster: ClusterName, tiers: readonly TierName[]): Part {
  const { namespaces, controller: of, instance } = settings;
  const labels = podLabels(settings, 'tierkit', CONTROLLER);
  const sheet = new Sheet(namespaces.controller, objectLabels(settings, 'tierkit', CONTROLLER));
  const account: Account = { name: CONTROLLER, namespace: namespaces.controller };
  addNamespace(sheet);
  addClusterAccess(sheet, `${instance}-${CONTROLLER}`, [...READ_RULES, ...STATUS_RULES], account);
  for (const tier of tiers) {
    const namespace = namespaces[tierField(tier)];
    addAccess(sheet, namespace, CONTROLLER, WRITE_RULES, [account]);
    addReaders(sheet, settings, tier, account);
  }
  addWorkload(sheet, settings, {
    name: CONTROLLER,
    labels,
    image: imageReference(settings.image),
    args: ['controller', '--admin-host=0.0.0.0', ...tiers.flatMap((tier) => tierArgs(settings, tier))],
    env: {
      POD_NAME: { field: 'metadata.name' },
      POD_NAMESPACE: { field: 'metadata.namespace' },
      NODE_OPTIONS: `--max-old-space-size=${heapMib(of.resources.memory)}`,
    },
    ports: { admin: ADMIN_PORT },
    resources: of.resources,
    replicas: of.replicas,
    live: { path: '/healthz', port: ADMIN_PORT },
    ready: { path: '/readyz', port: ADMIN_PORT },
    drainSeconds: 20,
    leaves: false,
    apiAccess: true,
  });
  if (settings.networkPolicies.enabled) {
    addDefaultDeny(sheet);
    addPolicy(sheet, CONTROLLER, labels, { from: [{ peers: scrapers(settings), ports: [ADMIN_PORT] }], to: [DNS, apiServer(settings)] });
  }
  return { name, cluster, needs: tiers, manifests: sheet.manifests(), secrets: [], late: [], awaited: [] };
}

function tierArgs(settings: Settings, tier: TierName): string[] {
  const { type } = settings[tierField(tier)].exposure;
  const labels = Object.entries(podLabels(settings, 'tierkit', tier)).map(([label, value]) => `${label}=${value}`);
  return [
    `--${tier}-gateway-pods=${labels.join(',')}`,
    `--${tier}-namespace=${settings.namespaces[tierField(tier)]}`,
    `--${tier}-gateway-service-type=${type}`,
    ...controllerNameArgs(settings, tier, `${tier}-controller-name`),
  ];
}
