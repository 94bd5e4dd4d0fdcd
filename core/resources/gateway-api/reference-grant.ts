import { defineKind, type ResourceOf } from '../kind.ts';
import { Group, KindName, list, Namespace, object, ObjectName, Type } from '../schema.ts';

/** Lets resources of other namespaces refer to resources of its own. */
export const ReferenceGrant = defineKind({
  kind: 'ReferenceGrant',
  group: 'gateway.networking.k8s.io',
  versions: ['v1', 'v1beta1'],
  namespaced: true,
  schema: object({
    spec: object({
      from: list(object({ group: Group, kind: KindName, namespace: Namespace }), 16, 1),
      /** Without a name: every resource of the kind. */
      to: list(object({ group: Group, kind: KindName, name: Type.Optional(ObjectName) }), 16, 1),
    }),
  }),
  refused: {},
});
export type ReferenceGrant = ResourceOf<typeof ReferenceGrant>;
