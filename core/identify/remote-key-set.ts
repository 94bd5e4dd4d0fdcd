import { hash } from 'node:crypto';

import type { Dispatcher } from 'undici';

import { call } from './call.ts';
import { type Keys, type KeySet, KeySetUnavailable, parseKeySet } from './key-set.ts';

const FETCH_TIMEOUT_MS = 5000;
const MAX_BYTES = 1_048_576;
/** The least age at which a fresh set is fetched again, whatever its Cache-Control says. */
const MIN_AGE_MS = 10_000;
/** At most one look for an unknown key in this time, so that made-up key ids cost the key server nothing. */
const UNKNOWN_KEY_COOLDOWN_MS = 10_000;
const MAX_BACKOFF_MS = 30_000;
/** How long keys are used while their URI is down. After that, a key that was taken back could still be in use. */
const MAX_STALE_MS = 24 * 3_600_000;

/** How a set is fetched; it may change with each load of the configuration. */
export type KeySource = {
  /** How long the keys count as fresh (CRD remoteJWKS.cacheDuration). */
  readonly maxAgeMs: number;
} & (
  | { readonly dispatcher: Dispatcher }
  /** Finds out by itself where the keys are. */
  | { readonly download: () => Promise<Downloaded> }
);

export interface Downloaded {
  readonly text: string;
  /** By its Cache-Control, where that says so. */
  readonly maxAgeMs: number | undefined;
}

/**
 * The keys at a URI, fetched when a token needs them. Fresh keys are used as they are; from 80 % of their age on they are fetched
 * again in the background; older ones wait for the fetch. While the URI is down the last keys go on being used, for a day at most.
 * Never more than one fetch is under way; after a failure the next one waits 1 s, 2 s, … 30 s.
 */
export class RemoteKeySet implements KeySet {
  readonly #url: URL;
  readonly #warn: (message: string) => void;
  #source: KeySource;
  #keys: Keys | undefined;
  #digest = '';
  #ageLimitMs = 0;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #attemptedAt = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #lastFailure: unknown;
  #pending: Promise<void> | undefined;

  constructor(url: URL, source: KeySource, warn: (message: string) => void) {
    this.#url = url;
    this.#source = source;
    this.#warn = warn;
  }

  use(source: KeySource): void {
    this.#source = source;
  }

  get maxAgeMs(): number {
    return this.#source.maxAgeMs;
  }

  peek(): Keys | undefined {
    if (this.#keys === undefined) return undefined;
    const age = Date.now() - this.#fetchedAt;
    const limit = Math.min(this.#ageLimitMs, Math.max(MIN_AGE_MS, this.#source.maxAgeMs));
    if (age < limit * 0.8) return this.#keys;
    if (this.#mayFetch()) void this.#fetch();
    if (age < limit) return this.#keys;
    return this.#failures > 0 && age < MAX_STALE_MS ? this.#keys : undefined;
  }

  async current(): Promise<Keys> {
    const keys = this.peek();
    if (keys !== undefined) return keys;
    if (this.#pending !== undefined || this.#mayFetch()) await this.#fetch();
    if (this.#keys !== undefined && Date.now() - this.#fetchedAt < MAX_STALE_MS) return this.#keys;
    throw new KeySetUnavailable('the key set cannot be fetched now', { cause: this.#lastFailure });
  }

  async renewed(): Promise<Keys> {
    const coolingDown = Date.now() - this.#attemptedAt < UNKNOWN_KEY_COOLDOWN_MS;
    if (this.#pending !== undefined || (!coolingDown && this.#mayFetch())) await this.#fetch();
    return this.current();
  }

  #mayFetch(): boolean {
    if (this.#pending !== undefined) return false;
    if (this.#failures === 0) return true;
    return Date.now() - this.#attemptedAt >= Math.min(MAX_BACKOFF_MS, 1000 * 2 ** (this.#failures - 1));
  }

  /** Joins the fetch that is under way, or starts one. Never throws. */
  #fetch(): Promise<void> {
    this.#pending ??= this.#attempt().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #attempt(): Promise<void> {
    this.#attemptedAt = Date.now();
    try {
      const source = this.#source;
      const { text, maxAgeMs } = await ('download' in source ? source.download() : download(this.#url, source.dispatcher));
      const digest = hash('sha256', text, 'base64');
      // Unchanged keys stay the same object, so that tokens which they verified stay known.
      if (this.#keys === undefined || digest !== this.#digest) this.#keys = parseKeySet(text, false);
      this.#digest = digest;
      this.#ageLimitMs = Math.max(MIN_AGE_MS, maxAgeMs ?? Number.POSITIVE_INFINITY);
      this.#fetchedAt = Date.now();
      this.#failures = 0;
      this.#lastFailure = undefined;
    } catch (error) {
      this.#failures++;
      this.#lastFailure = error;
      if (this.#failures === 1) {
        const reason = error instanceof Error ? error.message : 'unknown reason';
        this.#warn(
          `key set ${this.#url.origin}${this.#url.pathname}: ${reason}${this.#keys === undefined ? '' : '; the last keys go on being used'}`,
        );
      }
    }
  }
}

async function download(url: URL, dispatcher: Dispatcher): Promise<Downloaded> {
  const headers = ['accept', 'application/jwk-set+json, application/json'];
  const request = { origin: url.origin, method: 'GET', path: `${url.pathname}${url.search}`, headers };
  const { statusCode, headers: answered, body } = await call(dispatcher, request, FETCH_TIMEOUT_MS);
  if (statusCode !== 200) {
    // Destroying it would emit an error that nobody hears.
    void body.dump({ limit: MAX_BYTES }).catch(() => undefined);
    const redirect = statusCode >= 300 && statusCode < 400 ? ', and redirects are not followed' : '';
    throw new Error(`answered with status ${statusCode}${redirect}`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop destroys the body.
    if (bytes > MAX_BYTES) throw new Error(`is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return { text: Buffer.concat(chunks).toString('utf8'), maxAgeMs: cacheAge(answered['cache-control']) };
}

/** `max-age` of Cache-Control in milliseconds; 0 for `no-cache` and `no-store` (RFC 9111, section 5.2.2). */
function cacheAge(value: string | string[] | undefined): number | undefined {
  if (value === undefined) return undefined;
  const text = String(value).toLowerCase();
  if (/\bno-(?:cache|store)\b/.test(text)) return 0;
  const seconds = /\bmax-age="?(\d{1,9})/.exec(text)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
