import type { KubernetesObject } from '../kubernetes/resource.ts';
import type { ClusterLoaded } from '../resources/cluster-load.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { type GroupKind, kindKey, type KindDefinition, type Resource, type ResourceOf } from '../resources/kind.ts';
import type { Problem } from '../resources/problem.ts';
import { References } from '../resources/references.ts';
import type { Sliced } from '../resources/slices.ts';
import type { Compiled, ResourceProblem } from '../route/compile.ts';
import type { Stamp } from './conditions.ts';
import { fieldsOf, textOf } from './fields.ts';
import type { GatewayPlace } from './gateway-services.ts';
import { type Named, namespaceOf, placeOf, Reach, refKey, refOf } from './reach.ts';

/** One state of the cluster, and what the gateway made of it. */
export interface ControllerView {
  readonly controllerName: string;
  readonly loaded: ClusterLoaded;
  readonly compiled: Compiled;
  /** As the API server has them: with generation and the status that is there now. */
  readonly objects: (kind: GroupKind) => readonly KubernetesObject[];
  /** By `namespace/name` of the Gateway: what leads to it. */
  readonly places: ReadonlyMap<string, GatewayPlace>;
  /** Whether the gateway serves InferencePools. */
  readonly servesPools: boolean;
}

/** What is to be written. */
export interface DesiredStatus {
  readonly kind: GroupKind;
  /** Empty for kinds outside namespaces. */
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  /** The fields of the status that we write; the others stay as they are. */
  readonly status: object;
}

/** A status that an object ought to have. */
export interface Verdict {
  readonly object: KubernetesObject;
  readonly status: object;
}

/** What all statuses are made of: a view, sorted. */
export class State {
  readonly view: ControllerView;
  /** Gateways of our classes, by `namespace/name`. */
  readonly gateways: ReadonlyMap<string, KubernetesObject>;
  readonly reach: Reach;
  /** How many accepted routes are attached to each listener, by `namespace/gateway/listener`. */
  attached: ReadonlyMap<string, number> = new Map();
  readonly references: References;
  readonly #now: Date;
  /** By the metadata of a resource. */
  readonly #foundOf = new Map<object, ResourceProblem[]>();
  readonly #own = new Map<string, readonly Problem[]>();
  readonly #found = new Map<string, ResourceProblem[]>();
  readonly #places = new Map<string, ReadonlySet<string>>();

  static *of(view: ControllerView, now: Date): Sliced<State> {
    const names = new Set(view.loaded.classes.map(({ metadata }) => metadata.name));
    const ours = view.objects(Gateway).filter((object) => names.has(textOf(fieldsOf(object['spec'])['gatewayClassName']) ?? ''));
    const gateways = new Map(ours.map((object) => [placeOf(object), object]));
    return new State(view, now, gateways, yield* Reach.of(gateways, view.objects));
  }

  private constructor(view: ControllerView, now: Date, gateways: ReadonlyMap<string, KubernetesObject>, reach: Reach) {
    this.view = view;
    this.#now = now;
    const { invalid, set } = view.loaded;
    this.gateways = gateways;
    this.reach = reach;
    this.references = new References(set);
    for (const [object, problems] of invalid) this.#own.set(refKey(refOf(object)), problems);
    for (const problem of view.compiled.problems) {
      if (!('of' in problem)) continue;
      const known = this.#foundOf.get(problem.of.metadata);
      if (known !== undefined) {
        known.push(problem);
        continue;
      }
      const found = [problem];
      this.#foundOf.set(problem.of.metadata, found);
      this.#found.set(refKey(refOf(problem.of)), found);
    }
  }

  /** What is wrong with an object by itself. */
  own(object: Named): readonly Problem[] {
    return this.#own.size === 0 ? NONE : (this.#own.get(refKey(refOf(object))) ?? NONE);
  }

  /** What is wrong with it beside the others. */
  found(object: Named): readonly Problem[] {
    return this.#found.size === 0 ? NONE : (this.#found.get(refKey(refOf(object))) ?? NONE);
  }

  /** As {@link found}, of a resource that is served. */
  foundOf(resource: Resource): readonly Problem[] {
    return this.#foundOf.get(resource.metadata) ?? NONE;
  }

  problems(object: Named): readonly Problem[] {
    return [...this.own(object), ...this.found(object)];
  }

  stamp({ metadata }: KubernetesObject): Stamp {
    return { generation: metadata.generation, now: this.#now };
  }

  /** The object as it is served; undefined where it is wrong by itself. */
  resource<D extends KindDefinition>(definition: D, object: KubernetesObject): ResourceOf<D> | undefined {
    return this.view.loaded.set.get(definition, namespaceOf(object), object.metadata.name);
  }

  /** Whether the cluster has an object, whoever serves it. @param place `namespace/name` */
  exists(kind: GroupKind, place: string): boolean {
    const key = kindKey(kind);
    let places = this.#places.get(key);
    if (places === undefined) this.#places.set(key, (places = new Set(this.view.objects(kind).map(placeOf))));
    return places.has(place);
  }

  /** Whether the cluster has a Gateway that is none of ours. @param place `namespace/name` */
  isOthers(place: string): boolean {
    return !this.gateways.has(place) && this.exists(Gateway, place);
  }
}

const NONE: readonly never[] = [];

/** The status of an object that is there now. */
export function statusOf(object: KubernetesObject): Readonly<Record<string, unknown>> {
  return fieldsOf(object['status']);
}
