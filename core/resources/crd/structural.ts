import type { TSchema } from '../schema.ts';

/** Part of a structural OpenAPI v3 schema. @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema */
export interface StructuralSchema {
  readonly type: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly description?: string;
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly items?: StructuralSchema;
  readonly required?: readonly string[];
  readonly [keyword: string]: unknown;
}

/** Keywords that mean the same in both. */
const SAME = new Set(['default', 'enum', 'maxItems', 'maxLength', 'maximum', 'minItems', 'minLength', 'minimum', 'pattern']);
const TYPES = new Set(['object', 'array', 'string', 'integer', 'number', 'boolean']);

/** What a CRD says beyond the schema, by path: `spec.overrides[]`. */
export type Additions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/**
 * The schema of a kind as a CRD has it. Unknown fields are for the API server: it prunes them, or refuses them where the client asks for that,
 * as kubectl does.
 * @throws Error when the schema says something that a structural schema cannot, or an addition belongs nowhere
 */
export function structural(schema: TSchema, additions: Additions = {}): StructuralSchema {
  const used = new Set<string>();
  const made = convert(schema, '', additions, used);
  const left = Object.keys(additions).filter((path) => !used.has(path));
  if (left.length > 0) throw new Error(`there is no field ${left.join(', ')}`);
  return made;
}

function convert(schema: TSchema, path: string, additions: Additions, used: Set<string>): StructuralSchema {
  const { type, $comment, description, properties, items, additionalProperties, required, ...rest } = schema as Readonly<
    Record<string, unknown>
  >;
  if (typeof type !== 'string' || !TYPES.has(type))
    throw new Error(`${path}: a structural schema has one type, not ${JSON.stringify(type)}`);
  if (additionalProperties !== undefined && additionalProperties !== false) throw new Error(`${path}: maps are not converted`);
  const same = Object.entries(rest);
  for (const [keyword] of same) if (!SAME.has(keyword)) throw new Error(`${path}: ${keyword} has no place in a structural schema`);
  const said = [
    ...(typeof $comment === 'string' ? [$comment] : []),
    ...(typeof description === 'string' ? [`Its value is: ${description}.`] : []),
  ];
  used.add(path);
  const fields = Object.entries((properties ?? {}) as Readonly<Record<string, TSchema & { default?: unknown }>>);
  // Defaults come first: nobody has to write such a field.
  const needed = (required as string[] | undefined)?.filter((name) =>
    fields.some(([field, { default: usual }]) => field === name && usual === undefined),
  );
  return {
    ...(said.length === 0 ? {} : { description: said.join(' ') }),
    type: type as StructuralSchema['type'],
    ...(type === 'integer' ? { format: 'int64' } : {}),
    ...Object.fromEntries(same),
    ...(needed === undefined || needed.length === 0 ? {} : { required: needed }),
    ...(type === 'object'
      ? { properties: Object.fromEntries(fields.map(([name, field]) => [name, convert(field, join(path, name), additions, used)])) }
      : {}),
    ...(items === undefined ? {} : { items: convert(items as TSchema, `${path}[]`, additions, used) }),
    ...additions[path],
  };
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
