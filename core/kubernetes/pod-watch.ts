import type { KubernetesClient } from './client.ts';
import type { GatherSettings } from './gather.ts';
import type { Log } from './outage.ts';
import { keepPod, type Pod, POD, samePod } from './pod.ts';
import type { ReflectorState, ReflectorTuning, Scope } from './reflector.ts';
import { WatchSet } from './watch-set.ts';

/** The pods of one pool. */
export interface PodSelection {
  readonly namespace: string;
  readonly matchLabels: Readonly<Record<string, string>>;
}

export interface PodWatchOptions {
  readonly client: KubernetesClient;
  /** Pools at most; each has a connection. @default 64 */
  readonly limit?: number | undefined;
  /** Called once for a bunch of changes, with the keys of the pools whose pods are others; not for what `synced` waits for. */
  readonly onChange: (pools: ReadonlySet<string>) => void;
  readonly log: Log;
  readonly gather?: GatherSettings | undefined;
  readonly tuning?: ReflectorTuning | undefined;
}

/** The pods of pools that come and go. */
export class PodWatch {
  readonly #set: WatchSet<Pod>;
  readonly #limit: number;

  constructor({ limit = 64, ...options }: PodWatchOptions) {
    this.#limit = limit;
    this.#set = new WatchSet({ ...options, type: POD, keep: keepPod, same: samePod, limit });
  }

  /**
   * The pools that there are now, by a key of the caller's such as `namespace/name`.
   * @returns what cannot be watched, in words
   */
  want(pools: ReadonlyMap<string, PodSelection>): readonly string[] {
    const scopes = new Map<string, Scope>();
    for (const [key, { namespace, matchLabels }] of pools) {
      scopes.set(key, { namespaces: [namespace], labelSelector: labelSelector(matchLabels) });
    }
    return this.#set.want(scopes).map((key) => `the pods of pool ${key} are not watched: ${this.#limit} pools are at most`);
  }

  /**
   * Waits until the pods of every pool that is wanted now have been read.
   * @returns false when the time is over before; what comes later is told by `onChange`
   */
  synced(timeoutMs?: number): Promise<boolean> {
    return this.#set.synced(timeoutMs);
  }

  /** Resolves with true when the pods of one pool have been read, with false when it goes before. Undefined: it is not watched. */
  read(key: string): Promise<boolean> | undefined {
    return this.#set.part(key)?.synced();
  }

  /** By namespace and name; none for a pool that nobody wants. */
  pods(key: string): readonly Pod[] {
    return this.#set.all(key).map(({ object }) => object);
  }

  states(): ReadonlyMap<string, ReflectorState> {
    return this.#set.states();
  }

  stop(): Promise<void> {
    return this.#set.stop();
  }
}

/** Equality of every label, in an order that does not depend on the document's. */
export function labelSelector(matchLabels: Readonly<Record<string, string>>): string {
  return Object.entries(matchLabels)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(',');
}
