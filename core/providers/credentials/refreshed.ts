import { Backoff } from '../../kubernetes/backoff.ts';
import { FetchFailed, reasonOf } from './fetch-failed.ts';

/** A value that somebody gave for a time. */
export interface Fetched<T> {
  readonly value: T;
  /** Unix milliseconds; undefined: it does not say. */
  readonly expiresAt: number | undefined;
  /** When a value without an end is looked at again; undefined: never. */
  readonly againMs?: number;
}

/** Gets a value. The signal aborts when its time is over. */
export type Fetch<T> = (signal: AbortSignal) => Promise<Fetched<T>>;

/** What an operator may know of a credential that is fetched: no part of it. */
export interface RefreshState {
  readonly name: string;
  readonly status: 'starting' | 'ok' | 'failing';
  /** ISO 8601, as the others. */
  readonly failingSince: string | undefined;
  readonly lastError: string | undefined;
  readonly expiresAt: string | undefined;
}

/** How often it was fetched so far, and how often that failed. */
export interface RefreshCounts {
  ok: number;
  failed: number;
}

export interface RefreshOptions {
  /** Counted up here. */
  readonly counts?: RefreshCounts | undefined;
  /** Takes one line for each change of state. */
  readonly tell?: ((message: string) => void) | undefined;
  /** From 0 up to 1. */
  readonly random?: (() => number) | undefined;
}

/** What a value is for, and what it is fetched with. */
export interface Source {
  /** Whose it is, for the operator. */
  readonly name: string;
  /** `namespace/name` and `type` of the policy, for metrics. */
  readonly policy: string;
  readonly type: string;
  /** Whom it makes requests in the name of: all that it depends on but the secrets. */
  readonly identity: readonly [type: string, ...unknown[]];
  readonly secrets: readonly string[];
}

const ATTEMPT_MS = 10_000;
const BEFORE_END_MS = 300_000;
/** Of its life, where that is short. */
const BEFORE_END_SHARE = 0.2;
/** Of the time until it is due: the gateways of one cluster do not come all at once. */
const JITTER_SHARE = 0.1;
const LEAST_MS = 1000;
/** Also keeps within what a timer can count. */
const MOST_MS = 86_400_000;

/**
 * A value that is there when a request needs it: fetched when it is configured, and again before it ends. A request never waits for it. While
 * its source is down the last value is used until it ends. One attempt at a time; after a failure the next one waits up to 1 s, 2 s, … 60 s.
 */
export class Refreshed<T> {
  readonly name: string;
  readonly #fetch: Fetch<T>;
  readonly #tell: (message: string) => void;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #counts: RefreshCounts;
  #held: Fetched<T> | undefined;
  #before: T | undefined;
  #timer: NodeJS.Timeout | undefined;
  #attempt: AbortController | undefined;
  #failingSince: number | undefined;
  #lastError: string | undefined;
  #started = false;
  #closed = false;

  /** @param last one of the same identity, whose value is used until this one's comes: a new secret costs no request */
  constructor(
    name: string,
    fetch: Fetch<T>,
    { tell = () => undefined, random = Math.random, counts = { ok: 0, failed: 0 } }: RefreshOptions = {},
    last?: Refreshed<T>,
  ) {
    this.#held = last === undefined ? undefined : last.#held;
    this.name = name;
    this.#fetch = fetch;
    this.#tell = tell;
    this.#random = random;
    this.#counts = counts;
    this.#backoff = new Backoff({ baseMs: 1000, capMs: 60_000, random });
  }

  /** Begins to fetch, once. */
  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    void this.#renew();
  }

  /** Undefined: there is none yet, or it has ended. */
  get current(): T | undefined {
    const held = this.#held;
    if (held === undefined || held.expiresAt === undefined || held.expiresAt > Date.now()) return held?.value;
    // A machine that slept has timers that are late: the value is fetched, but no request waits for it.
    if (this.#failingSince === undefined && this.#attempt === undefined && this.#started && !this.#closed) void this.#renew();
    return undefined;
  }

  /** Whether it is in service: one of a configuration that is being compiled is not. */
  get started(): boolean {
    return this.#started;
  }

  /** Unix milliseconds; 0: there is no value yet; undefined: the value does not say. */
  get endsAt(): number | undefined {
    return this.#held === undefined ? 0 : this.#held.expiresAt;
  }

  /** The value now, and the one before: an answer may still speak of that. */
  get lately(): readonly T[] {
    return [this.#held?.value, this.#before].filter((value) => value !== undefined);
  }

  state(): RefreshState {
    const status = this.#failingSince !== undefined ? 'failing' : this.#held === undefined ? 'starting' : 'ok';
    return {
      name: this.name,
      status,
      failingSince: iso(this.#failingSince),
      lastError: this.#lastError,
      expiresAt: iso(this.#held?.expiresAt),
    };
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#attempt?.abort();
  }

  async #renew(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const attempt = new AbortController();
    this.#attempt = attempt;
    let delayMs: number | undefined;
    try {
      delayMs = this.#take(await within(this.#fetch, attempt));
    } catch (error) {
      delayMs = this.#failed(error);
    }
    this.#attempt = undefined;
    if (delayMs === undefined || this.#closed) return;
    this.#timer = setTimeout(() => void this.#renew(), delayMs).unref();
  }

  /** @returns the time until it is fetched again */
  #take(fetched: Fetched<T>): number | undefined {
    const { expiresAt, againMs } = fetched;
    const lifeMs = expiresAt === undefined ? undefined : expiresAt - Date.now();
    if (lifeMs !== undefined && !(lifeMs > 0)) throw new FetchFailed('what came has ended already');
    this.#before = this.#held?.value;
    this.#held = fetched;
    this.#backoff.succeeded();
    this.#counts.ok++;
    if (this.#failingSince !== undefined && !this.#closed) this.#tell(`${this.name}: its credential is fetched again`);
    this.#failingSince = undefined;
    this.#lastError = undefined;
    if (lifeMs === undefined) return againMs;
    const dueMs = lifeMs - Math.min(BEFORE_END_MS, lifeMs * BEFORE_END_SHARE);
    return Math.min(MOST_MS, Math.max(LEAST_MS, dueMs * (1 - this.#random() * JITTER_SHARE)));
  }

  #failed(error: unknown): number {
    this.#lastError = reasonOf(error);
    // One that is closed was given up.
    if (!this.#closed) this.#counts.failed++;
    const isFirst = this.#failingSince === undefined;
    this.#failingSince ??= Date.now();
    if (isFirst && !this.#closed) {
      const still = this.current === undefined ? '' : '; the last one is used until it ends';
      this.#tell(`${this.name}: its credential cannot be fetched: ${this.#lastError}${still}`);
    }
    return this.#backoff.failed();
  }
}

/** Ends an attempt after its time (10 s) even where it does not heed its signal. */
export async function within<T>(fetch: Fetch<T>, attempt: AbortController): Promise<Fetched<T>> {
  const { signal } = attempt;
  const timer = setTimeout(() => attempt.abort(new FetchFailed(`no answer within ${ATTEMPT_MS / 1000} s`)), ATTEMPT_MS).unref();
  try {
    return await new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      fetch(signal).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
  }
}

function iso(time: number | undefined): string | undefined {
  return time === undefined ? undefined : new Date(time).toISOString();
}
