import { withDefault } from '../gateway-api/collections.ts';
import type { Report } from '../kind.ts';
import { Group, KindName, object, ObjectName, type Static } from '../schema.ts';

/** The pool that an objective or a rewrite belongs to; it lies in the same namespace. */
export const PoolReference = object({
  group: withDefault(Group, 'inference.networking.k8s.io'),
  kind: withDefault(KindName, 'InferencePool'),
  name: ObjectName,
});
export type PoolReference = Static<typeof PoolReference>;

/** A CRD of llm-d defaulted the group to its own at one time, where there is no InferencePool: it means the only one there is. */
const GROUPS = ['inference.networking.k8s.io', 'llm-d.ai'];

export function reportOtherPool(ref: PoolReference, path: string, report: Report): void {
  if (ref.kind !== 'InferencePool') report(`${path}.kind`, `must be InferencePool, not ${ref.kind}: other kinds of pools are not served`);
  else if (!GROUPS.includes(ref.group)) report(`${path}.group`, `must be ${GROUPS[0]}, not ${JSON.stringify(ref.group)}`);
}
