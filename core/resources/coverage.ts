import type { KindDefinition } from './kind.ts';
import { refusal } from './validate.ts';

/** How the fields of a CRD fare with a kind. Paths are those of a document, with `[]` for the items of a list. */
export interface Coverage {
  /** Fields that the kind's schema has. */
  readonly served: string[];
  /** Fields, and values as `path=VALUE`, that the kind refuses, with the reason that a person is told. */
  readonly refused: { path: string; reason: string }[];
  /** Fields, and values as `path=VALUE`, that are neither served nor refused. */
  readonly missing: string[];
  /** Entries of the kind's refused list whose field this CRD does not have. */
  readonly unknown: string[];
}

/** A default that the CRD and the kind disagree about; undefined: has none. */
export interface DefaultDifference {
  readonly path: string;
  readonly crd: unknown;
  readonly ours: unknown;
}

/** JSON schema, as far as it is walked here. */
interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly type?: unknown;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

/** Not the kind's own: every document has them, or the cluster writes them. */
const OUTSIDE = new Set(['apiVersion', 'kind', 'metadata', 'status']);

/**
 * Compares a kind with the `openAPIV3Schema` of one version of its CRD, leaf by leaf. A map with free keys is a leaf, as is
 * an object of which the CRD says no more.
 */
export function coverageOf(definition: KindDefinition, crdSchema: unknown): Coverage {
  const coverage: Coverage = { served: [], refused: [], missing: [], unknown: [] };
  for (const { path, schema } of leavesOf(crdSchema as Schema)) {
    const ours = lookup(definition.schema, path);
    const reason = refusal(definition, path);
    if (ours === undefined) {
      if (reason === undefined) coverage.missing.push(path);
      else coverage.refused.push({ path, reason });
      continue;
    }
    coverage.served.push(path);
    compareValues(definition, path, schema, ours, coverage);
  }
  const refusedPaths = new Set(Object.keys(definition.refused).map((entry) => entry.replace(/=.*$/s, '')));
  coverage.unknown.push(...[...refusedPaths].filter((path) => lookup(crdSchema as Schema, path) === undefined));
  return coverage;
}

/** Compares the defaults of all fields, leaves or not, that both have. */
export function differentDefaults(definition: KindDefinition, crdSchema: unknown): DefaultDifference[] {
  const differences: DefaultDifference[] = [];
  for (const { path, schema } of nodesOf(crdSchema as Schema)) {
    const found = lookup(definition.schema, path);
    if (found === undefined || found === 'anything') continue;
    const crd = schema.default;
    const ours = found.map((branch) => branch.default).find((value) => value !== undefined);
    if (canonical(crd) !== canonical(ours)) differences.push({ path, crd, ours });
  }
  return differences;
}

function compareValues(definition: KindDefinition, path: string, crd: Schema, ours: Found, coverage: Coverage): void {
  if (crd.enum === undefined) return;
  const allowed = ours === 'anything' ? undefined : valuesOf(ours);
  if (allowed === undefined) return;
  for (const value of crd.enum) {
    if (allowed.has(value)) continue;
    const entry = `${path}=${String(value)}`;
    const reason = refusal(definition, entry);
    if (reason === undefined) coverage.missing.push(entry);
    else coverage.refused.push({ path: entry, reason });
  }
}

/** The values to which some branch restricts a field; undefined when it may be anything of its type. */
function valuesOf(branches: readonly Schema[]): Set<unknown> | undefined {
  const values = new Set<unknown>();
  let restricted = false;
  for (const branch of branches) {
    if (branch.enum === undefined && !('const' in branch)) continue;
    restricted = true;
    for (const value of branch.enum ?? [branch.const]) values.add(value);
  }
  return restricted ? values : undefined;
}

interface Node {
  readonly path: string;
  readonly schema: Schema;
}

/** Every field of a CRD that has none below it. */
function leavesOf(crd: Schema): Node[] {
  return [...nodesOf(crd)].filter(({ schema }) => {
    const isMap = typeof schema.additionalProperties === 'object';
    return isMap || (schema.items === undefined && Object.keys(schema.properties ?? {}).length === 0);
  });
}

function* nodesOf(crd: Schema): Generator<Node> {
  for (const [name, schema] of Object.entries(crd.properties ?? {})) if (!OUTSIDE.has(name)) yield* below(name, schema);
}

function* below(path: string, schema: Schema): Generator<Node> {
  yield { path, schema };
  if (schema.items !== undefined) yield* below(`${path}[]`, schema.items);
  for (const [name, property] of Object.entries(schema.properties ?? {})) yield* below(`${path}.${name}`, property);
}

/** The alternatives that a schema has for a field, or that it takes anything there. */
type Found = readonly Schema[] | 'anything';

/** Undefined: the schema has no such field. */
function lookup(root: Schema, path: string): Found | undefined {
  let current = branchesOf(root);
  for (const step of path.replaceAll('[]', '.[]').split('.')) {
    if (current.some(takesAnything)) return 'anything';
    const next = current.flatMap((schema) => child(schema, step));
    if (next.length === 0) return undefined;
    current = next.flatMap(branchesOf);
  }
  return current;
}

function child(schema: Schema, step: string): Schema[] {
  if (step === '[]') return schema.items === undefined ? [] : [schema.items];
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, step)) return [schema.properties[step]!];
  const { additionalProperties } = schema;
  if (typeof additionalProperties === 'object') return [additionalProperties];
  return Object.values(schema.patternProperties ?? {});
}

/** A schema and the schemas that it is made of. */
function branchesOf(schema: Schema): Schema[] {
  const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [schema, ...parts.flatMap(branchesOf)];
}

/** Keywords that leave open what a value is. */
const OPEN = /^(title|description|default|nullable|type|additionalProperties|(min|max)(Items|Properties)|uniqueItems|x-.*|~.*)$/;

/** `Type.Unknown()`, an object or list of anything, or the CRDs' x-kubernetes-preserve-unknown-fields. */
function takesAnything(schema: Schema): boolean {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return true;
  if (!Object.keys(schema).every((keyword) => OPEN.test(keyword))) return false;
  if (schema.additionalProperties !== undefined && schema.additionalProperties !== true) return false;
  return schema.type === undefined || schema.type === 'object' || schema.type === 'array';
}

/** JSON with the keys of objects in order; undefined stays. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_key, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
