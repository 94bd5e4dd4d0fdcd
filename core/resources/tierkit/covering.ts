import type { Report } from '../kind.ts';
import { list, object, ObjectName, oneOf, type Static, text, Type } from '../schema.ts';
import { ModelPattern } from './model-pattern.ts';

/** Id of a client, as the SecurityPolicy says it. */
export const ClientId = text(1024);

const TARGETS = {
  Gateway: 'gateway.networking.k8s.io',
  HTTPRoute: 'gateway.networking.k8s.io',
  AIGatewayRoute: 'aigateway.envoyproxy.io',
} as const;

const Target = object({
  /** Absent: that of the kind. */
  group: Type.Optional(oneOf(['gateway.networking.k8s.io', 'aigateway.envoyproxy.io'])),
  kind: oneOf(['Gateway', 'HTTPRoute', 'AIGatewayRoute']),
  name: ObjectName,
});

/** Fields that say which requests a kind of ours covers. */
export const COVERING = {
  /**
   * Gateways and routes of the resource's namespace whose requests it covers. Absent: all requests; in a cluster those of its namespace's Gateways
   * and routes.
   * An HTTPRoute is also the AIGatewayRoute of that name, as with policies.
   */
  targetRefs: Type.Optional(list(Target, 16, 1)),
  /** Of those, the requests that it covers. Absent: all. */
  match: Type.Optional(
    object({
      clients: Type.Optional(list(ClientId, 1024, 1)),
      /** Models as clients ask for them; a `*` at the end stands for any rest. */
      models: Type.Optional(list(ModelPattern, 256, 1)),
    }),
  ),
};

export function isTargetKind(kind: string): kind is keyof typeof TARGETS {
  return Object.hasOwn(TARGETS, kind);
}

const Covering = object(COVERING);
export type CoveringSpec = Static<typeof Covering>;

/** Reports groups that are not those of their kinds. */
export function checkCovering({ targetRefs }: CoveringSpec, report: Report): void {
  for (const [index, { kind, group }] of (targetRefs ?? []).entries())
    if (group !== undefined && group !== TARGETS[kind])
      report(`spec.targetRefs[${index}].group`, `must be ${TARGETS[kind]} for ${kind}, not ${group}; it may be left out`);
}
