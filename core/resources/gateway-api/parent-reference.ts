import type { Report } from '../kind.ts';
import { Group, KindName, Namespace, object, ObjectName, PortNumber, SectionName, type Static, Type } from '../schema.ts';
import { withDefault } from './collections.ts';

/** What a route attaches to: a Gateway, or one of its listeners. */
export const ParentReference = object({
  group: withDefault(Group, 'gateway.networking.k8s.io'),
  kind: withDefault(KindName, 'Gateway'),
  namespace: Type.Optional(Namespace),
  name: ObjectName,
  /** Name of a listener. */
  sectionName: Type.Optional(SectionName),
  port: Type.Optional(PortNumber),
});
export type ParentReference = Static<typeof ParentReference>;

/** Two references to one parent have to name different sections of it (CEL rules of `parentRefs`). */
export function checkParents(parents: readonly ParentReference[], path: string, report: Report): void {
  for (const [index, parent] of parents.entries()) {
    const earlier = parents.slice(0, index).filter((other) => sameParent(other, parent));
    if (earlier.some((other) => other.sectionName === parent.sectionName)) {
      report(`${path}[${index}]`, `names ${parent.kind} ${parent.name} again${section(parent)}`);
    } else if (earlier.some((other) => (other.sectionName === undefined) !== (parent.sectionName === undefined))) {
      report(`${path}[${index}].sectionName`, `must be set on every reference to ${parent.kind} ${parent.name}, or on a single one`);
    }
  }
}

function sameParent(a: ParentReference, b: ParentReference): boolean {
  return a.group === b.group && a.kind === b.kind && a.name === b.name && a.namespace === b.namespace;
}

function section(parent: ParentReference): string {
  return parent.sectionName === undefined ? '; tell the references apart by sectionName' : ` with section ${parent.sectionName}`;
}
