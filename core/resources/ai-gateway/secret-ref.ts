import type { SecretObjectReference } from '../gateway-api/object-reference.ts';
import type { Report } from '../kind.ts';

/** The CRD lets other kinds pass, which nothing reads. */
export function checkSecretRef(ref: SecretObjectReference | undefined, path: string, report: Report): void {
  if (ref === undefined) return;
  if (ref.kind !== 'Secret') report(`${path}.kind`, `must be Secret, not ${ref.kind}`);
  if (ref.group !== '') report(`${path}.group`, `must be empty, which is the group of Secret, not ${JSON.stringify(ref.group)}`);
}
