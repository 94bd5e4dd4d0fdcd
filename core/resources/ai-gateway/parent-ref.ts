import type { Report } from '../kind.ts';
import { Group, KindName, Namespace, object, ObjectName, PortNumber, SectionName, type Static, Type } from '../schema.ts';

/** The Gateway, or one listener of it, that a route attaches to. */
export const ParentRef = object({
  group: Type.String({ ...Group, default: 'gateway.networking.k8s.io' }),
  kind: Type.String({ ...KindName, default: 'Gateway' }),
  namespace: Type.Optional(Namespace),
  name: ObjectName,
  sectionName: Type.Optional(SectionName),
  port: Type.Optional(PortNumber),
});
export type ParentRef = Static<typeof ParentRef>;

/** AI routes attach to Gateways only. */
export function checkParentRefs(refs: readonly ParentRef[] | undefined, path: string, report: Report): void {
  for (const [index, ref] of (refs ?? []).entries()) {
    if (ref.kind !== 'Gateway')
      report(`${path}[${index}].kind`, `must be Gateway, not ${ref.kind}: no other kind can be the parent of this route`);
  }
}
