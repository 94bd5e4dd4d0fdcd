import { isDeepStrictEqual } from 'node:util';

import type { KubernetesObject, ObjectMeta } from './resource.ts';

/** What is left of an object in memory, made as soon as it is parsed. */
export type Keep<T> = (object: KubernetesObject) => T;

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** Everything but what only writers of the object need: managedFields, and kubectl's copy of the whole object. */
export function keepObject(object: KubernetesObject): KubernetesObject {
  return { ...object, metadata: keepMeta(object.metadata) };
}

/** As {@link keepObject}, without the status. */
export function keepWithoutStatus(object: KubernetesObject): KubernetesObject {
  const { status: _status, ...rest } = object;
  return { ...rest, metadata: keepMeta(object.metadata) };
}

/** Of the metadata, the fields of {@link ObjectMeta} that are there: an absent field is no key, which JSON and memory notice. */
export function keepMeta(metadata: ObjectMeta): ObjectMeta {
  const kept: Record<string, unknown> = {};
  for (const field of FIELDS) if (metadata[field] !== undefined) kept[field] = metadata[field];
  const { annotations } = metadata;
  if (annotations?.[LAST_APPLIED] !== undefined) {
    const { [LAST_APPLIED]: _lastApplied, ...others } = annotations;
    kept['annotations'] = others;
  }
  return kept as unknown as ObjectMeta;
}

const FIELDS: readonly (keyof ObjectMeta)[] = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'labels',
  'annotations',
  'finalizers',
  'ownerReferences',
];

/** An object with the parts of an equal one, but for metadata and status. */
export function shareContent(
  object: KubernetesObject,
  { metadata: _metadata, status: _status, ...parts }: KubernetesObject,
): KubernetesObject {
  return { ...object, ...parts };
}

/**
 * Whether two versions of an object say the same, status aside: controllers write the status of many objects, also we, and none of that
 * calls for another load.
 */
export function sameContent(one: KubernetesObject, other: KubernetesObject): boolean {
  const a = one.metadata;
  const b = other.metadata;
  if (a.uid !== b.uid || a.deletionTimestamp !== b.deletionTimestamp) return false;
  if (!isDeepStrictEqual(a.labels, b.labels) || !isDeepStrictEqual(a.annotations, b.annotations)) return false;
  const { metadata: _a, status: _statusA, ...bodyA } = one;
  const { metadata: _b, status: _statusB, ...bodyB } = other;
  return isDeepStrictEqual(bodyA, bodyB);
}
