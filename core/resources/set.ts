import type { KindDefinition, Metadata, Resource, ResourceOf } from './kind.ts';

/** Validated resources of one load. */
export class ResourceSet {
  readonly #kinds = new Map<string, Map<string, Resource>>();
  readonly #invalid = new Set<string>();

  /** @returns the resource that has this name already, and then adds nothing. */
  add(resource: Resource): Resource | undefined {
    let kind = this.#kinds.get(resource.kind);
    if (kind === undefined) {
      kind = new Map();
      this.#kinds.set(resource.kind, kind);
    }
    const key = keyOf(resource.metadata);
    const present = kind.get(key);
    if (present === undefined) kind.set(key, resource);
    return present;
  }

  all<D extends KindDefinition>(definition: D): ResourceOf<D>[] {
    return [...(this.#kinds.get(definition.kind)?.values() ?? [])] as ResourceOf<D>[];
  }

  get<D extends KindDefinition>(definition: D, namespace: string, name: string): ResourceOf<D> | undefined {
    const found = this.#kinds.get(definition.kind)?.get(keyOf({ namespace: definition.namespaced ? namespace : '', name }));
    return found as ResourceOf<D> | undefined;
  }

  /** Notes a resource that is there and has problems of its own. */
  addInvalid({ kind, namespace, name }: { readonly kind: string; readonly namespace: string; readonly name: string }): void {
    this.#invalid.add(`${kind} ${namespace}/${name}`);
  }

  isInvalid(kind: string, namespace: string, name: string): boolean {
    return this.#invalid.has(`${kind} ${namespace}/${name}`);
  }

  /** Names of one kind in one namespace, to suggest from; those with problems of their own are meant as well. */
  names(kind: string, namespace: string): string[] {
    const names = [...(this.#kinds.get(kind)?.values() ?? [])]
      .filter((r) => r.metadata.namespace === namespace)
      .map((r) => r.metadata.name);
    const prefix = `${kind} ${namespace}/`;
    for (const key of this.#invalid) if (key.startsWith(prefix)) names.push(key.slice(prefix.length));
    return names;
  }

  get size(): number {
    let size = 0;
    for (const kind of this.#kinds.values()) size += kind.size;
    return size;
  }
}

function keyOf(metadata: Pick<Metadata, 'namespace' | 'name'>): string {
  return `${metadata.namespace}/${metadata.name}`;
}
