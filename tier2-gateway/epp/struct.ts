/** `google.protobuf.Struct` as the loader gives and takes it. */
export interface Struct {
  fields?: Record<string, Value>;
}

/** `google.protobuf.Value`: one field is set. */
export interface Value {
  nullValue?: 'NULL_VALUE';
  numberValue?: number;
  stringValue?: string;
  boolValue?: boolean;
  structValue?: Struct;
  listValue?: { values?: Value[] };
}

export type Json = null | number | string | boolean | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** The object that a Struct stands for. It has no prototype, since a peer chooses the names. */
export function fromStruct(struct: Struct): JsonObject {
  const object = Object.create(null) as Record<string, Json>;
  for (const [name, value] of Object.entries(struct.fields ?? {})) object[name] = fromValue(value);
  return object;
}

export function toStruct(object: JsonObject): Struct {
  return { fields: Object.fromEntries(Object.entries(object).map(([name, value]) => [name, toValue(value)])) };
}

/** The value of one key, without converting the rest of the Struct. */
export function structMember(struct: Struct | undefined, name: string): Json | undefined {
  const fields = struct?.fields;
  if (fields === undefined || !Object.hasOwn(fields, name)) return undefined;
  return fromValue(fields[name]!);
}

function fromValue(value: Value): Json {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.numberValue !== undefined) return value.numberValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.structValue !== undefined) return fromStruct(value.structValue);
  if (value.listValue !== undefined) return (value.listValue.values ?? []).map(fromValue);
  return null;
}

function toValue(json: Json): Value {
  if (json === null) return { nullValue: 'NULL_VALUE' };
  if (typeof json === 'string') return { stringValue: json };
  if (typeof json === 'number') return { numberValue: json };
  if (typeof json === 'boolean') return { boolValue: json };
  if (isList(json)) return { listValue: { values: json.map(toValue) } };
  return { structValue: toStruct(json) };
}

function isList(json: readonly Json[] | JsonObject): json is readonly Json[] {
  return Array.isArray(json);
}
