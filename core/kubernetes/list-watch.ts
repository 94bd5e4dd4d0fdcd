import { Backoff, type BackoffSettings } from './backoff.ts';
import { type Clock, pause } from './clock.ts';
import { errorOfAnswer, KubernetesError } from './error.ts';
import { listInto, type ListSettings } from './list.ts';
import { pathOf, targetOf } from './resource.ts';
import type { Store } from './store.ts';
import { readWatch, type WatchEvent, type WatchLimits } from './watch-events.ts';

export interface ListWatchSettings<T> extends ListSettings {
  readonly store: Store<T>;
  readonly clock: Clock;
  readonly backoff: BackoffSettings;
  readonly silentMs: number;
  readonly maxLineBytes: number;
  /** The store may have changed. */
  readonly onChange: () => void;
  readonly onState: () => void;
  /** Ends when the server does not know the type, for whoever looks for another version. */
  readonly endWhenNotServed: boolean;
}

export type Phase = 'listing' | 'synced' | 'watching';

/** A watch that has lived so long, or brought something, works; one that breaks at once does not, whatever its start said. */
const PROVEN_MS = 1000;
/** The server ends a watch after 5 to 10 minutes, so that not all of them end together. */
const WATCH_SECONDS = 300;
const WATCH_MARGIN_MS = 60_000;

/**
 * Keeps one part of a store as the server has it: lists, watches from that version, and goes on after whatever happens.
 *
 * client-node's informer does not do: it takes the list in one piece (20,000 routes stop the process for a second), ends a quiet but
 * healthy watch after 30 s, stops at nearly every error until it is started again, skips lines that it cannot parse, asks for no bookmarks,
 * bounds no line, and holds whole objects. So its credentials are used, and this instead of its watch.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
export class ListWatch<T> {
  readonly #settings: ListWatchSettings<T>;
  readonly #backoff: Backoff;
  readonly #random: () => number;
  #version: string | undefined;
  #listed = false;
  #phase: Phase = 'listing';
  #error: Error | undefined;
  #hurry: AbortController | undefined;

  constructor(settings: ListWatchSettings<T>) {
    this.#settings = settings;
    this.#backoff = new Backoff(settings.backoff);
    this.#random = settings.backoff.random ?? Math.random;
  }

  /** The first list is in the store. */
  get listed(): boolean {
    return this.#listed;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Why it fails now; undefined while it works. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Ends a pause: others reach the server again. */
  hurry(): void {
    this.#hurry?.abort();
  }

  /** Runs until the signal, or until the type is not served, if that is to end it. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let failure: unknown;
      try {
        if (this.#version === undefined) await this.#list(signal);
        failure = await this.#watch(signal);
      } catch (error) {
        failure = error;
      }
      if (signal.aborted) return;
      // The store may have taken events before the failure.
      this.#settings.onChange();
      if (failure === undefined) continue;
      if (this.#failed(failure)) return;
      const retryAfterMs = failure instanceof KubernetesError ? failure.retryAfterMs : undefined;
      this.#hurry = new AbortController();
      await pause(this.#settings.clock, this.#backoff.failed(retryAfterMs), signal, this.#hurry.signal);
      this.#hurry = undefined;
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    this.#enter('listing');
    this.#version = await listInto(this.#settings.store, this.#settings, signal);
    this.#listed = true;
    this.#enter('synced');
    this.#settings.onChange();
  }

  /** @returns why it ended, unless it may be followed by the next one at once */
  async #watch(signal: AbortSignal): Promise<unknown> {
    const { client, type, namespace, selectors, clock, silentMs, maxLineBytes } = this.#settings;
    const seconds = Math.round(WATCH_SECONDS * (1 + this.#random()));
    const query = { ...selectors, resourceVersion: this.#version, allowWatchBookmarks: true, timeoutSeconds: seconds };
    const stream = await client.watch(type, namespace, query, signal);
    this.#enter('watching');
    const limits: WatchLimits = { clock, silentMs, longestMs: seconds * 1000 + WATCH_MARGIN_MS, maxLineBytes };
    let proven = false;
    const prove = () => {
      if (proven) return;
      proven = true;
      this.#works();
    };
    const cancel = clock.after(PROVEN_MS, prove);
    let refused: KubernetesError | undefined;
    try {
      const end = await readWatch(stream, limits, (events) => {
        for (const event of events) {
          if (event.type === 'ERROR') {
            const { code = 500 } = event.status;
            refused = errorOfAnswer(targetOf('GET', pathOf(type, { namespace }), true), code, event.status);
            break;
          }
          this.#take(event);
        }
        if (refused === undefined) prove();
        this.#settings.onChange();
        return refused === undefined;
      });
      if (refused !== undefined) return refused;
      return end !== 'closed' || proven ? undefined : new ShortWatch('the server ends the watch as soon as it has begun');
    } finally {
      cancel();
      this.#enter('synced');
    }
  }

  #take(event: Exclude<WatchEvent, { type: 'ERROR' }>): void {
    const { store } = this.#settings;
    if (event.type === 'DELETED') store.remove(event.object);
    else if (event.type !== 'BOOKMARK') store.put(event.object);
    this.#version = event.version;
  }

  /** @returns whether this is the end */
  #failed(failure: unknown): boolean {
    const error = failure instanceof Error ? failure : new Error(String(failure));
    const answered = error instanceof KubernetesError && error.status > 0;
    if (answered && error.notServed && this.#settings.endWhenNotServed) {
      this.#version = undefined;
      this.#error = error;
      this.#settings.onState();
      return true;
    }
    // Expired (410), a version that is none (400), or a watch that cannot be read on: only a list leads out.
    const short = error instanceof ShortWatch;
    if (error instanceof KubernetesError ? error.expired || error.status === 400 : !short) this.#version = undefined;
    // Versions expire, and connections are cut: the next try tells whether it is more than that.
    const usual = short || (error instanceof KubernetesError && (error.expired || wasCut(error)));
    if (!usual || this.#backoff.failures > 0) {
      this.#error = error;
      this.#settings.onState();
    }
    return false;
  }

  #works(): void {
    this.#backoff.succeeded();
    if (this.#error === undefined) return;
    this.#error = undefined;
    this.#settings.onState();
  }

  #enter(phase: Phase): void {
    if (this.#phase === phase) return;
    this.#phase = phase;
    this.#settings.onState();
  }
}

/** An end that looks like a good one, and came too soon to be one. */
class ShortWatch extends Error {}

function wasCut({ status, reason, verb }: KubernetesError): boolean {
  return status === 0 && reason === 'Unreachable' && verb === 'watch';
}
