import type { Resource } from '../resources/kind.ts';

import { secretOf } from './origins.ts';
import type { Scope } from './scope.ts';

/** A text in a Secret that a resource names. @returns undefined after a report */
export function secretEntry(
  ref: { readonly name: string; readonly namespace?: string },
  entry: string,
  from: Resource,
  path: string,
  scope: Scope,
): string | undefined {
  const data = secretOf(ref, from, path, scope);
  if (data === undefined) return undefined;
  const text = data.get(entry)?.toString().trim();
  if (text !== undefined && text !== '') return text;
  scope.report(from, path, `Secret ${ref.name} has ${text === undefined ? 'no entry' : 'an empty'} "${entry}"`);
  return undefined;
}
