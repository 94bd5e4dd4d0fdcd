import { cacheControl } from '../cache-hint.ts';
import type { CacheHint } from '../conversation.ts';
import type { Json } from '../given.ts';
import type { Writing } from '../losses.ts';

/** Providers that take the APIs of OpenAI cache by themselves: only clients of these say more. */
export function cacheOf(cache: CacheHint | undefined, at: string, to: Writing): Json {
  if (to.isOwn) return cacheControl(cache);
  if (cache !== undefined) to.losses.drop(`${at}.cache_control`);
  return {};
}
