import type { Settings } from '../settings.ts';
import { GATEWAY_PORTS, TIER_ONE, TIER_TWO } from './names.ts';
import { ANYWHERE, type Peer, type Way } from './network.ts';
import { observerPeer, observerUrl, PHOENIX_PORT } from './observer-names.ts';
import type { Part, SecretNeed } from './part.ts';
import { CLUSTER_RULES, NAMESPACE_RULES } from './rbac.ts';
import { REDIS_URL, redisNeed, redisUrlManifests, redisWays } from './redis.ts';
import { objectLabels } from './labels.ts';
import { keyNeed, KEYS, tierSheet } from './tier.ts';
import { receiverOf } from './traces.ts';

/** Entry of the Secret with keys, and name of the generated text. */
const SESSIONS = 'mcp-sessions';

/** Pods of tier one. What they serve is another part: it may change without them. */
export function tierOne(settings: Settings): Part {
  const { tierOne: of, namespaces, redis, observability } = settings;
  const namespace = namespaces.tierOne;
  const sheet = tierSheet(settings, {
    tier: TIER_ONE,
    command: 'run',
    of,
    namespace,
    adminPort: 1064,
    args: [
      `--mcp-session-keys=${KEYS}/${SESSIONS}`,
      ...(redis.mode === 'none'
        ? []
        : [`--limits-mode=${of.limits.mode}`, `--limits-failure=${of.limits.failure}`, `--limits-share=${share(settings)}`]),
    ],
    env: {
      ...(redis.mode === 'none' ? {} : { REDIS_URL: { secret: redisUrlSecret(settings), key: REDIS_URL } }),
      ...(observability.phoenix.mode === 'in-cluster' ? { TIERKIT_FEEDBACK_URL: observerUrl(namespaces, 'phoenix', PHOENIX_PORT) } : {}),
    },
    rules: CLUSTER_RULES,
    ownRules: NAMESPACE_RULES,
    callers: callers(settings),
    called: called(settings),
  });
  for (const manifest of redisUrlManifests(settings, redisUrlSecret(settings), objectLabels(settings, 'tierkit', TIER_ONE)))
    sheet.add(manifest);
  return {
    name: TIER_ONE,
    cluster: 'gateway',
    needs: [...(redis.mode === 'in-cluster' ? ['redis'] : []), ...(receiverOf(settings) === undefined ? [] : [receiverOf(settings)!.part])],
    manifests: sheet.manifests(),
    secrets: [sessionsNeed(keyNeed(settings, TIER_ONE, namespace)), ...redisUrlNeeds(settings)],
    late: [],
    awaited: [],
  };
}

/** All replicas open each other's sessions of MCP. A secret of theirs is longer than one generated text. */
function sessionsNeed(need: SecretNeed): SecretNeed {
  const names = [SESSIONS, `${SESSIONS}-more`];
  const text = `sessions:${names.map((name) => `\${${name}}`).join('')}`;
  return { ...need, values: { ...need.values, [SESSIONS]: { from: 'template', text, names } } };
}

/** What a replica may give out of each limit while Redis is away. */
function share({ tierOne: { autoscaling, replicas } }: Settings): string {
  const pods = autoscaling.by === 'none' ? replicas : autoscaling.min;
  return String(Math.floor(100 / pods) / 100);
}

function callers({ networkPolicies: { clients } }: Settings): Peer[] {
  const addresses = clients.map((cidr) => ({ cidr }));
  // Some networks hold that pods are in no block of addresses.
  return clients.includes('0.0.0.0/0') ? [...addresses, { namespaceLabels: {} }] : addresses;
}

function called(settings: Settings): Way[] {
  const { topology, namespaces, providers, networkPolicies, tierTwo, observability } = settings;
  const ports = [...new Set(providers.map(({ port }) => port))].sort((a, b) => a - b);
  const providerPeers = networkPolicies.providers.cidrs.map((cidr) => ({ cidr, except: networkPolicies.providers.except }));
  const two: Way =
    topology === 'one-cluster'
      ? { peers: [{ namespace: namespaces.tierTwo, labels: { 'app.kubernetes.io/component': TIER_TWO } }], ports: [GATEWAY_PORTS] }
      : { peers: ANYWHERE, ports: [tierTwo.exposure.port] };
  return [
    two,
    ...(ports.length === 0 ? [] : [{ peers: providerPeers, ports }]),
    ...(observability.phoenix.mode === 'in-cluster' ? [{ peers: [observerPeer(namespaces, 'phoenix')], ports: [PHOENIX_PORT] }] : []),
    ...redisWays(settings),
  ];
}

function redisUrlSecret({ redis }: Settings): string {
  return redis.mode === 'external' && redis.url.from === 'existing' ? redis.url.secret : 'redis-url';
}

function redisUrlNeeds(settings: Settings): SecretNeed[] {
  return redisNeed(settings, redisUrlSecret(settings), settings.namespaces.tierOne, objectLabels(settings, 'tierkit', TIER_ONE));
}
