import { ClusterWatch } from '../kubernetes/cluster-watch.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { EndpointSlices } from '../kubernetes/endpoint-slices.ts';
import type { WatchedKind } from '../kubernetes/kind-watch.ts';
import type { Log } from '../kubernetes/outage.ts';
import { ReferencedWatch } from '../kubernetes/referenced-watch.ts';
import type { KubernetesObject, ResourceType } from '../kubernetes/resource.ts';
import type { Held } from '../kubernetes/store.ts';
import { ClusterLoader, type ClusterLoaded, REFERENCED, WATCHED_KINDS } from '../resources/cluster-load.ts';
import { type GroupKind, type KindDefinition, kindKey } from '../resources/kind.ts';
import { atOnce, type Sliced } from '../resources/slices.ts';
import { Service } from '../resources/kubernetes/service.ts';
import type { CompileOptions } from '../route/compile.ts';
import { gatewayOf, gatewayPorts } from './gateway-service.ts';
import type { ResourceSource } from './source.ts';

export interface ClusterSourceOptions {
  readonly client: KubernetesClient;
  /** Of the GatewayClasses whose Gateways are served. */
  readonly controllerName: string;
  /** Namespace of the Services that lead to the Gateways: this process's own. */
  readonly ownNamespace: string;
  /** Namespaces whose resources are read; absent: all. */
  readonly namespaces?: readonly string[] | undefined;
  /** Of these namespaces all Secrets and ConfigMaps are read, and not only those that are named: one watch in place of many. */
  readonly secretNamespaces?: readonly string[] | undefined;
  /** As {@link CompileOptions.allowLocalAddresses}. @default false */
  readonly allowLocalAddresses?: boolean | undefined;
  readonly log: Log;
  /** Called for whatever changed, versions and statuses included. */
  readonly onAnyChange?: (() => void) | undefined;
}

/** Time until everything has to be read once. */
const SYNC_MS = 60_000;
/** A Secret that is not there is not waited for; one that cannot be read soon is as good as absent. */
const REFERENCED_MS = 2000;

/** Every kind that is read, and Namespaces for their labels; not what is read by reference. */
const WATCHED: readonly WatchedKind[] = [
  ...WATCHED_KINDS.map(watchedKind),
  { group: '', versions: ['v1'], kind: 'Namespace', plural: 'namespaces', namespaced: false },
];

/** The resources of a cluster, as its API server tells them. While that is away, everything stays as it was. */
export class ClusterSource implements ResourceSource {
  readonly changed = 'the cluster changed';
  readonly compile: CompileOptions;
  readonly watched: ClusterWatch;
  readonly #options: ClusterSourceOptions;
  readonly #loader: ClusterLoader;
  readonly #referenced: readonly ReferencedWatch[];
  readonly #slices: EndpointSlices;
  /** Services whose slices the last configuration asked for. */
  readonly #headless = new Set<string>();
  #onChange: (() => void) | undefined;
  #loaded: ClusterLoaded | undefined;
  readonly #lists = new Map<string, { readonly held: readonly unknown[]; readonly objects: readonly KubernetesObject[] }>();
  #places: ReadonlyMap<string, number> = new Map();
  #loadedRevision = 0;
  /** Counts what changed of what is referred to. */
  #references = 0;

  constructor(options: ClusterSourceOptions) {
    this.#options = options;
    const { client, controllerName, namespaces, secretNamespaces, allowLocalAddresses = false, log, onAnyChange } = options;
    this.#loader = new ClusterLoader(controllerName);
    this.watched = new ClusterWatch({
      client,
      kinds: WATCHED,
      namespaces,
      log,
      onChange: ({ content }) => {
        if (content) this.#onChange?.();
        onAnyChange?.();
      },
    });
    const onReferenced = (): void => {
      this.#references++;
      this.#onChange?.();
    };
    this.#slices = new EndpointSlices(client, log, onReferenced);
    this.#referenced = REFERENCED.map(
      (definition) =>
        new ReferencedWatch({ client, type: typeOf(definition), wholeNamespaces: secretNamespaces, log, onChange: onReferenced }),
    );
    this.compile = {
      inCluster: true,
      allowLocalAddresses,
      listenOn: (gateway, port) => this.#places.get(`${gateway}/${port}`),
      slices: (service) => {
        this.#headless.add(service);
        return this.#slices.of(service);
      },
    };
  }

  /** What the last load brought. */
  get loaded(): ClusterLoaded | undefined {
    return this.#loaded;
  }

  /** Revision of what is watched, at the last load. */
  get loadedRevision(): number {
    return this.#loadedRevision;
  }

  /** As the cluster serves a kind; undefined while it does not. */
  typeOf({ group, kind }: GroupKind): ResourceType | undefined {
    const watched = WATCHED.find((each) => each.group === group && each.kind === kind);
    const version = watched && this.watched.version(watched);
    return version === undefined || watched === undefined ? undefined : { ...watched, version };
  }

  async open(): Promise<void> {
    this.watched.start();
    await this.opened();
  }

  /** Waits on for what {@link open} has waited for in vain. @throws Error that says what cannot be read */
  opened(): Promise<void> {
    return this.watched.synced(SYNC_MS);
  }

  load(): ClusterLoaded {
    return atOnce(this.loading());
  }

  *loading(): Sliced<ClusterLoaded> {
    const lists = [
      ...WATCHED.map((kind) => this.#objects(kindKey(kind), this.watched.objects(kind))),
      ...this.#referenced.map((watch, index) => this.#objects(kindKey(REFERENCED[index]!), watch.all())),
    ];
    const services = this.watched.objects(Service).map(({ object }) => object);
    this.#places = gatewayPorts(services.filter(({ metadata }) => metadata.namespace === this.#options.ownNamespace));
    const { revision } = this.watched;
    const hash = `${revision}.${this.#references}`;
    const loaded = yield* this.#loader.loading(lists, hash);
    this.#headless.clear();
    this.#loadedRevision = revision;
    this.#loaded = loaded;
    return loaded;
  }

  /** The objects of a kind: the same list as long as they are the same. */
  #objects(kind: string, held: readonly Held<KubernetesObject>[]): readonly KubernetesObject[] {
    let known = this.#lists.get(kind);
    if (known?.held !== held) {
      // A Service that leads here is nobody's backend.
      known = { held, objects: held.map(({ content }) => content).filter((object) => gatewayOf(object) === undefined) };
      this.#lists.set(kind, known);
    }
    return known.objects;
  }

  async complete(): Promise<boolean> {
    const { set } = this.#loaded!;
    const before = this.#supplements();
    const left = REFERENCED.flatMap((definition, index) => this.#referenced[index]!.want([...set.asked(definition)].map(reference)));
    left.push(...this.#slices.want(this.#headless));
    for (const problem of left) this.#options.log('warn', problem);
    await Promise.all([...this.#referenced, this.#slices].map((watch) => watch.synced(REFERENCED_MS)));
    const more = this.#supplements() !== before;
    if (more) this.#references++;
    return more;
  }

  /** Which of the objects that are referred to have been read. */
  #supplements(): string {
    const objects = this.#referenced.flatMap((watch) => watch.all().map(({ key, uid }) => `${key} ${uid}`));
    return [...objects, ...[...this.#headless].map((key) => `${key} ${this.#slices.of(key).length}`)].join();
  }

  watch(onChange: () => void): void {
    this.#onChange = onChange;
    // What changed since the load has to be seen as well.
    onChange();
  }

  async close(): Promise<void> {
    this.#onChange = undefined;
    await Promise.all([this.watched.stop(), this.#slices.stop(), ...this.#referenced.map((watch) => watch.stop())]);
  }
}

function reference(key: string): { readonly namespace: string; readonly name: string } {
  const at = key.indexOf('/');
  return { namespace: key.slice(0, at), name: key.slice(at + 1) };
}

function watchedKind({ group, kind, versions, namespaced }: KindDefinition): WatchedKind {
  return { group, kind, versions, namespaced, plural: pluralOf(kind) };
}

function typeOf(definition: KindDefinition): WatchedKind & { readonly version: string } {
  return { ...watchedKind(definition), version: definition.versions[0]! };
}

/** As CRDs name them. */
function pluralOf(kind: string): string {
  const lower = kind.toLowerCase();
  if (/[^aeiou]y$/.test(lower)) return `${lower.slice(0, -1)}ies`;
  return lower.endsWith('s') ? `${lower}es` : `${lower}s`;
}
