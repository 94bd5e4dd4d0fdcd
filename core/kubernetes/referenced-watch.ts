import type { KubernetesClient } from './client.ts';
import type { GatherSettings } from './gather.ts';
import { keepWithoutStatus, sameContent } from './keep.ts';
import type { Log } from './outage.ts';
import type { ReflectorState, ReflectorTuning, Scope } from './reflector.ts';
import type { KubernetesObject, ResourceType } from './resource.ts';
import type { Held } from './store.ts';
import { WatchSet } from './watch-set.ts';

export interface Reference {
  readonly namespace: string;
  readonly name: string;
}

export interface ReferencedWatchOptions {
  readonly client: KubernetesClient;
  /** Such as Secrets: a kind of which a gateway may read what it is told to use, and no more. */
  readonly type: ResourceType;
  /**
   * Namespaces in which all objects of the type are read: one watch each, and the right to list them. Elsewhere they are read one by
   * one, for which a Role with resourceNames is enough.
   */
  readonly wholeNamespaces?: readonly string[] | undefined;
  /** Objects that are read one by one, and whole namespaces, at most; each has a connection. @default 128 */
  readonly limit?: number | undefined;
  /** Called once for a bunch of changes; not for what {@link ReferencedWatch.synced} waits for. */
  readonly onChange: () => void;
  readonly log: Log;
  readonly gather?: GatherSettings | undefined;
  readonly tuning?: ReflectorTuning | undefined;
}

/** The objects of one type that are referred to, and no others. */
export class ReferencedWatch {
  readonly #set: WatchSet<KubernetesObject>;
  readonly #whole: ReadonlySet<string>;
  readonly #limit: number;
  readonly #kind: string;
  #wanted: ReadonlySet<string> = new Set();

  constructor({ wholeNamespaces = [], limit = 128, onChange, ...options }: ReferencedWatchOptions) {
    this.#whole = new Set(wholeNamespaces);
    this.#limit = limit;
    this.#kind = options.type.kind;
    this.#set = new WatchSet({ ...options, keep: keepWithoutStatus, same: sameContent, limit, onChange: () => onChange() });
  }

  /**
   * The references that there are now. What nothing refers to any more is forgotten.
   * @returns what cannot be watched, in words; what is over the limit stays unread
   */
  want(references: Iterable<Reference>): readonly string[] {
    const parts = new Map<string, Scope>();
    const wanted = new Set<string>();
    for (const { namespace, name } of references) {
      wanted.add(`${namespace}/${name}`);
      if (this.#whole.has(namespace)) parts.set(namespace, { namespaces: [namespace] });
      else parts.set(`${namespace}/${name}`, { namespaces: [namespace], fieldSelector: `metadata.name=${name}` });
    }
    this.#wanted = wanted;
    return this.#set
      .want(parts)
      .map(
        (key) =>
          `${this.#kind} ${key} is not read: ${this.#limit} are watched one by one at most; name its namespace in --secret-namespaces`,
      );
  }

  /**
   * Waits until everything that is wanted now has been read, or is known not to be there.
   * @returns false when the time is over before; what comes later is told by `onChange`
   */
  synced(timeoutMs?: number): Promise<boolean> {
    return this.#set.synced(timeoutMs);
  }

  /** @returns undefined when there is no such object, nobody wants it, or it has not been read */
  get({ namespace, name }: Reference): Held<KubernetesObject> | undefined {
    if (!this.#wanted.has(`${namespace}/${name}`)) return undefined;
    return this.#set.part(this.#whole.has(namespace) ? namespace : `${namespace}/${name}`)?.get(namespace, name);
  }

  /** Those that are wanted and there, by namespace and name. */
  all(): readonly Held<KubernetesObject>[] {
    return [...this.#wanted].sort().flatMap((key) => {
      const [namespace = '', name = ''] = key.split('/');
      return this.get({ namespace, name }) ?? [];
    });
  }

  /** By `namespace/name`, or by namespace for whole ones. */
  states(): ReadonlyMap<string, ReflectorState> {
    return this.#set.states();
  }

  stop(): Promise<void> {
    return this.#set.stop();
  }
}
