import type { Report } from '../kind.ts';
import { HeaderName, list, object, type Static, text, Type } from '../schema.ts';
import { reportDuplicates } from './unique.ts';

/** Headers that are set on, or removed from, the request to the backend. */
export const HeaderMutation = object({
  set: Type.Optional(list(object({ name: HeaderName, value: text(4096) }), 16)),
  remove: Type.Optional(list(Type.String(), 16)),
});
export type HeaderMutation = Static<typeof HeaderMutation>;

/** Top-level members that are set in, or removed from, the JSON body of the request to the backend. */
export const BodyMutation = object({
  set: Type.Optional(list(object({ path: Type.String({ minLength: 1 }), value: Type.String() }), 16)),
  remove: Type.Optional(list(Type.String(), 16)),
});
export type BodyMutation = Static<typeof BodyMutation>;

interface Mutations {
  readonly headerMutation?: HeaderMutation;
  readonly bodyMutation?: BodyMutation;
}

/** Checks both mutations of the object at `path`. */
export function checkMutations({ headerMutation, bodyMutation }: Mutations, path: string, report: Report): void {
  const header = `${path}.headerMutation`;
  reportDuplicates(headerMutation?.set, ({ name }) => name, `${header}.set`, 'name', report);
  reportDuplicates(headerMutation?.remove, (name) => name, `${header}.remove`, '', report);
  const body = `${path}.bodyMutation`;
  reportDuplicates(bodyMutation?.set, (field) => field.path, `${body}.set`, 'path', report);
  reportDuplicates(bodyMutation?.remove, (name) => name, `${body}.remove`, '', report);
  for (const [index, { value }] of (bodyMutation?.set ?? []).entries()) {
    if (/^\s*[{["]/.test(value) && !isJson(value)) report(`${body}.set[${index}].value`, 'starts like JSON and is none');
  }
}

/** JSON of a body mutation's value: the value itself where it is JSON, else the value as a JSON string (`scale` → `"scale"`). */
export function jsonOfValue(value: string): string {
  return isJson(value) ? value : JSON.stringify(value);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
