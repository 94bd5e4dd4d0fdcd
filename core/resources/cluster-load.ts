import { Builder, type Built } from './build.ts';
import { GatewayClass } from './gateway-api/gateway-class.ts';
import { Gateway } from './gateway-api/gateway.ts';
import { groupOf, isOf, type KindDefinition, kindKey, type Resource } from './kind.ts';
import { KindList } from './kind-list.ts';
import { KINDS } from './kinds.ts';
import { ConfigMap } from './kubernetes/config-map.ts';
import { Secret } from './kubernetes/secret.ts';
import type { Loaded } from './load.ts';
import type { Problem, Source } from './problem.ts';
import { ResourceSet } from './set.ts';
import { atOnce, type Sliced } from './slices.ts';

/** An object as the API server has it; nobody changes it. */
export interface ClusterObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined };
}

export interface ClusterLoaded extends Loaded {
  /** Gateway classes that are ours. */
  readonly classes: readonly GatewayClass[];
  /** Objects that are wrong by themselves, with what is wrong. */
  readonly invalid: ReadonlyMap<ClusterObject, readonly Problem[]>;
}

const CLUSTER: Source = { file: 'cluster', document: 0, line: 0 };

/** Kinds that are read only where something names them. */
export const REFERENCED = [Secret, ConfigMap] as const;
const BY_REFERENCE: readonly KindDefinition[] = REFERENCED;
/** All others. */
export const WATCHED_KINDS = KINDS.filter((definition) => !BY_REFERENCE.includes(definition));

/**
 * Makes resources of the objects of a cluster. An object that is the same as at the last load is not checked again, and of a kind of which
 * all are the same the set has the same table.
 */
export class ClusterLoader {
  readonly #builder = new Builder(KINDS);
  readonly #built = new WeakMap<ClusterObject, Built>();
  readonly #kinds = new Map<string, KindList>();
  readonly #controllerName: string;

  /** @param controllerName of the GatewayClasses whose Gateways are ours */
  constructor(controllerName: string) {
    this.#controllerName = controllerName;
  }

  /** @param hash tells one state of the cluster from another */
  load(objects: Iterable<ClusterObject>, hash: string): ClusterLoaded {
    const byKind = Map.groupBy(objects, ({ apiVersion, kind }) => kindKey({ group: groupOf(apiVersion), kind }));
    return atOnce(this.loading([...byKind.values()], hash));
  }

  /**
   * As {@link load}, in slices. The load before has to be done.
   * @param lists the objects of each kind; nobody changes them
   */
  *loading(lists: readonly (readonly ClusterObject[])[], hash: string): Sliced<ClusterLoaded> {
    const present = new Set<string>();
    for (const objects of lists) {
      const [first] = objects;
      if (first === undefined) continue;
      const key = kindKey({ group: groupOf(first.apiVersion), kind: first.kind });
      present.add(key);
      let list = this.#kinds.get(key);
      if (list === undefined) this.#kinds.set(key, (list = new KindList((object) => this.#build(object))));
      yield* list.take(objects);
    }
    for (const key of this.#kinds.keys()) if (!present.has(key)) this.#kinds.delete(key);
    // The order in which things were given is that in which they are told.
    const kinds = [...present].map((key) => this.#kinds.get(key)!);
    const classes = (this.#kinds.get(kindKey(GatewayClass))?.resources ?? [])
      .filter((resource) => isOf(GatewayClass, resource))
      .filter(({ body }) => body.spec.controllerName === this.#controllerName);
    const ours = new Set(classes.map(({ metadata }) => metadata.name));
    const isOurs = (resource: Resource): boolean => !isOf(Gateway, resource) || ours.has(resource.body.spec.gatewayClassName);
    const tables = [];
    for (const list of kinds) {
      tables.push(...list.tables(isOurs, list === this.#kinds.get(kindKey(Gateway)) ? [...ours].join() : ''));
      yield;
    }
    const invalid = new Map<ClusterObject, readonly Problem[]>();
    const namespaceLabels = new Map<string, Readonly<Record<string, string>>>();
    for (const list of kinds) {
      for (const [object, problems] of list.invalid) invalid.set(object, problems);
      for (const { name, labels } of list.namespaces) namespaceLabels.set(name, labels);
    }
    const problems = [...invalid.values()].flat();
    return { set: new ResourceSet(REFERENCED, tables), problems, ignored: [], namespaceLabels, hash, folders: [], classes, invalid };
  }

  /** A Gateway of which some listeners are wrong has the others (Gateway API, ListenersNotValid). */
  #withoutBadListeners(object: ClusterObject, whole: Built): Built {
    const bad = new Set<number>();
    for (const { path } of whole.problems) {
      const index = /^spec\.listeners\[(\d+)\]/.exec(path)?.[1];
      if (index === undefined) return whole;
      bad.add(Number(index));
    }
    const copy = structuredClone(object) as ClusterObject & { readonly spec: { listeners: unknown[] } };
    copy.spec.listeners = copy.spec.listeners.filter((_, index) => !bad.has(index));
    const { resource } = this.#builder.build(copy, CLUSTER);
    return resource === undefined ? whole : { ...whole, resource, invalid: undefined };
  }

  #build(object: ClusterObject): Built {
    let built = this.#built.get(object);
    if (built === undefined) {
      // Checking fills in defaults.
      built = this.#builder.build(structuredClone(object), CLUSTER);
      if (built.invalid !== undefined && object.kind === Gateway.kind) built = this.#withoutBadListeners(object, built);
      this.#built.set(object, built);
    }
    return built;
  }
}
