import { Group, KindName, object, ObjectName, type Static } from '../schema.ts';

/** A resource of the policy's namespace that the policy holds for. */
export const TargetRef = object({ group: Group, kind: KindName, name: ObjectName });
export type TargetRef = Static<typeof TargetRef>;
