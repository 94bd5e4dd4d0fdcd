import type { Edit } from '../json/edit.ts';
import type { HeaderEdits } from '../providers/target.ts';
import { type BodyMutation, type HeaderMutation, jsonOfValue } from '../resources/ai-gateway/mutation.ts';
import type { Resource } from '../resources/kind.ts';

import { NO_EDITS } from './pool.ts';
import type { Scope } from './scope.ts';
import { checkHeaders } from './sendable.ts';

/** The host is that of the backend, and its answer has to be one that we can read. */
const OWNED = ['host', 'accept-encoding'];

export function checkMutation(mutation: HeaderMutation | undefined, resource: Resource, path: string, scope: Scope): void {
  checkHeaders(mutation?.set ?? [], `${path}.set`, OWNED, (at, message) => scope.report(resource, at, message));
}

/** Later ones win. */
export function headerEdits(mutations: readonly (HeaderMutation | undefined)[]): HeaderEdits {
  if (mutations.every((mutation) => mutation === undefined)) return NO_EDITS;
  const values = new Map<string, string | undefined>();
  for (const mutation of mutations) {
    for (const name of mutation?.remove ?? []) values.set(name.toLowerCase(), undefined);
    for (const { name, value } of mutation?.set ?? []) values.set(name.toLowerCase(), value);
  }
  return { set: [...values].flatMap(([name, value]) => (value === undefined ? [] : [name, value])), replaced: new Set(values.keys()) };
}

export function bodyEdits(mutations: readonly (BodyMutation | undefined)[]): Edit[] {
  return mutations.flatMap((mutation) => [
    ...(mutation?.remove ?? []).map((name): Edit => ({ remove: name })),
    ...(mutation?.set ?? []).map(({ path, value }): Edit => ({ set: path, value: jsonOfValue(value) })),
  ]);
}
