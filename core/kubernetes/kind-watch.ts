import { Backoff } from './backoff.ts';
import type { KubernetesClient } from './client.ts';
import { pause, REAL_CLOCK } from './clock.ts';
import { servedType, type WantedKind } from './discovery.ts';
import { KubernetesError } from './error.ts';
import { type Keep, keepObject, sameContent, shareContent } from './keep.ts';
import { Reflector, type ReflectorState, type ReflectorTuning, type Scope } from './reflector.ts';
import { apiVersionOf, type KubernetesObject, type ResourceType, resourceName } from './resource.ts';
import type { Change, Held } from './store.ts';

/** A kind that a cluster watch follows. */
export interface WatchedKind extends WantedKind, Scope {
  /** @default {@link keepObject} */
  readonly keep?: Keep<KubernetesObject> | undefined;
}

export interface KindState extends Omit<ReflectorState, 'state'> {
  readonly group: string;
  readonly kind: string;
  /** The version that is watched; undefined while none is. */
  readonly version: string | undefined;
  /** `missing`: the cluster does not serve the kind; it is looked for again and again. */
  readonly state: ReflectorState['state'] | 'missing';
}

export interface KindWatchSettings {
  readonly client: KubernetesClient;
  readonly kind: WatchedKind;
  readonly tuning: ReflectorTuning;
  /** Time between two looks for a kind that is missing. */
  readonly recheckMs: number;
  readonly onChange: (changes: readonly Change<KubernetesObject>[]) => void;
  readonly onState: () => void;
}

/** One kind of a cluster: waits for its CRD, then reflects its objects. */
export class KindWatch {
  readonly name: string;
  readonly #settings: KindWatchSettings;
  readonly #synced = Promise.withResolvers<boolean>();
  #reflector: Reflector<KubernetesObject> | undefined;
  #missing = false;
  /** Why it cannot be told whether the kind is served. */
  #error: Error | undefined;
  #since = Date.now();
  #hurry: AbortController | undefined;

  constructor(settings: KindWatchSettings) {
    this.#settings = settings;
    this.name = resourceName(settings.kind);
  }

  /** Runs until the signal. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock = REAL_CLOCK, backoff = {} } = this.#settings.tuning;
    const { recheckMs } = this.#settings;
    const { random = Math.random } = backoff;
    const failures = new Backoff(backoff);
    while (!signal.aborted) {
      let pauseMs = recheckMs * (0.75 + random() / 2);
      try {
        const type = await servedType(this.#settings.client, this.#settings.kind, signal);
        failures.succeeded();
        this.#error = undefined;
        await this.#follow(type, signal);
      } catch (error) {
        this.#error = error instanceof Error ? error : new Error(String(error));
        pauseMs = failures.failed();
      }
      if (signal.aborted) break;
      this.#since = Date.now();
      this.#settings.onState();
      this.#hurry = new AbortController();
      await pause(clock, pauseMs, signal, this.#hurry.signal);
      this.#hurry = undefined;
    }
    this.#synced.resolve(false);
  }

  /** Whether everything that the cluster has of the kind is here, which is nothing for a kind that it does not serve. */
  synced(): Promise<boolean> {
    return this.#synced.promise;
  }

  get state(): KindState {
    const { group, kind } = this.#settings.kind;
    const reflected = this.#reflector?.state ?? { state: 'listing' as const, since: this.#since, lastError: undefined, objects: 0 };
    const version = this.#missing ? undefined : this.#reflector?.type.version;
    if (this.#missing) return { ...reflected, group, kind, version, state: 'missing', since: this.#since };
    if (this.#error === undefined) return { ...reflected, group, kind, version };
    return { ...reflected, group, kind, version, state: 'failing', since: this.#since, lastError: this.#error };
  }

  /** Why it fails now; a kind that is missing does not. */
  get error(): Error | undefined {
    const { state, lastError } = this.state;
    if (state !== 'failing' || (lastError instanceof KubernetesError && lastError.notServed)) return undefined;
    return lastError;
  }

  all(): readonly Held<KubernetesObject>[] {
    return this.#reflector?.all() ?? [];
  }

  get(namespace: string, name: string): Held<KubernetesObject> | undefined {
    return this.#reflector?.get(namespace, name);
  }

  hurry(): void {
    this.#reflector?.hurry();
    // A kind that is missing is not to be looked for any sooner.
    if (this.#error !== undefined) this.#hurry?.abort();
  }

  /** @param type undefined: the cluster does not serve the kind */
  async #follow(type: ResourceType | undefined, signal: AbortSignal): Promise<void> {
    const before = this.#reflector;
    if (type === undefined || (before !== undefined && before.type.version !== type.version)) {
      // Its list failed a while ago, and a CRD that is written anew would be back by now.
      if (before !== undefined) this.#drop(before);
      this.#missing = type === undefined;
      if (type === undefined) {
        this.#synced.resolve(true);
        return;
      }
    }
    this.#missing = false;
    const reflector = this.#reflector ?? this.#reflect(type);
    this.#reflector = reflector;
    void reflector.synced().then((synced) => synced && this.#synced.resolve(true));
    this.#settings.onState();
    await reflector.run(signal);
    // Its type is no longer served.
    this.#missing = !signal.aborted;
  }

  #reflect(type: ResourceType): Reflector<KubernetesObject> {
    const { client, kind, tuning, onChange, onState } = this.#settings;
    const { namespaces, labelSelector, fieldSelector, keep = keepObject } = kind;
    return new Reflector({
      client,
      type,
      namespaces,
      labelSelector,
      fieldSelector,
      keep,
      same: sameContent,
      share: shareContent,
      tuning,
      onChange,
      onState,
      endWhenNotServed: true,
    });
  }

  #drop(reflector: Reflector<KubernetesObject>): void {
    this.#reflector = undefined;
    const changes = reflector.all().map((before) => ({ key: before.key, before, after: undefined, content: true }));
    if (changes.length > 0) this.#settings.onChange(changes);
  }

  /** `the cluster does not serve httproutes of gateway.networking.k8s.io/v1 …`, for a kind that is missing. */
  get missingMessage(): string {
    const { group, versions, plural } = this.#settings.kind;
    const wanted = versions.map((version) => apiVersionOf({ group, version })).join(' or ');
    return `the cluster does not serve ${plural} of ${wanted}: install its CRDs; they are looked for again every ${Math.round(this.#settings.recheckMs / 1000)} s`;
  }
}
