import { readFileSync } from 'node:fs';

import { Counts } from '../gateway/admit/counts.ts';
import { FallbackStore } from '../gateway/admit/store/fallback-store.ts';
import { LeasedStore } from '../gateway/admit/store/leases/leased-store.ts';
import { MemoryStore } from '../gateway/admit/store/memory/memory-store.ts';
import { PersistentMemoryStore } from '../gateway/admit/store/memory/persistent-store.ts';
import { RedisStore } from '../gateway/admit/store/redis/redis-store.ts';
import { describeRedis, parseRedisUrl, type RedisSettings } from '../gateway/admit/store/redis/settings.ts';
import { UsageError } from './command.ts';

/** Options that say where limits and budgets are counted. */
export const COUNTS_OPTIONS = {
  redis: { type: 'string' },
  'redis-ca': { type: 'string' },
  'limits-mode': { type: 'string', default: 'exact' },
  'limits-failure': { type: 'string', default: 'open' },
  'limits-share': { type: 'string', default: '0.5' },
  'limits-file': { type: 'string' },
} as const;

export const COUNTS_HELP = `  --redis URL                counts of limits and budgets that all replicas share (default $REDIS_URL): redis://, rediss://, redis+sentinel://
                             or redis+cluster://, with user:password@; without it this process counts for itself
  --redis-ca FILE            certificates (PEM) to trust with rediss://
  --limits-mode MODE         exact: Redis decides on each request (default); leases: replicas lease units in advance and ask it rarely
  --limits-failure MODE      what becomes of requests while Redis is away: open (default) counts here with a share of each limit,
                             closed refuses with 503; budgets say it themselves (failureMode)
  --limits-share SHARE       that share, 0 to 1 (default 0.5; 1/replicas keeps the limit)
  --limits-file FILE         keeps counts of this process over a restart (without --redis)
`;

type CountsValues = { readonly [Name in keyof typeof COUNTS_OPTIONS]?: string };
type Log = (level: 'info' | 'warn' | 'error', message: string) => void;

/** How long a start waits for Redis before it goes on without. */
const CONNECT_MS = 2000;

/** @throws UsageError that never shows the URL, as a password may be in it */
export async function countsOf(values: CountsValues, redisUrl: string | undefined, log: Log): Promise<Counts> {
  const mode = oneOf(values['limits-mode']!, ['exact', 'leases'], 'limits-mode');
  const share = shareOf(values['limits-share']!);
  const url = values.redis ?? redisUrl;
  const file = values['limits-file'];
  if (url === undefined || url === '') {
    if (mode === 'leases') throw new UsageError('--limits-mode leases needs --redis, or REDIS_URL: it is there that units are leased');
    return new Counts(file === undefined ? new MemoryStore() : await openFile(file, log));
  }
  if (file !== undefined) throw new UsageError('--limits-file is for counts of this process alone: with --redis they are kept there');
  const settings = settingsOf(url, values['redis-ca']);
  const options = {
    settings,
    onChange: (up: boolean, message: string) => log(up ? 'info' : 'warn', message),
    onLost: (count: string, units: number) => log('error', `${units} units of ${count} could not be charged: Redis was away for too long`),
  };
  const store = mode === 'leases' ? new LeasedStore(options) : new RedisStore(options);
  const isThere = await store.connected(CONNECT_MS);
  if (isThere) log('info', `limits and budgets are counted in Redis (${describeRedis(settings)})`);
  else log('warn', `${store.unavailable}; until it can, --limits-failure and the failureMode of each budget say what becomes of requests`);
  return new Counts(new MemoryStore(), new FallbackStore({ shared: store, share }));
}

export function failureModeOf(values: CountsValues): 'open' | 'closed' {
  return oneOf(values['limits-failure']!, ['open', 'closed'], 'limits-failure');
}

function oneOf<const T extends string>(value: string, known: readonly T[], option: string): T {
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  throw new UsageError(`--${option} must be ${known.join(' or ')}, not "${value}"`);
}

function shareOf(text: string): number {
  const share = /^\d?(\.\d+)?$/.test(text) && text !== '' ? Number(text) : Number.NaN;
  if (share >= 0 && share <= 1) return share;
  throw new UsageError(`--limits-share must be a number from 0 to 1, not "${text}"`);
}

function settingsOf(url: string, caFile: string | undefined): RedisSettings {
  let ca: string | undefined;
  try {
    ca = caFile === undefined ? undefined : readFileSync(caFile, 'utf8');
  } catch (error) {
    throw new UsageError(`--redis-ca ${caFile} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    return parseRedisUrl(url, ca);
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function openFile(file: string, log: Log): Promise<PersistentMemoryStore> {
  return PersistentMemoryStore.open({ file, onProblem: (problem) => log('warn', problem) });
}
