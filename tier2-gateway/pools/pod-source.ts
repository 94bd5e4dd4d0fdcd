import type { Pod } from '#core/kubernetes/pod';
import { labelSelector, type PodSelection, type PodWatch } from '#core/kubernetes/pod-watch';
import type { InferencePool } from '#core/resources/inference/inference-pool';

import { portsOf } from './annotations.ts';
import { endpointsOf, type EndpointSource, type PoolEndpoint } from './endpoint.ts';

/** What tells the pods: a PodWatch. */
export type Pods = Pick<PodWatch, 'want' | 'pods' | 'synced' | 'read'>;

/** The pods of one selector, and whose endpoints they are. */
interface Selected {
  readonly key: string;
  readonly selection: PodSelection;
  readonly sources: Set<PodSource>;
  /** A list of them is being read, or was. */
  watched: boolean;
  /** A list of them was read: until then nothing is known, which is not the same as none. */
  read: boolean;
}

/**
 * Endpoints of pools by the selectors of these: from the Kubernetes API, for all pools of a process. Pools with the same selector, such as two
 * versions of one while a reload lets the older end, share what is read.
 *
 * @example
 * const pods = new PodEndpoints((onChange) => new PodWatch({ client, log, onChange }), (message) => log('warn', message));
 */
export class PodEndpoints {
  readonly #pods: Pods;
  readonly #warn: (message: string) => void;
  readonly #selected = new Map<string, Selected>();
  readonly #keys = new Map<string, Selected>();
  /** What could not be watched at the last change. */
  #left: readonly string[] = [];

  constructor(watch: (onChange: (keys: ReadonlySet<string>) => void) => Pods, warn: (message: string) => void) {
    this.#pods = watch((keys) => this.#changed(keys));
    this.#warn = warn;
  }

  /** The endpoints of one pool. Its pods are watched from `start` to `stop`. */
  source(pool: InferencePool): EndpointSource {
    const { namespace, name } = pool.metadata;
    const selection = { namespace, matchLabels: pool.body.spec.selector.matchLabels };
    return new PodSource(this, `${namespace}/${name}`, selection, portsOf(pool));
  }

  /**
   * Waits until the pods of all pools that there are now have been read: before that a pool looks empty.
   * @returns false when the time is over before; what comes later is told all the same
   */
  async synced(timeoutMs?: number): Promise<boolean> {
    const waited = [...this.#selected.values()];
    const synced = await this.#pods.synced(timeoutMs);
    // A part of a list is better than nothing when the time is over.
    for (const selected of waited) if (!selected.read && (synced || this.#pods.pods(selected.key).length > 0)) this.#tell(selected);
    return synced;
  }

  /** The pools whose pods have not been read yet, as `namespace/name`. */
  unread(): string[] {
    return [...this.#selected.values()].flatMap(({ read, key }) => (read ? [] : key));
  }

  /** Called by a source. */
  begin(source: PodSource, name: string, selection: PodSelection): void {
    const same = sameAs(selection);
    let selected = this.#selected.get(same);
    if (selected !== undefined) {
      selected.sources.add(source);
      if (selected.read) source.take(this.#pods.pods(selected.key));
      return;
    }
    // Named as people know it, unless another version of the pool is still there.
    const key = this.#keys.has(name) ? `${name} (${labelSelector(selection.matchLabels)})` : name;
    selected = { key, selection, sources: new Set([source]), watched: false, read: false };
    this.#selected.set(same, selected);
    this.#keys.set(key, selected);
    this.#want();
  }

  /** Called by a source. */
  end(source: PodSource, selection: PodSelection): void {
    const same = sameAs(selection);
    const selected = this.#selected.get(same);
    if (selected === undefined || !selected.sources.delete(source) || selected.sources.size > 0) return;
    this.#selected.delete(same);
    this.#keys.delete(selected.key);
    this.#want();
  }

  #want(): void {
    const left = this.#pods.want(new Map([...this.#keys].map(([key, { selection }]) => [key, selection])));
    for (const message of left) if (!this.#left.includes(message)) this.#warn(message);
    this.#left = left;
    for (const selected of this.#selected.values()) if (!selected.watched) this.#read(selected);
  }

  /** Has the first list told, also where there are no pods: then a pool is empty, and no longer unknown. */
  #read(selected: Selected): void {
    const read = this.#pods.read(selected.key);
    if (read === undefined) {
      // No room to watch them: nothing will ever come.
      this.#tell(selected);
      return;
    }
    selected.watched = true;
    void read.then((known) => known && this.#keys.get(selected.key) === selected && this.#tell(selected));
  }

  #changed(keys: ReadonlySet<string>): void {
    for (const key of keys) {
      const selected = this.#keys.get(key);
      // One page of several would look like the whole pool.
      if (selected?.read === true) this.#tell(selected);
    }
  }

  #tell(selected: Selected): void {
    selected.read = true;
    const pods = this.#pods.pods(selected.key);
    for (const source of selected.sources) source.take(pods);
  }
}

/** The pods of one pool: an endpoint for each that has an address, and each of the pool's ports. */
class PodSource implements EndpointSource {
  /** So that a pod that has not changed is the same endpoint as before. */
  readonly #known = new WeakMap<Pod, readonly PoolEndpoint[]>();
  readonly #all: PodEndpoints;
  readonly #name: string;
  readonly #selection: PodSelection;
  readonly #ports: readonly number[];
  #onChange: ((endpoints: readonly PoolEndpoint[]) => void) | undefined;

  constructor(all: PodEndpoints, name: string, selection: PodSelection, ports: readonly number[]) {
    this.#all = all;
    this.#name = name;
    this.#selection = selection;
    this.#ports = ports;
  }

  start(onChange: (endpoints: readonly PoolEndpoint[]) => void): void {
    this.#onChange = onChange;
    this.#all.begin(this, this.#name, this.#selection);
  }

  stop(): void {
    this.#onChange = undefined;
    this.#all.end(this, this.#selection);
  }

  take(pods: readonly Pod[]): void {
    this.#onChange?.(pods.flatMap((pod) => this.#endpoints(pod)));
  }

  #endpoints(pod: Pod): readonly PoolEndpoint[] {
    let endpoints = this.#known.get(pod);
    if (endpoints === undefined) this.#known.set(pod, (endpoints = podEndpoints(pod, this.#ports)));
    return endpoints;
  }
}

function podEndpoints({ podIP, name, labels, ready, terminating }: Pod, ports: readonly number[]): readonly PoolEndpoint[] {
  // Not placed yet, or without a network.
  if (podIP === undefined) return [];
  return endpointsOf({ pod: name, address: podIP, labels, ready, terminating }, ports);
}

function sameAs({ namespace, matchLabels }: PodSelection): string {
  return `${namespace} ${labelSelector(matchLabels)}`;
}
