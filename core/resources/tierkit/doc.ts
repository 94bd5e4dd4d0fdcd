import { type TSchema, Type } from '../schema.ts';

/**
 * Says of a field what it is for, to readers of its CRD (`kubectl explain`). A `description` says what a value looks like, for those who got
 * it wrong.
 */
export function doc<S extends TSchema>(text: string, schema: S): S {
  // A copy of the schema, as several fields may have one.
  return Type.With(schema, { $comment: text }) as unknown as S;
}
