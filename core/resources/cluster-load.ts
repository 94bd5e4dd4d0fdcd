import { Builder, type Built } from './build.ts';
import { GatewayClass } from './gateway-api/gateway-class.ts';
import { Gateway } from './gateway-api/gateway.ts';
import { bornAt, isOf, nameOf, type Resource } from './kind.ts';
import { KINDS } from './kinds.ts';
import { ConfigMap } from './kubernetes/config-map.ts';
import { Secret } from './kubernetes/secret.ts';
import type { Loaded } from './load.ts';
import type { Problem, Source } from './problem.ts';
import { ResourceSet } from './set.ts';

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

/** Makes resources of the objects of a cluster. An object that is the same as at the last load is not checked again. */
export class ClusterLoader {
  readonly #builder = new Builder(KINDS);
  readonly #built = new WeakMap<ClusterObject, Built>();
  readonly #controllerName: string;

  /** @param controllerName of the GatewayClasses whose Gateways are ours */
  constructor(controllerName: string) {
    this.#controllerName = controllerName;
  }

  /** @param hash tells one state of the cluster from another */
  load(objects: Iterable<ClusterObject>, hash: string): ClusterLoaded {
    const set = new ResourceSet(REFERENCED);
    const problems: Problem[] = [];
    const invalid = new Map<ClusterObject, readonly Problem[]>();
    const namespaceLabels = new Map<string, Readonly<Record<string, string>>>();
    const resources: Resource[] = [];
    for (const object of objects) {
      const built = this.#build(object);
      if (built.problems.length > 0) {
        problems.push(...built.problems);
        invalid.set(object, built.problems);
      }
      if (built.namespace !== undefined) namespaceLabels.set(built.namespace.name, built.namespace.labels);
      if (built.invalid !== undefined) set.addInvalid(built.invalid);
      if (built.resource !== undefined) resources.push(built.resource);
    }
    // Of two that claim one thing, the older one has it (Gateway API, conflicts).
    const aged = resources.map((resource) => ({ resource, born: bornAt(resource), name: nameOf(resource) }));
    aged.sort((a, b) => a.born - b.born || (a.name < b.name ? -1 : 1));
    const classes = resources
      .filter((resource) => isOf(GatewayClass, resource))
      .filter(({ body }) => body.spec.controllerName === this.#controllerName);
    const ours = new Set(classes.map(({ metadata }) => metadata.name));
    for (const { resource } of aged) if (!isOf(Gateway, resource) || ours.has(resource.body.spec.gatewayClassName)) set.add(resource);
    return { set, problems, ignored: [], namespaceLabels, hash, folders: [], classes, invalid };
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
