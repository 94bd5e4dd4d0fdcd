/** Fields of an object that is written. */
export type Json = Readonly<Record<string, unknown>>;

/** What is not undefined. */
export function given(fields: Json): Json {
  const found: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) if (fields[name] !== undefined) found[name] = fields[name];
  return found;
}

/** A field that is left out where nothing is in it. */
export function filled(name: string, value: Json | readonly Json[]): Json {
  return Object.keys(value).length === 0 ? {} : { [name]: value };
}

/** A tool whose arguments need not keep to its schema is what most APIs take one for: older models refuse to be told so. */
export function onlyStrict(strict: boolean | undefined): Json {
  return strict === true ? { strict } : {};
}
