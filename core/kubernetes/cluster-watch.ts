import { type GroupKind, kindKey } from '../resources/kind.ts';
import type { KubernetesClient } from './client.ts';
import { REAL_CLOCK } from './clock.ts';
import { Gather, type GatherSettings } from './gather.ts';
import { type KindState, KindWatch, type WatchedKind } from './kind-watch.ts';
import { type Log, Outages } from './outage.ts';
import type { ReflectorTuning } from './reflector.ts';
import type { KubernetesObject } from './resource.ts';
import type { Change, Held } from './store.ts';

/** A bunch of changes. */
export interface ClusterChange {
  readonly revision: number;
  /** False when nothing but versions and statuses differs. */
  readonly content: boolean;
  /** `group/Kind` of everything that changed. */
  readonly kinds: ReadonlySet<string>;
}

export interface ClusterWatchOptions {
  readonly client: KubernetesClient;
  readonly kinds: readonly WatchedKind[];
  /** For kinds that say none of their own; absent: all. */
  readonly namespaces?: readonly string[] | undefined;
  /** Called once for a bunch of changes, and not before everything has been read once. */
  readonly onChange: (change: ClusterChange) => void;
  readonly log: Log;
  /** Time between two looks for a kind that is missing. @default 30000 */
  readonly recheckMs?: number | undefined;
  readonly gather?: GatherSettings | undefined;
  readonly tuning?: ReflectorTuning | undefined;
}

/**
 * The objects of many kinds of one cluster.
 *
 * @example
 * const cluster = new ClusterWatch({ client, kinds, onChange: ({ content }) => content && reload(), log });
 * cluster.start();
 * await cluster.synced(30_000);
 * for (const { object } of cluster.objects(HTTPRoute)) …
 */
export class ClusterWatch {
  readonly #options: ClusterWatchOptions;
  readonly #kinds = new Map<string, KindWatch>();
  readonly #gather: Gather;
  readonly #outages: Outages;
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();
  #ready = false;
  /** Somebody waited in vain, and is called once everything is there. */
  #late = false;
  #revision = 0;
  #content = false;
  #changed = new Set<string>();
  readonly #missing = new Set<string>();

  /** @throws Error when a kind stands there twice */
  constructor(options: ClusterWatchOptions) {
    this.#options = options;
    const { client, kinds, namespaces, log, recheckMs = 30_000, tuning = {} } = options;
    this.#gather = new Gather(() => this.#tell(), { clock: tuning.clock ?? REAL_CLOCK, ...options.gather });
    this.#outages = new Outages(client.server, log, () => this.#hurry());
    for (const kind of kinds) {
      const id = kindKey(kind);
      if (this.#kinds.has(id)) throw new Error(`${id} is to be watched twice`);
      const watch: KindWatch = new KindWatch({
        client,
        tuning,
        recheckMs,
        kind: { ...kind, namespaces: kind.namespaces ?? namespaces },
        onChange: (changes) => this.#take(id, changes),
        onState: () => this.#state(watch),
      });
      this.#kinds.set(id, watch);
    }
  }

  /** Begins to read. Once only. */
  start(): void {
    const { signal } = this.#stop;
    const watches = [...this.#kinds.values()];
    this.#running = Promise.all(watches.map((watch) => watch.run(signal)));
    void this.#whenSynced().then((all) => {
      this.#ready = all;
      if (!all || !this.#late) return;
      this.#content = true;
      this.#changed = new Set(this.#kinds.keys());
      this.#gather.add();
    });
  }

  /**
   * Waits until every kind has been read once; a kind that the cluster does not serve is as good as read.
   * @throws Error that says for each kind that is not what keeps it; the watch goes on, and calls back when everything has been read
   */
  async synced(timeoutMs: number): Promise<void> {
    let cancel: (() => void) | undefined;
    const late = new Promise<boolean>((resolve) => {
      cancel = (this.#options.tuning?.clock ?? REAL_CLOCK).after(timeoutMs, () => resolve(false));
    });
    const done = await Promise.race([this.#whenSynced(), late]);
    cancel?.();
    if (done) return;
    this.#late = true;
    if (this.#stop.signal.aborted) throw new Error('the watch of the cluster was stopped before everything was read');
    const reasons = this.states()
      .filter(({ state }) => state === 'listing' || state === 'failing')
      .map(({ group, kind, lastError }) => `${kindKey({ group, kind })}: ${lastError?.message ?? 'the list is not complete'}`);
    throw new Error(`not everything could be read from the Kubernetes API at ${this.#options.client.server}\n${reasons.join('\n')}`);
  }

  async stop(): Promise<void> {
    this.#gather.stop();
    this.#stop.abort();
    await this.#running;
  }

  /** Counts changes of content: equal revisions, equal objects but for status. */
  get revision(): number {
    return this.#revision;
  }

  /** What is held of a kind, by namespace and name. @throws Error for a kind that is not watched */
  objects(kind: GroupKind): readonly Held<KubernetesObject>[] {
    return this.#of(kind).all();
  }

  /** @param namespace empty for a kind outside namespaces @throws Error for a kind that is not watched */
  get(kind: GroupKind, namespace: string, name: string): Held<KubernetesObject> | undefined {
    return this.#of(kind).get(namespace, name);
  }

  /** In which version a kind is watched; undefined while the cluster does not serve it. @throws Error for a kind that is not watched */
  version(kind: GroupKind): string | undefined {
    return this.#of(kind).state.version;
  }

  states(): KindState[] {
    return [...this.#kinds.values()].map(({ state }) => state);
  }

  #of(kind: GroupKind): KindWatch {
    const found = this.#kinds.get(kindKey(kind));
    if (found === undefined) throw new Error(`${kindKey(kind)} is not watched`);
    return found;
  }

  async #whenSynced(): Promise<boolean> {
    const all = await Promise.all([...this.#kinds.values()].map((watch) => watch.synced()));
    return all.every(Boolean);
  }

  #take(id: string, changes: readonly Change<KubernetesObject>[]): void {
    const content = changes.some((change) => change.content);
    if (content) this.#revision++;
    // Whoever waits for `synced` reads everything then.
    if (!this.#ready) return;
    this.#content ||= content;
    this.#changed.add(id);
    this.#gather.add();
  }

  #tell(): void {
    const change = { revision: this.#revision, content: this.#content, kinds: this.#changed };
    this.#content = false;
    this.#changed = new Set();
    if (!this.#stop.signal.aborted) this.#options.onChange(change);
  }

  #state(watch: KindWatch): void {
    const missing = watch.state.state === 'missing';
    if (missing !== this.#missing.has(watch.name)) {
      if (missing) this.#missing.add(watch.name);
      else this.#missing.delete(watch.name);
      this.#options.log('info', missing ? watch.missingMessage : `the cluster serves ${watch.name} now`);
    }
    this.#outages.report(watch.name, watch.error);
  }

  #hurry(): void {
    for (const watch of this.#kinds.values()) watch.hurry();
  }
}
