import { Namespace, object, ObjectName, oneOf, Type } from '../schema.ts';

/** Secrets and ConfigMaps are kinds of core Kubernetes, whose group has no name. */
const CORE_GROUP = { pattern: '^$', description: 'group of this kind: the core group is written ""' };

/** Names a Secret, by default in the namespace of the resource that names it. */
export const SecretRef = object({
  group: Type.String({ ...CORE_GROUP, default: '' }),
  kind: oneOf(['Secret'], { default: 'Secret' }),
  name: ObjectName,
  namespace: Type.Optional(Namespace),
});

/** Names an object of one of these core kinds in the namespace of the resource that names it. */
export function localRef<const Kinds extends readonly string[]>(kinds: Kinds) {
  return object({ group: Type.String(CORE_GROUP), kind: oneOf(kinds), name: ObjectName });
}
