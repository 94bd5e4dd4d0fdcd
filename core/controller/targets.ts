import type { KubernetesObject } from '../kubernetes/resource.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { Problem } from '../resources/problem.ts';
import { fieldsOf, listOf, textOf } from './fields.ts';
import { namespaceOf, type Ref } from './reach.ts';
import type { State } from './view.ts';

/** What a policy holds for, as its user wrote it. */
export interface Target extends Ref {
  readonly sectionName?: string;
  /** Where it stands, such as `spec.targetRefs[0]`. */
  readonly path: string;
}

/** An object that a policy's status speaks of. */
export interface AncestorRef extends Ref {
  readonly sectionName?: string;
}

export function targetsOf(object: KubernetesObject): Target[] {
  const { targetRef, targetRefs } = fieldsOf(object['spec']);
  const written = [
    ...(targetRef === undefined ? [] : [{ value: targetRef, path: 'spec.targetRef' }]),
    ...listOf(targetRefs).map((value, index) => ({ value, path: `spec.targetRefs[${index}]` })),
  ];
  return written.flatMap(({ value, path }): Target[] => {
    const { group, kind, name, sectionName } = fieldsOf(value);
    if (typeof kind !== 'string' || typeof name !== 'string') return [];
    const section = typeof sectionName === 'string' ? { sectionName } : {};
    return [{ group: textOf(group) ?? Gateway.group, kind, namespace: namespaceOf(object), name, ...section, path }];
  });
}

/** The ancestor that a Gateway is. @param place `namespace/name` */
export function gatewayRef(place: string, sectionName?: string): AncestorRef {
  const [namespace, name] = place.split('/') as [string, string];
  const ref = { group: Gateway.group, kind: Gateway.kind, namespace, name };
  return sectionName === undefined ? ref : { ...ref, sectionName };
}

/** Gateways of ours by which a policy for a Gateway or a route takes effect. Undefined: nobody has such a target. */
export function ancestorsOf(target: Target, state: State): AncestorRef[] | undefined {
  const place = `${target.namespace}/${target.name}`;
  if (target.kind === Gateway.kind) {
    if (state.gateways.has(place)) return [gatewayRef(place, target.sectionName)];
    return state.isOthers(place) ? [] : undefined;
  }
  if (target.kind !== HTTPRoute.kind) return [];
  // In a cluster each AIGatewayRoute becomes an HTTPRoute of its name.
  const kinds = [HTTPRoute, AIGatewayRoute];
  const routes = state.reach.named(place).filter(({ object }) => kinds.some(({ kind }) => kind === object.kind));
  if (routes.length > 0) return routes.flatMap(({ parents }) => parents.map(({ ref, gateway }) => gatewayRef(gateway, ref.sectionName)));
  return kinds.some((kind) => state.exists(kind, place)) ? [] : undefined;
}

/** Problems without those that speak of Gateways of other controllers: these are there, and not ours to look for. */
export function withoutOthers(object: KubernetesObject, problems: readonly Problem[], state: State): readonly Problem[] {
  const others = targetsOf(object).filter(({ kind, namespace, name }) => kind === Gateway.kind && state.isOthers(`${namespace}/${name}`));
  return problems.filter(({ path }) => !others.some((target) => path === target.path || path.startsWith(`${target.path}.`)));
}
