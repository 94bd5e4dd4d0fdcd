import type { CacheHint } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import type { Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import type { Family } from './models.ts';

const HOUR = 3600;

interface Cached {
  readonly cache?: CacheHint;
}

/**
 * Puts a `cachePoint` of a list on what stands before it.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CachePointBlock.html
 */
export function markCached(found: Cached[], of: Fields, losses: Losses): void {
  const point = of.object('cachePoint');
  if (point === undefined) return;
  const type = point.requiredText('type');
  if (type !== 'default') throw point.wrong('type', `must be "default", not "${type}"`);
  const ttl = point.text('ttl');
  if (ttl !== undefined && ttl !== '5m' && ttl !== '1h') throw point.wrong('ttl', `must be "5m" or "1h", not "${ttl}"`);
  losses.dropLeft(point);
  const last = found.at(-1);
  if (last === undefined) losses.drop(point.path);
  else found[found.length - 1] = { ...last, cache: { ttl: ttl === undefined ? undefined : ttl === '1h' ? HOUR : 300 } };
}

/** What a point for the cache is written with. */
export interface PointWriting {
  readonly losses: Losses;
  readonly family: Family | undefined;
}

/** Models that have no cache refuse points for it; Nova has none for tools, and one lifetime. */
export function cachePoints(cache: CacheHint | undefined, at: string, isTool: boolean, { losses, family }: PointWriting): Json[] {
  if (cache === undefined) return [];
  const isNova = family === 'nova' || family === 'nova-2';
  if (family === 'open' || family === 'mistral' || (isNova && isTool)) {
    losses.drop(`${at}.cache_control`);
    return [];
  }
  const { ttl } = cache;
  if (isNova && ttl !== undefined && ttl >= HOUR) losses.approximate(`${at}.cache_control`);
  return [{ cachePoint: { type: 'default', ...(ttl === undefined || isNova ? {} : { ttl: ttl >= HOUR ? '1h' : '5m' }) } }];
}
