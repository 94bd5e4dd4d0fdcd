import type { CacheHint } from './conversation.ts';
import type { Fields } from './fields.ts';

const HOUR = 3600;

/** `cache_control` of Anthropic, which clients of chat completions send to it as well. @see https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching */
export function cacheHint(of: Fields): { readonly cache?: CacheHint } {
  const control = of.object('cache_control');
  if (control === undefined) return {};
  const type = control.requiredText('type');
  if (type !== 'ephemeral') throw control.wrong('type', `must be "ephemeral", not "${type}"`);
  return { cache: lifetimeIn(control) };
}

/** `ttl` of Anthropic and of Bedrock. */
export function lifetimeIn(of: Fields): CacheHint {
  const ttl = of.text('ttl');
  if (ttl !== undefined && ttl !== '5m' && ttl !== '1h') throw of.wrong('ttl', `must be "5m" or "1h", not "${ttl}"`);
  return { ttl: ttl === undefined ? undefined : ttl === '1h' ? HOUR : 300 };
}

/** What {@link lifetimeIn} reads. */
export function lifetimeOf({ ttl }: CacheHint): { readonly ttl?: '5m' | '1h' } {
  return ttl === undefined ? {} : { ttl: ttl >= HOUR ? '1h' : '5m' };
}

/** @returns the field, or nothing where there is no hint */
export function cacheControl(cache: CacheHint | undefined): { readonly cache_control?: object } {
  if (cache === undefined) return {};
  return { cache_control: { type: 'ephemeral', ...lifetimeOf(cache) } };
}
