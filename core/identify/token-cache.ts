import { hash } from 'node:crypto';

import type { Keys } from './key-set.ts';

const MAX_AGE_MS = 300_000;
const MAX_ENTRIES = 4096;

interface Entry<T> {
  readonly value: T;
  /** The keys that verified the token. When the set has others, the token is verified again. */
  readonly keys: Keys;
  readonly until: number;
}

/** SHA-256 of a whole token: the only thing by which a token is remembered. */
export function tokenDigest(token: string): string {
  return hash('sha256', token, 'base64');
}

/** What verified tokens said, until they expire, for five minutes at most, and only as long as the keys stay. */
export class TokenCache<T> {
  readonly #entries = new Map<string, Entry<T>>();

  /** @param key built from {@link tokenDigest}, never from a part of the token. */
  get(key: string, keys: Keys): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.keys === keys && Date.now() < entry.until) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** @param expiresAtMs `exp` of the token in milliseconds since 1970. */
  set(key: string, value: T, keys: Keys, expiresAtMs: number | undefined): void {
    const until = Math.min(Date.now() + MAX_AGE_MS, expiresAtMs ?? Number.POSITIVE_INFINITY);
    if (until <= Date.now()) return;
    if (this.#entries.size >= MAX_ENTRIES && !this.#entries.has(key)) {
      const oldest = this.#entries.keys().next();
      if (oldest.done !== true) this.#entries.delete(oldest.value);
    }
    this.#entries.set(key, { value, keys, until });
  }

  get size(): number {
    return this.#entries.size;
  }
}
