import { Group, KindName, Namespace, object, ObjectName, type Static, Type } from '../schema.ts';
import { withDefault } from './collections.ts';

/** A Secret, unless `group` and `kind` say otherwise. */
export const SecretObjectReference = object({
  group: withDefault(Group, ''),
  kind: withDefault(KindName, 'Secret'),
  name: ObjectName,
  namespace: Type.Optional(Namespace),
});
export type SecretObjectReference = Static<typeof SecretObjectReference>;

/** An object in the namespace of the resource that refers to it. */
export const LocalObjectReference = object({ group: Group, kind: KindName, name: ObjectName });
export type LocalObjectReference = Static<typeof LocalObjectReference>;
