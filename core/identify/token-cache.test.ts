import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import type { Keys } from './key-set.ts';
import { TokenCache, tokenDigest } from './token-cache.ts';

const keys: Keys = { list: [] };
const other: Keys = { list: [] };

beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => vi.useRealTimers());

it('remembers until the token expires, five minutes at most, and only with the same keys', () => {
  const cache = new TokenCache<string>();
  cache.set('soon', 'v', keys, Date.now() + 1000);
  cache.set('late', 'v', keys, Date.now() + 3_600_000);
  cache.set('never', 'v', keys, undefined);
  cache.set('past', 'v', keys, Date.now());
  expect(cache.get('past', keys)).toBeUndefined();
  expect(cache.get('soon', keys)).toBe('v');
  vi.advanceTimersByTime(1000);
  expect(cache.get('soon', keys)).toBeUndefined();
  vi.advanceTimersByTime(298_999);
  expect([cache.get('late', keys), cache.get('never', keys)]).toEqual(['v', 'v']);
  expect(cache.get('never', other)).toBeUndefined();
  expect(cache.get('never', keys)).toBeUndefined();
  vi.advanceTimersByTime(1);
  expect(cache.get('late', keys)).toBeUndefined();
});

it('stays small, and lets the oldest go', () => {
  const cache = new TokenCache<number>();
  for (let index = 0; index < 5000; index++) cache.set(tokenDigest(`${index}`), index, keys, undefined);
  expect(cache.size).toBe(4096);
  expect(cache.get(tokenDigest('0'), keys)).toBeUndefined();
  expect(cache.get(tokenDigest('4999'), keys)).toBe(4999);
});
