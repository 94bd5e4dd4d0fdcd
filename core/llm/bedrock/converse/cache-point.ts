import { lifetimeIn, lifetimeOf } from '../../cache-hint.ts';
import type { CacheHint } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import type { Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import type { Family } from './models.ts';

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
  const cache = lifetimeIn(point);
  losses.dropLeft(point);
  const last = found.at(-1);
  if (last === undefined) losses.drop(point.path);
  else found[found.length - 1] = { ...last, cache };
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
  const lifetime = lifetimeOf(cache);
  if (isNova && lifetime.ttl === '1h') losses.approximate(`${at}.cache_control`);
  return [{ cachePoint: { type: 'default', ...(isNova ? {} : lifetime) } }];
}
