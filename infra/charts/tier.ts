import type { Settings, Tier } from '../settings.ts';
import { imageReference } from './image.ts';
import { objectLabels, podLabels } from './labels.ts';
import { controllerName, controllerNameArgs, gatewayClassName, GATEWAY_PORTS, otherTier, type TierName } from './names.ts';
import { addDefaultDeny, addPolicy, DNS, type Peer, type Way } from './network.ts';
import { addNamespace } from './objects.ts';
import { observerPeer } from './observer-names.ts';
import { heapMib } from './quantity.ts';
import { type AccessRule, addAccess, addClusterAccess } from './rbac.ts';
import { addReaders } from './readers.ts';
import { Sheet } from './sheet.ts';
import { tracesEnv, tracesWays } from './traces.ts';
import { addWorkload, type EnvSource, LEAVE_SECONDS } from './workload.ts';

export interface TierPods {
  readonly tier: TierName;
  readonly command: 'run' | 'tier2';
  readonly of: Tier;
  readonly namespace: string;
  readonly adminPort: number;
  /** Of the command, besides those of both tiers. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, EnvSource>>;
  /** What it may read of the whole cluster. */
  readonly rules: readonly AccessRule[];
  /** What it may read of its own namespace, where that is all that it serves. */
  readonly ownRules?: readonly AccessRule[];
  /** Whether it goes by the other tier's signatures. @default true */
  readonly trustsOther?: boolean;
  /** Who sends requests. */
  readonly callers: readonly Peer[];
  /** Where requests go. */
  readonly called: readonly Way[];
}

/** Where the keys by which the tiers trust each other are mounted. */
export const KEYS = '/etc/tierkit/keys';

/** Pods of a tier with all that they need, but for their Gateways. */
export function tierSheet(
  settings: Settings,
  { tier, command, of, namespace, adminPort, rules, callers, called, ...more }: TierPods,
): Sheet {
  const labels = podLabels(settings, 'tierkit', tier);
  const sheet = new Sheet(namespace, objectLabels(settings, 'tierkit', tier));
  const account = { name: tier, namespace };
  addNamespace(sheet);
  addClusterAccess(sheet, `${settings.instance}-${tier}`, rules, account);
  addReaders(sheet, settings, tier, account);
  if (more.ownRules !== undefined) addAccess(sheet, namespace, tier, more.ownRules, [account]);
  sheet.add({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: gatewayClassName(settings, tier) },
    spec: { controllerName: controllerName(settings, tier) },
  });
  const other = otherTier(tier);
  addWorkload(sheet, settings, {
    name: tier,
    labels,
    image: imageReference(settings.image),
    args: [
      command,
      '--kubernetes',
      '--host=0.0.0.0',
      '--admin-host=0.0.0.0',
      `--unready=${LEAVE_SECONDS}s`,
      `--drain=${of.drainSeconds}s`,
      `--signing-key=${KEYS}/${tier}.pem`,
      ...(more.trustsOther === false ? [] : [`--peer-keys=${KEYS}/${other}.jwks.json`]),
      ...(of.accessLog ? [] : ['--no-access-log']),
      ...(more.ownRules === undefined ? [] : [`--namespaces=${namespace}`]),
      ...controllerNameArgs(settings, tier, 'controller-name'),
      ...more.args,
    ],
    env: {
      POD_NAME: { field: 'metadata.name' },
      POD_NAMESPACE: { field: 'metadata.namespace' },
      NODE_OPTIONS: `--max-old-space-size=${heapMib(of.resources.memory)}`,
      ...tracesEnv(settings, tier),
      ...more.env,
    },
    ports: { admin: adminPort },
    mounts: [{ path: KEYS, secret: keysSecret(tier) }],
    resources: of.resources,
    replicas: of.replicas,
    autoscaling: of.autoscaling,
    live: { path: '/healthz', port: adminPort },
    ready: { path: '/readyz', port: adminPort },
    drainSeconds: of.drainSeconds,
    leaves: 'by itself',
    apiAccess: true,
  });
  if (settings.networkPolicies.enabled) {
    addDefaultDeny(sheet);
    addPolicy(sheet, tier, labels, {
      from: [
        { peers: callers, ports: [GATEWAY_PORTS] },
        { peers: scrapers(settings), ports: [adminPort] },
      ],
      to: [DNS, apiServer(settings), ...tracesWays(settings, tier), ...called],
    });
  }
  return sheet;
}

function keysSecret(tier: TierName): string {
  return `${tier}-keys`;
}

/** Who may read metrics. */
export function scrapers({ namespaces, networkPolicies }: Settings): Peer[] {
  return [observerPeer(namespaces, 'prometheus'), ...networkPolicies.monitoring.map((namespace) => ({ namespace }))];
}

export function apiServer({ networkPolicies: { apiServer } }: Settings): Way {
  return { peers: apiServer.cidrs.map((cidr) => ({ cidr })), ports: apiServer.ports };
}

/** The secret values that only a tier has, and what the other one may know of them. */
export function keyNeed(settings: Settings, tier: TierName, namespace: string) {
  const other = otherTier(tier);
  return {
    namespace,
    name: keysSecret(tier),
    labels: objectLabels(settings, 'tierkit', tier),
    values: {
      [`${tier}.pem`]: { from: 'private-key', pair: tier },
      [`${other}.jwks.json`]: { from: 'public-keys', pairs: [other] },
    },
  } as const;
}
