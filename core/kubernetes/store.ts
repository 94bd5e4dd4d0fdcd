import type { Keep } from './keep.ts';
import { apiVersionOf, type KubernetesObject, type ResourceType } from './resource.ts';

/** One object as it is held. */
export interface Held<T> {
  /** `namespace/name`; `/name` for a kind outside namespaces. */
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Counts changes of the spec; absent for kinds that do not count. */
  readonly generation: number | undefined;
  readonly object: T;
  /** As {@link Held.object}, of the first version that says what the last one does: the same one until the content differs. */
  readonly content: T;
}

export interface Change<T> {
  readonly key: string;
  /** Absent: it is new. */
  readonly before: Held<T> | undefined;
  /** Absent: it is deleted. */
  readonly after: Held<T> | undefined;
  /** False when only a version or a status differs. */
  readonly content: boolean;
}

export interface StoreSettings<T> {
  readonly type: ResourceType;
  readonly keep: Keep<T>;
  /** Whether two versions say the same. */
  readonly same: (one: T, other: T) => boolean;
  /** What is held of a version that says the same as an earlier one: rather the earlier one's parts than equal ones. */
  readonly share?: ((object: T, earlier: T) => T) | undefined;
}

/** Objects of one type as the server last told of them. */
export class Store<T> {
  readonly #settings: StoreSettings<T>;
  readonly #apiVersion: string;
  readonly #held = new Map<string, Held<T>>();
  #sorted: readonly Held<T>[] | undefined;
  #changes: Change<T>[] = [];

  constructor(settings: StoreSettings<T>) {
    this.#settings = settings;
    this.#apiVersion = apiVersionOf(settings.type);
  }

  get size(): number {
    return this.#held.size;
  }

  get(namespace: string, name: string): Held<T> | undefined {
    return this.#held.get(`${namespace}/${name}`);
  }

  /** In the order of namespace and name, whatever the order in which they came. */
  all(): readonly Held<T>[] {
    this.#sorted ??= [...this.#held.values()].sort((one, other) => (one.key < other.key ? -1 : 1));
    return this.#sorted;
  }

  /** Takes an object of a watch. */
  put(raw: Record<string, unknown>): void {
    this.#put(this.#hold(raw));
  }

  /** Takes the end of an object, of a watch. */
  remove(raw: Record<string, unknown>): void {
    const { metadata } = this.#read(raw);
    this.#remove(`${metadata.namespace ?? ''}/${metadata.name}`);
  }

  clear(): void {
    for (const key of this.#held.keys()) this.#remove(key);
  }

  /** Begins to take a whole list. Nothing changes before {@link Relist.commit}, and then only what differs. */
  relist(namespace: string | undefined): Relist {
    const next = new Map<string, Held<T>>();
    return {
      add: (raw) => {
        const { metadata } = this.#read(raw);
        const key = `${metadata.namespace ?? ''}/${metadata.name}`;
        const present = this.#held.get(key);
        // What is held already is not held twice while the list is read.
        const known = present?.resourceVersion === metadata.resourceVersion && present?.uid === metadata.uid;
        next.set(key, known && present !== undefined ? present : this.#hold(raw));
      },
      commit: () => {
        for (const held of this.#held.values()) {
          if ((namespace === undefined || held.namespace === namespace) && !next.has(held.key)) this.#remove(held.key);
        }
        for (const held of next.values()) this.#put(held);
      },
    };
  }

  /** Changes since the last call. */
  take(): readonly Change<T>[] {
    const changes = this.#changes;
    if (changes.length > 0) this.#changes = [];
    return changes;
  }

  #put(held: Held<T>): void {
    const before = this.#held.get(held.key);
    if (before !== undefined && before.uid === held.uid && before.resourceVersion === held.resourceVersion) return;
    const { same, share = (object) => object } = this.#settings;
    const content = before === undefined || !same(before.content, held.object);
    const after = content ? held : { ...held, object: share(held.object, before.content), content: before.content };
    this.#held.set(held.key, after);
    this.#sorted = undefined;
    this.#changes.push({ key: held.key, before, after, content });
  }

  #remove(key: string): void {
    const before = this.#held.get(key);
    if (before === undefined) return;
    this.#held.delete(key);
    this.#sorted = undefined;
    this.#changes.push({ key, before, after: undefined, content: true });
  }

  #hold(raw: Record<string, unknown>): Held<T> {
    const object = this.#read(raw);
    const { name, namespace = '', uid = '', resourceVersion = '', generation } = object.metadata;
    const key = `${namespace}/${name}`;
    const kept = this.#settings.keep(object);
    return { key, namespace, name, uid, resourceVersion, generation, object: kept, content: kept };
  }

  /** @throws Error when it is no object of Kubernetes */
  #read(raw: Record<string, unknown>): KubernetesObject {
    const { metadata } = raw;
    if (typeof metadata !== 'object' || metadata === null || !('name' in metadata) || typeof metadata.name !== 'string') {
      throw new TypeError(`an object of ${this.#settings.type.plural} has no metadata.name`);
    }
    // Items of a list of a built-in type do not say what they are.
    return { ...raw, apiVersion: this.#apiVersion, kind: this.#settings.type.kind } as unknown as KubernetesObject;
  }
}

export interface Relist {
  add(raw: Record<string, unknown>): void;
  commit(): void;
}
