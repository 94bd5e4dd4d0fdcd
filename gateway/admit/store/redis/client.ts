import { Cluster, Redis, type RedisOptions } from 'ioredis';

import type { RedisSettings } from './settings.ts';

export type RedisClient = Redis | Cluster;

const CONNECT_TIMEOUT_MS = 2000;
const MOST_WAIT_MS = 1000;

/**
 * A connection that is kept up and fails at once while it is down. Nothing is sent again by the client itself: a decision that ran twice
 * would set aside twice, and settlements know themselves what was lost.
 */
export function createClient(settings: RedisSettings): RedisClient {
  const options = {
    ...(settings.username !== undefined && { username: settings.username }),
    ...(settings.password !== undefined && { password: settings.password.reveal() }),
    ...(settings.tls !== undefined && { tls: settings.tls }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    disableClientInfo: true,
    connectionName: 'tierkit',
    // After a failover an old master answers so; the new one is asked for by connecting anew.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
  const standalone = { ...options, enableOfflineQueue: false, lazyConnect: true, retryStrategy: waitMs };
  const [first] = settings.nodes;
  switch (settings.mode) {
    case 'cluster':
      return new Cluster([...settings.nodes], {
        redisOptions: options,
        enableOfflineQueue: false,
        lazyConnect: true,
        clusterRetryStrategy: waitMs,
        retryDelayOnFailover: 0,
        retryDelayOnClusterDown: 0,
        slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
        slotsRefreshInterval: 5000,
        maxRedirections: 4,
      });
    case 'sentinel':
      return new Redis({
        ...standalone,
        // The client's failoverDetector can end it for good when news comes while it connects: our link finds a new master without.
        sentinels: [...settings.nodes],
        name: settings.master!,
        sentinelRetryStrategy: waitMs,
        ...(settings.database !== undefined && { db: settings.database }),
        ...(settings.sentinelUsername !== undefined && { sentinelUsername: settings.sentinelUsername }),
        ...(settings.sentinelPassword !== undefined && { sentinelPassword: settings.sentinelPassword.reveal() }),
        ...(settings.tls !== undefined && { sentinelTLS: settings.tls, enableTLSForSentinelMode: true }),
      });
    case 'standalone':
      return new Redis({ ...standalone, ...first, ...(settings.database !== undefined && { db: settings.database }) });
  }
}

/** How long to wait before the next attempt to connect, with jitter so that replicas do not come at once. */
function waitMs(attempt: number): number {
  return Math.min(50 * 2 ** Math.min(attempt, 10), MOST_WAIT_MS) * (0.75 + Math.random() / 2);
}
