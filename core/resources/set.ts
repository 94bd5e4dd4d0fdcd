import { groupOf, type GroupKind, kindKey, type KindDefinition, type Metadata, type Resource, type ResourceOf } from './kind.ts';

/** A resource that is there and has problems of its own. */
export interface InvalidResource extends GroupKind, Pick<Metadata, 'namespace' | 'name'> {
  /** What it is a policy for, as far as that can be read. */
  readonly targets: readonly PolicyTarget[];
  /** As it was written, whatever that is. */
  readonly spec: unknown;
}

export interface PolicyTarget {
  readonly kind: string;
  readonly name: string;
  /** A listener or a rule. */
  readonly sectionName: string | undefined;
}

/** Resources of one group and kind, by `namespace/name`. */
export class KindTable implements GroupKind {
  readonly group: string;
  readonly kind: string;
  readonly resources = new Map<string, Resource>();
  /** By `namespace/name`. */
  readonly invalid = new Map<string, InvalidResource>();
  #all: readonly Resource[] | undefined;
  #targets: readonly InvalidTarget[] | undefined;
  #names: Map<string, string[]> | undefined;

  constructor({ group, kind }: GroupKind) {
    this.group = group;
    this.kind = kind;
  }

  /** @returns the resource that has this name already, and then adds nothing. */
  add(resource: Resource): Resource | undefined {
    const key = keyOf(resource.metadata);
    const present = this.resources.get(key);
    if (present !== undefined) return present;
    this.resources.set(key, resource);
    this.#all = undefined;
    this.#names = undefined;
    return undefined;
  }

  addInvalid(resource: InvalidResource): void {
    this.invalid.set(keyOf(resource), resource);
    this.#targets = undefined;
    this.#names = undefined;
  }

  /** The same list as long as nothing is added. */
  all(): readonly Resource[] {
    return (this.#all ??= [...this.resources.values()]);
  }

  /** What policies are for that have problems of their own. */
  invalidTargets(): readonly InvalidTarget[] {
    return (this.#targets ??= [...this.invalid.values()].flatMap(({ kind, namespace, name, targets }) =>
      targets.map((target) => ({ ...target, namespace, policy: `${kind} ${namespace}/${name}` })),
    ));
  }

  /** Names in one namespace; those with problems of their own are meant as well. */
  names(namespace: string): readonly string[] {
    this.#names ??= namesByNamespace([...this.resources.keys(), ...this.invalid.keys()]);
    return this.#names.get(namespace) ?? NO_NAMES;
  }
}

const NO_NAMES: readonly string[] = [];

function namesByNamespace(keys: readonly string[]): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const key of keys) {
    const at = key.indexOf('/');
    const namespace = key.slice(0, at);
    const list = names.get(namespace);
    if (list === undefined) names.set(namespace, [key.slice(at + 1)]);
    else list.push(key.slice(at + 1));
  }
  return names;
}

/** What a policy is for that has problems of its own. */
export interface InvalidTarget extends PolicyTarget {
  readonly namespace: string;
  /** `Kind namespace/name`. */
  readonly policy: string;
}

/** Told of what is looked up in a set, and what came of it. */
export interface SetObserver {
  got(definition: KindDefinition, key: string, found: Resource | undefined): void;
  listed(definition: KindDefinition, found: readonly Resource[]): void;
  /** Of those that have problems of their own: whoever asks for them looks at what all of the kind are for. */
  targeted(definition: KindDefinition): void;
  doubted(kind: string | GroupKind, namespace: string, name: string, isInvalid: boolean): void;
  named(kind: string | GroupKind, namespace: string, names: readonly string[]): void;
}

/**
 * Validated resources of one load, by group and kind. Where a kind has moved from one group to another, each resource stays in the group
 * that its document says, and the kind's own file has the function that reads both: `objectivesOf`, `rewritesOf`.
 */
export class ResourceSet {
  #kinds: Map<string, KindTable>;
  /** By kind, what was looked for by its name. */
  #asked: ReadonlyMap<string, Set<string>>;
  #observer: SetObserver | undefined;

  /**
   * @param noted kinds of which it is noted what is looked for: in a cluster they are read only where something names them
   * @param tables of another set: kinds that are as they were there
   */
  constructor(noted: readonly GroupKind[] = [], tables: Iterable<KindTable> = []) {
    this.#asked = new Map(noted.map((kind) => [kindKey(kind), new Set()]));
    this.#kinds = new Map([...tables].map((table) => [kindKey(table), table]));
  }

  /** The same set, for one who wants to know what is looked up in it. */
  observed(observer: SetObserver): ResourceSet {
    const view = new ResourceSet();
    view.#kinds = this.#kinds;
    view.#asked = this.#asked;
    view.#observer = observer;
    return view;
  }

  /** `namespace/name` of what was looked for so far, whether or not it is there. */
  asked(kind: GroupKind): ReadonlySet<string> {
    return this.#asked.get(kindKey(kind)) ?? new Set();
  }

  /** Whether it is noted what is looked for of a kind. */
  notes(kind: GroupKind): boolean {
    return this.#asked.has(kindKey(kind));
  }

  /** What is there of a kind: the same object in two sets is the same in both. */
  table(kind: GroupKind): KindTable | undefined {
    return this.#of(kind);
  }

  /** @returns the resource that has this name already, and then adds nothing. */
  add(resource: Resource): Resource | undefined {
    return this.#ofOrNew(groupOf(resource.apiVersion), resource.kind).add(resource);
  }

  all<D extends KindDefinition>(definition: D): ResourceOf<D>[] {
    return [...this.list(definition)];
  }

  /** As {@link all}: the same list as long as the set is not added to. */
  list<D extends KindDefinition>(definition: D): readonly ResourceOf<D>[] {
    const found = this.#of(definition)?.all() ?? NONE;
    this.#observer?.listed(definition, found);
    return found as readonly ResourceOf<D>[];
  }

  get<D extends KindDefinition>(definition: D, namespace: string, name: string): ResourceOf<D> | undefined {
    const key = keyOf({ namespace: definition.namespaced ? namespace : '', name });
    const found = this.find(definition, key);
    this.#observer?.got(definition, key, found);
    return found as ResourceOf<D> | undefined;
  }

  /** As {@link get}. @param key `namespace/name`; `/name` for kinds outside namespaces */
  find(definition: KindDefinition, key: string): Resource | undefined {
    if (this.#asked.size > 0) this.#asked.get(kindKey(definition))?.add(key);
    return this.#of(definition)?.resources.get(key);
  }

  /** Notes a resource that is there and has problems of its own. */
  addInvalid(resource: InvalidResource): void {
    this.#ofOrNew(resource.group, resource.kind).addInvalid(resource);
  }

  /** Those of a kind that have problems of their own. */
  invalid(definition: KindDefinition): InvalidResource[] {
    this.#observer?.targeted(definition);
    return [...(this.#of(definition)?.invalid.values() ?? [])];
  }

  /** What policies of a kind are for that have problems of their own. */
  invalidTargets(definition: KindDefinition): readonly InvalidTarget[] {
    this.#observer?.targeted(definition);
    return this.#of(definition)?.invalidTargets() ?? NO_TARGETS;
  }

  /** @param kind a bare name stands for that kind of any group */
  isInvalid(kind: string | GroupKind, namespace: string, name: string): boolean {
    const found = this.#matching(kind).some(({ invalid }) => invalid.has(keyOf({ namespace, name })));
    this.#observer?.doubted(kind, namespace, name, found);
    return found;
  }

  /**
   * Names of one kind in one namespace, to suggest from; those with problems of their own are meant as well.
   * @param kind a bare name stands for that kind of any group
   */
  names(kind: string | GroupKind, namespace: string): readonly string[] {
    const tables = this.#matching(kind);
    const found = tables.length === 1 ? tables[0]!.names(namespace) : tables.flatMap((table) => table.names(namespace));
    this.#observer?.named(kind, namespace, found);
    return found;
  }

  get size(): number {
    let size = 0;
    for (const { resources } of this.#kinds.values()) size += resources.size;
    return size;
  }

  #of(kind: GroupKind): KindTable | undefined {
    return this.#kinds.get(kindKey(kind));
  }

  #ofOrNew(group: string, kind: string): KindTable {
    const key = kindKey({ group, kind });
    let found = this.#kinds.get(key);
    if (found === undefined) {
      found = new KindTable({ group, kind });
      this.#kinds.set(key, found);
    }
    return found;
  }

  #matching(wanted: string | GroupKind): KindTable[] {
    if (typeof wanted === 'string') return [...this.#kinds.values()].filter(({ kind }) => kind === wanted);
    const found = this.#of(wanted);
    return found === undefined ? [] : [found];
  }
}

function keyOf({ namespace, name }: Pick<Metadata, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}

const NONE: readonly Resource[] = [];
const NO_TARGETS: readonly InvalidTarget[] = [];
