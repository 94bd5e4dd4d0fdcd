import type { Additions } from './structural.ts';

/** A rule in CEL that the API server checks. @see https://kubernetes.io/docs/reference/using-api/cel/ */
export interface CelRule {
  /** What must hold of `self`. */
  readonly rule: string;
  /** As our own loader says it. */
  readonly message: string;
  /** Of which field it is told, when not of the whole. */
  readonly fieldPath?: string;
}

/** The same rules as those of the kinds (`KindDefinition.rules`), as far as CEL can say them at little cost. */
export function cel(...rules: readonly CelRule[]): Additions[string] {
  return { 'x-kubernetes-validations': rules.map((rule) => ({ ...rule })) };
}

/** @param field that must stand there where the condition holds */
export function needs(field: string, condition: string, message: string): CelRule {
  return { rule: `!(${condition}) || has(self.${field})`, message, fieldPath: `.${field}` };
}

/** @param field that must not stand there where the condition holds */
export function excludes(field: string, condition: string, message: string): CelRule {
  return { rule: `!(${condition}) || !has(self.${field})`, message, fieldPath: `.${field}` };
}

/** Items with this field in common are one too many. */
export function keyedBy(field: string): Additions[string] {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [field] };
}

export const EACH_ONCE: Additions[string] = { 'x-kubernetes-list-type': 'set' };

const GATEWAY_API = "'gateway.networking.k8s.io'";
const AI = "'aigateway.envoyproxy.io'";

/** Of fields that say which requests a kind covers. */
export const COVERING_RULES: Additions = {
  'spec.targetRefs[]': cel({
    rule: `!has(self.group) || self.group == (self.kind in ['AIGatewayRoute', 'MCPRoute'] ? ${AI} : ${GATEWAY_API})`,
    message:
      'must be aigateway.envoyproxy.io for AIGatewayRoute and MCPRoute, and gateway.networking.k8s.io for the others; it may be left out',
    fieldPath: '.group',
  }),
};
