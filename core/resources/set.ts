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
interface OneKind extends GroupKind {
  readonly resources: Map<string, Resource>;
  /** By `namespace/name`. */
  readonly invalid: Map<string, InvalidResource>;
}

/**
 * Validated resources of one load, by group and kind. Where a kind has moved from one group to another, each resource stays in the group
 * that its document says, and the kind's own file has the function that reads both: `objectivesOf`, `rewritesOf`.
 */
export class ResourceSet {
  readonly #kinds = new Map<string, OneKind>();
  /** By kind, what was looked for by its name. */
  readonly #asked: ReadonlyMap<string, Set<string>>;

  /** @param noted kinds of which it is noted what is looked for: in a cluster they are read only where something names them */
  constructor(noted: readonly GroupKind[] = []) {
    this.#asked = new Map(noted.map((kind) => [kindKey(kind), new Set()]));
  }

  /** `namespace/name` of what was looked for so far, whether or not it is there. */
  asked(kind: GroupKind): ReadonlySet<string> {
    return this.#asked.get(kindKey(kind)) ?? new Set();
  }

  /** @returns the resource that has this name already, and then adds nothing. */
  add(resource: Resource): Resource | undefined {
    const { resources } = this.#ofOrNew(groupOf(resource.apiVersion), resource.kind);
    const key = keyOf(resource.metadata);
    const present = resources.get(key);
    if (present === undefined) resources.set(key, resource);
    return present;
  }

  all<D extends KindDefinition>(definition: D): ResourceOf<D>[] {
    return [...(this.#of(definition)?.resources.values() ?? [])] as ResourceOf<D>[];
  }

  get<D extends KindDefinition>(definition: D, namespace: string, name: string): ResourceOf<D> | undefined {
    const key = keyOf({ namespace: definition.namespaced ? namespace : '', name });
    this.#asked.get(kindKey(definition))?.add(key);
    const found = this.#of(definition)?.resources.get(key);
    return found as ResourceOf<D> | undefined;
  }

  /** Notes a resource that is there and has problems of its own. */
  addInvalid(resource: InvalidResource): void {
    this.#ofOrNew(resource.group, resource.kind).invalid.set(keyOf(resource), resource);
  }

  /** Those of a kind that have problems of their own. */
  invalid(definition: KindDefinition): InvalidResource[] {
    return [...(this.#of(definition)?.invalid.values() ?? [])];
  }

  /** What policies of a kind are for that have problems of their own. */
  invalidTargets(definition: KindDefinition): (PolicyTarget & { readonly namespace: string; readonly policy: string })[] {
    return this.invalid(definition).flatMap(({ kind, namespace, name, targets }) =>
      targets.map((target) => ({ ...target, namespace, policy: `${kind} ${namespace}/${name}` })),
    );
  }

  /** @param kind a bare name stands for that kind of any group */
  isInvalid(kind: string | GroupKind, namespace: string, name: string): boolean {
    return this.#matching(kind).some(({ invalid }) => invalid.has(keyOf({ namespace, name })));
  }

  /**
   * Names of one kind in one namespace, to suggest from; those with problems of their own are meant as well.
   * @param kind a bare name stands for that kind of any group
   */
  names(kind: string | GroupKind, namespace: string): string[] {
    const prefix = `${namespace}/`;
    return this.#matching(kind)
      .flatMap(({ resources, invalid }) => [...resources.keys(), ...invalid.keys()])
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  }

  get size(): number {
    let size = 0;
    for (const { resources } of this.#kinds.values()) size += resources.size;
    return size;
  }

  #of(kind: GroupKind): OneKind | undefined {
    return this.#kinds.get(kindKey(kind));
  }

  #ofOrNew(group: string, kind: string): OneKind {
    const key = kindKey({ group, kind });
    let found = this.#kinds.get(key);
    if (found === undefined) {
      found = { group, kind, resources: new Map(), invalid: new Map() };
      this.#kinds.set(key, found);
    }
    return found;
  }

  #matching(wanted: string | GroupKind): OneKind[] {
    if (typeof wanted === 'string') return [...this.#kinds.values()].filter(({ kind }) => kind === wanted);
    const found = this.#of(wanted);
    return found === undefined ? [] : [found];
  }
}

function keyOf({ namespace, name }: Pick<Metadata, 'namespace' | 'name'>): string {
  return `${namespace}/${name}`;
}
