import type { CacheHint } from './conversation.ts';
import type { Fields } from './fields.ts';

const HOUR = 3600;

/** `cache_control` of Anthropic, which clients of chat completions send to it as well. @see https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching */
export function cacheHint(of: Fields): { readonly cache?: CacheHint } {
  const control = of.object('cache_control');
  if (control === undefined) return {};
  const type = control.requiredText('type');
  if (type !== 'ephemeral') throw control.wrong('type', `must be "ephemeral", not "${type}"`);
  const ttl = control.text('ttl');
  if (ttl !== undefined && ttl !== '5m' && ttl !== '1h') throw control.wrong('ttl', `must be "5m" or "1h", not "${ttl}"`);
  return { cache: { ttl: ttl === undefined ? undefined : ttl === '1h' ? HOUR : 300 } };
}

/** @returns the field, or nothing where there is no hint */
export function cacheControl(cache: CacheHint | undefined): { readonly cache_control?: object } {
  if (cache === undefined) return {};
  const { ttl } = cache;
  return { cache_control: { type: 'ephemeral', ...(ttl === undefined ? {} : { ttl: ttl >= HOUR ? '1h' : '5m' }) } };
}
