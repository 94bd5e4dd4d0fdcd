import type { SecretReference, Settings } from '../settings.ts';
import { objectLabels, podLabels } from './labels.ts';
import { TIER_ONE } from './names.ts';
import { addDefaultDeny, addPolicy, ANYWHERE, type Way } from './network.ts';
import { addClaim, addNamespace, addService } from './objects.ts';
import type { Manifest, Part, SecretNeed } from './part.ts';
import { amountOf } from './quantity.ts';
import { externalSecrets, secretNeed, type WantedSecret } from './secrets.ts';
import { Sheet } from './sheet.ts';
import { addWorkload } from './workload.ts';

const PORT = 6379;
/** Name of the generated password. */
const PASSWORD = 'redis';
/** Key of the Secret, and the variable of tier one. */
export const REDIS_URL = 'REDIS_URL';
const CONFIG = 'redis-config';
const PASSWORD_KEY = 'password';

/** One Redis that counts for all replicas of tier one. */
export function redisPart(settings: Settings): Part | undefined {
  const { redis, namespaces, images } = settings;
  if (redis.mode !== 'in-cluster') return undefined;
  const labels = podLabels(settings, 'redis', 'counts');
  const sheet = new Sheet(namespaces.redis, objectLabels(settings, 'redis', 'counts'));
  addNamespace(sheet);
  addClaim(sheet, settings, 'redis-data', redis.storage);
  addService(sheet, { name: 'redis', labels, ports: { redis: PORT } });
  addWorkload(sheet, settings, {
    name: 'redis',
    labels,
    image: images.redis,
    command: ['redis-server'],
    args: ['/etc/redis/redis.conf'],
    env: { REDISCLI_AUTH: { secret: CONFIG, key: PASSWORD_KEY } },
    ports: { redis: PORT },
    mounts: [
      { path: '/etc/redis', secret: CONFIG },
      { path: '/data', claim: 'redis-data' },
    ],
    resources: redis.resources,
    replicas: 1,
    live: { tcp: PORT },
    // Not while it is reading what it had written: it would answer every command with an error.
    ready: { command: ['redis-cli', 'ping'] },
    drainSeconds: 20,
    leaves: false,
    user: 999,
    recreate: true,
  });
  if (settings.networkPolicies.enabled) {
    addDefaultDeny(sheet);
    addPolicy(sheet, 'redis', labels, {
      from: [{ peers: [{ namespace: namespaces.tierOne, labels: { 'app.kubernetes.io/component': TIER_ONE } }], ports: [PORT] }],
    });
  }
  return {
    name: 'redis',
    cluster: 'gateway',
    needs: [],
    manifests: sheet.manifests(),
    secrets: [configNeed(settings, redis.resources.memory)],
    late: [],
    awaited: [],
  };
}

function configNeed(settings: Settings, memory: string): SecretNeed {
  const lines = [
    'requirepass ${redis}',
    'dir /data',
    'appendonly yes',
    // A second of counts may be lost with the machine; waiting for the disk on each request would cost more.
    'appendfsync everysec',
    'save ""',
    // Half: while the file is written anew, a copy of what changes is in memory as well.
    `maxmemory ${Math.floor(amountOf(memory) / 2)}`,
    // Counts that are thrown away would be limits that nobody keeps.
    'maxmemory-policy noeviction',
  ];
  return {
    namespace: settings.namespaces.redis,
    name: CONFIG,
    labels: objectLabels(settings, 'redis', 'counts'),
    values: {
      'redis.conf': { from: 'template', text: `${lines.join('\n')}\n`, names: [PASSWORD] },
      [PASSWORD_KEY]: { from: 'generated', name: PASSWORD },
    },
  };
}

/** What tier one has to know of Redis. */
export function redisNeed(
  { redis, namespaces }: Settings,
  name: string,
  namespace: string,
  labels: Readonly<Record<string, string>>,
): SecretNeed[] {
  if (redis.mode === 'none') return [];
  if (redis.mode === 'external') return [secretNeed(wantedUrl(redis.url, name, namespace, labels))];
  const text = `redis://:\${${PASSWORD}}@redis.${namespaces.redis}.svc:${PORT}`;
  return [{ namespace, name, labels, values: { [REDIS_URL]: { from: 'template', text, names: [PASSWORD] } } }];
}

/** What makes the Secret with the URL of an external Redis, where the settings say so. */
export function redisUrlManifests({ redis, namespaces }: Settings, name: string, labels: Readonly<Record<string, string>>): Manifest[] {
  return redis.mode === 'external' ? externalSecrets(wantedUrl(redis.url, name, namespaces.tierOne, labels)) : [];
}

function wantedUrl(reference: SecretReference, name: string, namespace: string, labels: Readonly<Record<string, string>>): WantedSecret {
  return { namespace, name, key: REDIS_URL, labels, reference, path: 'redis.url' };
}

/** Where tier one reaches it, for the network policies. An external one may be anywhere: its address is in a Secret. */
export function redisWays({ redis, namespaces }: Settings): Way[] {
  if (redis.mode === 'none') return [];
  const here = [{ namespace: namespaces.redis, labels: { 'app.kubernetes.io/name': 'redis' } }];
  return [redis.mode === 'in-cluster' ? { peers: here, ports: [PORT] } : { peers: ANYWHERE, ports: [PORT, 6380, 26_379] }];
}
