import { sameItems } from '../same-items.ts';
import type { Built } from './build.ts';
import type { ClusterObject } from './cluster-load.ts';
import { bornAt, groupOf, kindKey, nameOf, type Resource } from './kind.ts';
import type { Problem } from './problem.ts';
import { KindTable } from './set.ts';
import type { Sliced } from './slices.ts';

/** A resource with what it is sorted by. */
interface Aged {
  readonly resource: Resource;
  readonly born: number;
  readonly name: string;
}

/** The objects of one kind of a cluster, as they were last told, and what comes of them. What has not changed is not worked out again. */
export class KindList {
  /** In the order of their objects. */
  resources: readonly Resource[] = [];
  readonly #build: (object: ClusterObject) => Built;
  #objects: readonly ClusterObject[] = [];
  /** The oldest first: of two that claim one thing, the older one has it (Gateway API, conflicts). */
  #aged: readonly Aged[] = [];
  #agedOf = new WeakMap<Resource, Aged>();
  #tables: readonly KindTable[] = [];
  #tablesFor: string | undefined;
  /** Objects that are wrong by themselves. */
  invalid: readonly (readonly [ClusterObject, readonly Problem[]])[] = [];
  namespaces: readonly NonNullable<Built['namespace']>[] = [];
  #unfit: readonly NonNullable<Built['invalid']>[] = [];

  constructor(build: (object: ClusterObject) => Built) {
    this.#build = build;
  }

  /** Takes what there is of the kind now; nobody changes the list. */
  *take(objects: readonly ClusterObject[]): Sliced<void> {
    if (sameItems(this.#objects, objects)) return;
    const resources: Resource[] = [];
    const invalid: (readonly [ClusterObject, readonly Problem[]])[] = [];
    const unfit: NonNullable<Built['invalid']>[] = [];
    const namespaces: NonNullable<Built['namespace']>[] = [];
    const there = new Set<Aged>();
    for (const object of objects) {
      const built = this.#build(object);
      if (built.problems.length > 0) invalid.push([object, built.problems]);
      if (built.namespace !== undefined) namespaces.push(built.namespace);
      if (built.invalid !== undefined) unfit.push(built.invalid);
      const { resource } = built;
      if (resource !== undefined) {
        resources.push(resource);
        let aged = this.#agedOf.get(resource);
        if (aged === undefined) {
          aged = { resource, born: bornAt(resource), name: nameOf(resource) };
          this.#agedOf.set(resource, aged);
        }
        there.add(aged);
      }
      yield;
    }
    const here = new Set(this.#aged);
    const stayed = this.#aged.filter((aged) => there.has(aged));
    const added = [...there].filter((aged) => !here.has(aged));
    added.sort(byAge);
    this.#aged = merged(stayed, added);
    this.resources = resources;
    this.invalid = invalid;
    this.namespaces = namespaces;
    this.#unfit = unfit;
    this.#tablesFor = undefined;
    this.#objects = objects;
  }

  /** @param which whether a resource is read at all @param whichKey tells one answer to that from another */
  tables(which: (resource: Resource) => boolean, whichKey: string): readonly KindTable[] {
    if (this.#tablesFor === whichKey) return this.#tables;
    const tables = new Map<string, KindTable>();
    const of = (group: string, kind: string): KindTable => {
      const key = kindKey({ group, kind });
      let table = tables.get(key);
      if (table === undefined) tables.set(key, (table = new KindTable({ group, kind })));
      return table;
    };
    for (const unfit of this.#unfit) of(unfit.group, unfit.kind).addInvalid(unfit);
    for (const { resource } of this.#aged) if (which(resource)) of(groupOf(resource.apiVersion), resource.kind).add(resource);
    this.#tables = [...tables.values()];
    this.#tablesFor = whichKey;
    return this.#tables;
  }
}

function byAge(a: Aged, b: Aged): number {
  return a.born - b.born || (a.name < b.name ? -1 : 1);
}

/** Two sorted lists as one. */
function merged(one: readonly Aged[], other: readonly Aged[]): Aged[] {
  if (other.length === 0) return [...one];
  const all: Aged[] = [];
  let next = 0;
  for (const aged of one) {
    while (next < other.length && byAge(other[next]!, aged) < 0) all.push(other[next++]!);
    all.push(aged);
  }
  return [...all, ...other.slice(next)];
}
