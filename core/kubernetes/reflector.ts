import type { BackoffSettings } from './backoff.ts';
import type { KubernetesClient } from './client.ts';
import { type Clock, REAL_CLOCK } from './clock.ts';
import type { Keep } from './keep.ts';
import { ListWatch } from './list-watch.ts';
import type { ResourceType } from './resource.ts';
import { type Change, type Held, Store, type StoreSettings } from './store.ts';

/** Settings of time and size, all with defaults. */
export interface ReflectorTuning {
  /** Objects of one page of a list. @default 500 */
  readonly pageSize?: number | undefined;
  /**
   * Time without a byte after which a watch is taken for dead and opened again. The API server sends bookmarks about once a minute.
   * @default 90000
   */
  readonly silentMs?: number | undefined;
  /** Bytes of one event of a watch. etcd holds objects up to 1.5 MiB. @default 16 MiB */
  readonly maxLineBytes?: number | undefined;
  readonly backoff?: BackoffSettings | undefined;
  readonly clock?: Clock | undefined;
}

/** Which objects of a type. */
export interface Scope {
  /** Absent: those of all namespaces. */
  readonly namespaces?: readonly string[] | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ReflectorOptions<T> extends Scope {
  readonly client: KubernetesClient;
  readonly type: ResourceType;
  /** What is held of an object. */
  readonly keep: Keep<T>;
  /** Whether two versions of an object say the same, so that a change is told with `content: false`. */
  readonly same: (one: T, other: T) => boolean;
  /** As {@link StoreSettings.share}. */
  readonly share?: StoreSettings<T>['share'];
  /** Called with the changes of one page or of one piece of a watch, in their order; the first ones are those of the first list. */
  readonly onChange?: ((changes: readonly Change<T>[]) => void) | undefined;
  /** Called when {@link Reflector.state} is another. */
  readonly onState?: ((state: ReflectorState) => void) | undefined;
  /** Ends when the server does not serve the type (and {@link Reflector.run} resolves). @default false */
  readonly endWhenNotServed?: boolean | undefined;
  readonly tuning?: ReflectorTuning | undefined;
}

export interface ReflectorState {
  /**
   * `listing`: the first list is not complete. `synced`: it is, and the watch is being opened. `watching`: changes come in.
   * `failing`: the server refuses or is away; what was read stays.
   */
  readonly state: 'listing' | 'synced' | 'watching' | 'failing' | 'stopped';
  /** Unix milliseconds. */
  readonly since: number;
  /** The last failure, also after it is over. */
  readonly lastError: Error | undefined;
  readonly objects: number;
}

/**
 * The objects of one resource type, as the API server has them: a list, then a watch, for ever.
 *
 * @example
 * const routes = new Reflector({ client, type: HTTP_ROUTE, keep: keepObject, same: sameContent, onChange });
 * void routes.run(stop.signal);
 * if (await routes.synced()) use(routes.all());
 */
export class Reflector<T> {
  readonly type: ResourceType;
  readonly #options: ReflectorOptions<T>;
  readonly #store: Store<T>;
  readonly #parts: readonly ListWatch<T>[];
  readonly #synced = Promise.withResolvers<boolean>();
  #state: ReflectorState['state'] = 'listing';
  #since = Date.now();
  #listed = false;
  #lastError: Error | undefined;

  constructor(options: ReflectorOptions<T>) {
    const { client, type, keep, same, share, namespaces, labelSelector, fieldSelector, endWhenNotServed = false, tuning = {} } = options;
    const { pageSize = 500, silentMs = 90_000, maxLineBytes = 16 * 1024 * 1024, backoff = {}, clock = REAL_CLOCK } = tuning;
    this.#options = options;
    this.type = type;
    this.#store = new Store({ type, keep, same, share });
    const places = type.namespaced && namespaces !== undefined ? [...new Set(namespaces)] : [undefined];
    this.#parts = places.map(
      (namespace) =>
        new ListWatch({
          client,
          type,
          namespace,
          selectors: { labelSelector, fieldSelector },
          pageSize,
          store: this.#store,
          clock,
          backoff,
          silentMs,
          maxLineBytes,
          endWhenNotServed,
          onChange: () => this.#changed(),
          onState: () => this.#update(),
        }),
    );
  }

  /** Runs until the signal, or until the type is not served. Never throws. Once only. */
  async run(signal: AbortSignal): Promise<void> {
    const ends = new AbortController();
    const both = AbortSignal.any([signal, ends.signal]);
    this.#update();
    // No namespaces: nothing to wait for.
    if (this.#parts.length === 0) this.#isListed();
    await Promise.all(this.#parts.map((part) => part.run(both).then(() => ends.abort())));
    this.#update(true);
    this.#synced.resolve(false);
  }

  /** Whether the first list of every namespace is there. Waits for it; false when the reflector ends before. */
  synced(): Promise<boolean> {
    return this.#synced.promise;
  }

  /** Whether the first list has been told of. */
  get listed(): boolean {
    return this.#listed;
  }

  get state(): ReflectorState {
    return { state: this.#state, since: this.#since, lastError: this.#lastError, objects: this.#store.size };
  }

  /** By namespace and name. */
  all(): readonly Held<T>[] {
    return this.#store.all();
  }

  get(namespace: string, name: string): Held<T> | undefined {
    return this.#store.get(namespace, name);
  }

  /** Ends a pause before the next try. */
  hurry(): void {
    for (const part of this.#parts) part.hurry();
  }

  #isListed(): void {
    this.#listed = true;
    this.#synced.resolve(true);
  }

  #changed(): void {
    const changes = this.#store.take();
    if (changes.length > 0) this.#options.onChange?.(changes);
    if (!this.#listed && this.#parts.every(({ listed }) => listed)) this.#isListed();
  }

  #update(ended = false): void {
    const failing = this.#parts.find(({ error }) => error !== undefined)?.error;
    const phases = this.#parts.map(({ phase }) => phase);
    const listed = this.#parts.every((part) => part.listed);
    let state: ReflectorState['state'] = phases.every((phase) => phase === 'watching') ? 'watching' : listed ? 'synced' : 'listing';
    if (failing !== undefined) state = 'failing';
    if (ended) state = 'stopped';
    if (state === this.#state && (failing === undefined || failing === this.#lastError)) return;
    if (state !== this.#state) this.#since = Date.now();
    this.#state = state;
    this.#lastError = failing ?? this.#lastError;
    this.#options.onState?.(this.state);
  }
}
