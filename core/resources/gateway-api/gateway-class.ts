import { defineKind, type ResourceOf } from '../kind.ts';
import { Group, KindName, Namespace, object, ObjectName, text, Type } from '../schema.ts';

/** Names the software that serves its Gateways. */
export const GatewayClass = defineKind({
  kind: 'GatewayClass',
  group: 'gateway.networking.k8s.io',
  versions: ['v1', 'v1beta1'],
  namespaced: false,
  schema: object({
    spec: object({
      controllerName: text(
        253,
        1,
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$",
      ),
      description: Type.Optional(text(64, 0)),
      /** Settings of the proxies that a cluster starts: a process on a laptop has none. */
      parametersRef: Type.Optional(object({ group: Group, kind: KindName, name: ObjectName, namespace: Type.Optional(Namespace) })),
    }),
  }),
  refused: {},
});
export type GatewayClass = ResourceOf<typeof GatewayClass>;
