/** Fields of an object that is written. */
export type Json = Readonly<Record<string, unknown>>;

/** What is not undefined. */
export function given(fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
