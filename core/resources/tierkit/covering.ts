import type { Report } from '../kind.ts';
import { list, object, ObjectName, oneOf, type Static, text, Type } from '../schema.ts';
import { doc } from './doc.ts';
import { ModelPattern } from './model-pattern.ts';

/** Id of a client, as the SecurityPolicy says it. */
export const ClientId = text(1024);

const TARGETS = {
  Gateway: 'gateway.networking.k8s.io',
  HTTPRoute: 'gateway.networking.k8s.io',
  AIGatewayRoute: 'aigateway.envoyproxy.io',
  MCPRoute: 'aigateway.envoyproxy.io',
} as const;

const Target = object({
  group: doc('Absent: that of the kind.', Type.Optional(oneOf(['gateway.networking.k8s.io', 'aigateway.envoyproxy.io']))),
  kind: doc('An HTTPRoute is also the AIGatewayRoute of that name.', oneOf(['Gateway', 'HTTPRoute', 'AIGatewayRoute', 'MCPRoute'])),
  name: doc('Of the resource, in this namespace.', ObjectName),
});

/** Fields that say which requests a kind of ours covers. */
export const COVERING = {
  targetRefs: doc(
    'Gateways and routes of the resource’s namespace whose requests it covers. Absent: all requests; in a cluster those of its namespace’s Gateways and routes. An HTTPRoute is also the AIGatewayRoute of that name, as with policies.',
    Type.Optional(list(Target, 16, 1)),
  ),
  match: doc(
    'Of those, the requests that it covers. Absent: all.',
    Type.Optional(
      object({
        clients: doc('Ids of clients, as the SecurityPolicy says them.', Type.Optional(list(ClientId, 1024, 1))),
        models: doc('Models as clients ask for them; a `*` at the end stands for any rest.', Type.Optional(list(ModelPattern, 256, 1))),
      }),
    ),
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
