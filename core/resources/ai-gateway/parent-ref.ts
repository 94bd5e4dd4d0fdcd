import type { ParentReference } from '../gateway-api/parent-reference.ts';
import type { Report } from '../kind.ts';

/** AI routes attach to Gateways only. */
export function checkParentRefs(refs: readonly ParentReference[] | undefined, path: string, report: Report): void {
  for (const [index, ref] of (refs ?? []).entries()) {
    if (ref.kind !== 'Gateway')
      report(`${path}[${index}].kind`, `must be Gateway, not ${ref.kind}: no other kind can be the parent of this route`);
  }
}
