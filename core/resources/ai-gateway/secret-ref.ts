import type { Report } from '../kind.ts';
import { Group, KindName, Namespace, object, ObjectName, type Static, Type } from '../schema.ts';

/** A Secret, of the same namespace unless it names another. */
export const SecretRef = object({
  group: Type.String({ ...Group, default: '' }),
  kind: Type.String({ ...KindName, default: 'Secret' }),
  namespace: Type.Optional(Namespace),
  name: ObjectName,
});
export type SecretRef = Static<typeof SecretRef>;

/** The CRD lets other kinds pass, which nothing reads. */
export function checkSecretRef(ref: SecretRef | undefined, path: string, report: Report): void {
  if (ref === undefined) return;
  if (ref.kind !== 'Secret') report(`${path}.kind`, `must be Secret, not ${ref.kind}`);
  if (ref.group !== '') report(`${path}.group`, `must be empty, which is the group of Secret, not ${JSON.stringify(ref.group)}`);
}
