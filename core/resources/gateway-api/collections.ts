import type { Report } from '../kind.ts';
import { type Static, Type, type TSchema } from '../schema.ts';

/** A map with free keys (`additionalProperties` of a CRD). */
export function map<S extends TSchema>(values: S, bounds: { minProperties?: number; maxProperties?: number } = {}) {
  return Type.Unsafe<Record<string, Static<S>>>({ type: 'object', additionalProperties: values, ...bounds });
}

/** A list whose items differ from each other (`x-kubernetes-list-type: set`). */
export function set<S extends TSchema>(items: S, maxItems: number) {
  return Type.Unsafe<Static<S>[]>({ type: 'array', items, maxItems, uniqueItems: true });
}

/** A field that the API server fills in when it is absent, so that a validated document always has it. */
export function withDefault<S extends TSchema>(schema: S, value: Static<S>) {
  return Type.Unsafe<Static<S>>({ ...schema, default: value });
}

/** Reports every item whose key an earlier item has (`x-kubernetes-list-map-keys`, or a CEL rule of that meaning). No key, no twin. */
export function reportRepeated<T>(
  items: readonly T[],
  keyOf: (item: T) => string | undefined,
  at: (index: number) => string,
  message: (item: T, earlier: number) => string,
  report: Report,
): void {
  const first = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, index);
    else report(at(index), message(item, earlier));
  }
}
