// For tests: a cluster from a text, compiled as the gateway does, with the statuses that were written to it.
import { loadAll } from 'js-yaml';

import type { KubernetesObject } from '../kubernetes/resource.ts';
import { ClusterLoader, type ClusterObject } from '../resources/cluster-load.ts';
import { type GroupKind, groupOf } from '../resources/kind.ts';
import { compile, newShared } from '../route/compile.ts';
import type { Pools } from '../route/scope.ts';
import { fieldsOf, textOf } from './fields.ts';
import type { GatewayPlace } from './gateway-services.ts';
import { type DesiredStatus, desiredStatuses } from './statuses.ts';

export const CONTROLLER = 'tierkit.dev/test';
const OUTSIDE_NAMESPACES = new Set(['GatewayClass', 'Namespace']);
const NOON = '2026-01-01T12:00:00.000Z';

export interface ClusterOptions {
  /** @default false */
  readonly servesPools?: boolean;
  /** By Gateway. @default every Gateway has an address, and all of its ports lead to it */
  readonly places?: Readonly<Record<string, Partial<GatewayPlace>>>;
  /** Ports of which no Service tells anything yet. */
  readonly unreached?: readonly number[];
  /** What of an object is served. @default all of it, or nothing where it is wrong */
  readonly served?: (object: KubernetesObject) => KubernetesObject;
}

type Written = Readonly<Record<string, unknown>>;

export class TestCluster {
  objects: KubernetesObject[];
  readonly #loader = new ClusterLoader(CONTROLLER);
  readonly #options: ClusterOptions;

  constructor(yaml: string, options: ClusterOptions = {}) {
    this.#options = options;
    this.objects = (loadAll(yaml) as (KubernetesObject | null)[]).flatMap((object) => (object === null ? [] : [named(object)]));
  }

  desired(now = NOON): DesiredStatus[] {
    const { servesPools = false, places, unreached = [], served = (object) => object } = this.#options;
    const { invalid } = this.#loader.load(this.objects as readonly ClusterObject[], '1');
    const loaded = { ...this.#loader.load(this.objects.map(served) as readonly ClusterObject[], '2'), invalid };
    const shared = newShared(undefined, servesPools ? POOLS : undefined);
    const compiled = compile(loaded, shared, {
      inCluster: true,
      listenOn: (_gateway, port) => (unreached.includes(port) ? undefined : 10_000),
    });
    const objects = ({ group, kind }: GroupKind) =>
      this.objects.filter((object) => object.kind === kind && groupOf(object.apiVersion) === group);
    const leading = objects({ group: 'gateway.networking.k8s.io', kind: 'Gateway' }).flatMap((object): [string, GatewayPlace][] => {
      const place = `${object.metadata.namespace}/${object.metadata.name}`;
      const given = places === undefined ? {} : places[place];
      return given === undefined ? [] : [[place, { addresses: [{ type: 'IPAddress', value: '198.18.0.1' }], ports: new Set(), ...given }]];
    });
    return desiredStatuses({ controllerName: CONTROLLER, loaded, compiled, objects, places: new Map(leading), servesPools }, new Date(now));
  }

  /** Writes what ought to be there, as a merge patch does. */
  write(now = NOON): DesiredStatus[] {
    const desired = this.desired(now);
    for (const { kind, namespace, name, status } of desired)
      this.edit(
        kind.kind,
        name,
        (object) => ({ ...object, status: { ...fieldsOf(object['status']), ...structuredClone(status) } }),
        namespace,
      );
    return desired;
  }

  /** Puts another object in place of one. */
  edit(kind: string, name: string, change: (object: KubernetesObject) => KubernetesObject, namespace?: string): void {
    this.objects = this.objects.map((object) =>
      object.kind === kind &&
      object.metadata.name === name &&
      (object.metadata.namespace ?? '') === (namespace ?? object.metadata.namespace ?? '')
        ? change(object)
        : object,
    );
  }

  remove(kind: string, name: string): void {
    this.objects = this.objects.filter((object) => object.kind !== kind || object.metadata.name !== name);
  }

  /** The status of an object once all is written. */
  status(kind: string, name: string): Written {
    this.write();
    return fieldsOf(this.objects.find((object) => object.kind === kind && object.metadata.name === name)?.['status']);
  }
}

function named(object: KubernetesObject): KubernetesObject {
  const namespace = OUTSIDE_NAMESPACES.has(object.kind) ? {} : { namespace: 'default' };
  return { ...object, metadata: { ...namespace, generation: 3, resourceVersion: '7', ...object.metadata } };
}

/** Serves nothing, and looks for no picker that is called `nobody`. */
const POOLS: Pools = {
  alone: false,
  begin: () => undefined,
  serve(pool, scope) {
    if (pool.body.spec.endpointPickerRef?.name === 'nobody')
      scope.report(pool, 'spec.endpointPickerRef.name', 'there is no Service default/nobody', 'InvalidExtensionRef');
    return undefined;
  },
  commit: () => undefined,
  rollback: () => undefined,
  close: () => Promise.resolve(),
};

/** `type=status reason` of each condition. */
export function brief(conditions: unknown): string[] {
  return (conditions as { type: string; status: string; reason: string }[]).map(
    ({ type, status, reason }) => `${type}=${status} ${reason}`,
  );
}

/** `ref: conditions` of each entry of ours. */
export function briefEntries(list: unknown): string[] {
  return (list as Record<string, unknown>[])
    .filter(({ controllerName }) => controllerName === CONTROLLER)
    .map(({ parentRef, ancestorRef, conditions }) => {
      const { namespace, name, sectionName } = fieldsOf(parentRef ?? ancestorRef);
      const place = [namespace, name, sectionName].flatMap((part) => textOf(part) ?? []).join('/');
      return `${place}: ${brief(conditions).join(', ')}`;
    });
}

export function messageOf(conditions: unknown, type: string): string | undefined {
  return (conditions as { type: string; message: string }[]).find((condition) => condition.type === type)?.message;
}

export const CLASS = `
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ours}
spec: {controllerName: ${CONTROLLER}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: theirs}
spec: {controllerName: example.com/other}
`;

/** A Gateway with these listeners, in flow style. @param more further fields of the spec */
export function gateway(
  name: string,
  listeners = ['{name: http, port: 80, protocol: HTTP}'],
  more = '',
  gatewayClassName = 'ours',
): string {
  return resource(
    'gateway.networking.k8s.io/v1',
    'Gateway',
    name,
    `gatewayClassName: ${gatewayClassName}, listeners: [${listeners.join(', ')}]${more}`,
  );
}

export function httpRoute(name: string, spec: string): string {
  return resource('gateway.networking.k8s.io/v1', 'HTTPRoute', name, spec);
}

export function resource(apiVersion: string, kind: string, name: string, spec: string): string {
  return `
---
apiVersion: ${apiVersion}
kind: ${kind}
metadata: {name: ${name}}
spec: {${spec}}
`;
}

export const SERVICE = resource('v1', 'Service', 'web', 'clusterIP: 10.0.0.1, ports: [{port: 80}]');
export const TO_WEB = 'backendRefs: [{name: web, port: 80}]';
