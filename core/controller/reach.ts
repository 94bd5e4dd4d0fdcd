import type { KubernetesObject } from '../kubernetes/resource.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import { type GroupKind, groupOf, kindKey } from '../resources/kind.ts';
import { Service } from '../resources/kubernetes/service.ts';
import type { Sliced } from '../resources/slices.ts';
import { remember } from '../route/remember.ts';
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts';

type Objects = (kind: GroupKind) => readonly KubernetesObject[];

/** An object as the cluster has it, or as it is served. */
export interface Named extends Pick<KubernetesObject, 'apiVersion' | 'kind'> {
  readonly metadata: Pick<KubernetesObject['metadata'], 'name' | 'namespace'>;
}

/** A reference of one object to another, with its defaults. */
export interface Ref extends GroupKind {
  readonly namespace: string;
  readonly name: string;
}

/** A parentRef of a route, as a status repeats it. */
export interface ParentRef extends GroupKind {
  readonly namespace?: string;
  readonly name: string;
  readonly sectionName?: string;
  readonly port?: number;
}

/** A route of one of our Gateways. */
export interface OurRoute {
  readonly object: KubernetesObject;
  /** Its references to Gateways of ours, in its order, with `namespace/name` of each. */
  readonly parents: readonly { readonly ref: ParentRef; readonly gateway: string }[];
}

const ROUTES: readonly { readonly definition: GroupKind; readonly backend: GroupKind }[] = [
  { definition: HTTPRoute, backend: Service },
  { definition: AIGatewayRoute, backend: AIServiceBackend },
  { definition: MCPRoute, backend: Service },
];

/** Which routes of a cluster are ours, and what our Gateways lead to by them: read from what users wrote, right or wrong. */
export class Reach {
  readonly #routes = new Map<string, OurRoute[]>();
  /** By `namespace/name`. */
  readonly #named = new Map<string, OurRoute[]>();
  /** Gateways that lead to an object, with the routes by which they do. */
  readonly #leading = new Map<string, Map<string, OurRoute[]>>();
  readonly #led = new Map<OurRoute[], Set<OurRoute>>();

  private constructor() {}

  /** @param gateways ours, by `namespace/name` */
  static *of(gateways: ReadonlyMap<string, KubernetesObject>, objects: Objects): Sliced<Reach> {
    const reach = new Reach();
    yield* reach.#read(gateways, objects);
    return reach;
  }

  *#read(gateways: ReadonlyMap<string, KubernetesObject>, objects: Objects): Sliced<void> {
    for (const { definition, backend } of ROUTES) {
      const routes: OurRoute[] = [];
      this.#routes.set(kindKey(definition), routes);
      for (const object of objects(definition)) {
        const parents = parentsOf(object).flatMap((ref) => {
          const gateway = `${ref.namespace ?? namespaceOf(object)}/${ref.name}`;
          const isOurs = ref.group === Gateway.group && ref.kind === Gateway.kind && gateways.has(gateway);
          return isOurs ? [{ ref, gateway }] : [];
        });
        if (parents.length === 0) continue;
        const route = { object, parents };
        routes.push(route);
        const place = placeOf(object);
        this.#named.set(place, [...(this.#named.get(place) ?? []), route]);
        for (const ref of backendsOf(object, backend)) for (const { gateway } of parents) this.#lead(ref, gateway, route);
        yield;
      }
    }
    for (const object of objects(AIServiceBackend)) {
      const leading = this.#leading.get(refKey(refOf(object)));
      for (const [gateway, routes] of leading ?? [])
        for (const ref of backendsOf(object, Service)) for (const route of routes) this.#lead(ref, gateway, route);
      yield;
    }
  }

  routes(definition: GroupKind): readonly OurRoute[] {
    return this.#routes.get(kindKey(definition)) ?? [];
  }

  /** Our routes of a name, of any kind. @param place `namespace/name` */
  named(place: string): readonly OurRoute[] {
    return this.#named.get(place) ?? [];
  }

  /** Our Gateways that lead to an object, by `namespace/name`, with their routes that do. */
  leadingTo(ref: Ref): ReadonlyMap<string, readonly OurRoute[]> {
    return this.#leading.get(refKey(ref)) ?? new Map();
  }

  #lead(to: Ref, gateway: string, route: OurRoute): void {
    const key = keptKey(to);
    let gateways = this.#leading.get(key);
    if (gateways === undefined) this.#leading.set(key, (gateways = new Map()));
    const routes = gateways.get(gateway);
    if (routes === undefined) {
      gateways.set(gateway, [route]);
      return;
    }
    // A backend may have thousands of routes.
    let led = this.#led.get(routes);
    if (led === undefined) this.#led.set(routes, (led = new Set(routes)));
    if (led.has(route)) return;
    led.add(route);
    routes.push(route);
  }
}

export function namespaceOf({ metadata }: Named): string {
  return metadata.namespace ?? '';
}

/** `namespace/name`. */
export function placeOf(object: KubernetesObject): string {
  return `${namespaceOf(object)}/${object.metadata.name}`;
}

export function refOf(object: Named): Ref {
  return { group: groupOf(object.apiVersion), kind: object.kind, namespace: namespaceOf(object), name: object.metadata.name };
}

export function refKey({ group, kind, namespace, name }: Ref): string {
  return `${kindKey({ group, kind })} ${namespace}/${name}`;
}

/** As {@link refKey}, of a reference that is asked for again and again. */
function keptKey(ref: Ref): string {
  return remember(KEYS, ref, () => refKey(ref));
}

/** As read from objects that nobody changes. */
const PARENTS = new WeakMap<object, readonly ParentRef[]>();

function parentsOf(object: KubernetesObject): readonly ParentRef[] {
  return remember(PARENTS, object, () => readParents(object));
}

function readParents(object: KubernetesObject): ParentRef[] {
  return listOf(fieldsOf(object['spec'])['parentRefs']).flatMap((value): ParentRef[] => {
    const { group = Gateway.group, kind = Gateway.kind, namespace, name, sectionName, port } = fieldsOf(value);
    if (typeof name !== 'string' || typeof group !== 'string' || typeof kind !== 'string') return [];
    return [
      {
        group,
        kind,
        ...(typeof namespace === 'string' ? { namespace } : {}),
        name,
        ...(typeof sectionName === 'string' ? { sectionName } : {}),
        ...(typeof port === 'number' ? { port } : {}),
      },
    ];
  });
}

/** What was found in an object that nobody changes. */
const READ = new WeakMap<object, readonly Ref[]>();
const KEYS = new WeakMap<Ref, string>();

/**
 * Every `backendRef` and `backendRefs` below an object's spec: fields of these names are references to backends wherever they stand.
 * @param usual what a reference without group and kind leads to
 */
export function backendsOf(object: KubernetesObject, usual: GroupKind): readonly Ref[] {
  return remember(READ, object, () => unique(found(fieldsOf(object['spec']), namespaceOf(object), usual)));
}

function found(fields: Fields, namespace: string, usual: GroupKind): Ref[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (name === 'backendRef') return [refTo(value, namespace, usual), ...found(fieldsOf(value), namespace, usual)].flat();
    const items = Array.isArray(value) ? listOf(value) : [value];
    return items.flatMap((item) => [
      ...(name === 'backendRefs' ? refTo(item, namespace, usual) : []),
      ...found(fieldsOf(item), namespace, usual),
    ]);
  });
}

function refTo(value: unknown, from: string, usual: GroupKind): Ref[] {
  const { group, kind, namespace, name } = fieldsOf(value);
  if (typeof name !== 'string') return [];
  return [{ group: textOf(group) ?? usual.group, kind: textOf(kind) ?? usual.kind, namespace: textOf(namespace) ?? from, name }];
}

function unique(refs: readonly Ref[]): Ref[] {
  return [...new Map(refs.map((ref) => [refKey(ref), ref])).values()];
}
