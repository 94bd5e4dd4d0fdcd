// For tests: schemas of real CRDs, and whether an object is what they take.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Ajv, type ValidateFunction } from 'ajv';
import { loadAll } from 'js-yaml';

import { REQUIRED } from './real-parts.fixture.ts';

const named = process.env['TIERKIT_CRDS'];
const folder = named ?? join(import.meta.dirname, '../../shared/crds');
const present = existsSync(folder);
if (!present) console.warn('skipped: tests with real CRDs. Name a folder of their YAML files in TIERKIT_CRDS');

/** Whether tests with CRDs are to be left out: there are none, and nobody insists. */
export const WITHOUT_CRDS = !present && named === undefined && !REQUIRED;

interface Crd {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: object } }[];
  };
}

interface Typed {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec?: unknown;
}

let crds: readonly Crd[] | undefined;
const compiled = new Map<string, ValidateFunction>();

/** What the API server would find wrong, or would drop without a word. @throws without the CRD of its kind and version */
export function faultsOf(object: Typed): string[] {
  const key = `${object.apiVersion} ${object.kind}`;
  let check = compiled.get(key);
  if (check === undefined) compiled.set(key, (check = compile(object)));
  check(JSON.parse(JSON.stringify(object)));
  return (check.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
}

function compile({ apiVersion, kind }: Typed): ValidateFunction {
  if (!present) throw new Error(`there are no CRDs in ${folder}: name a folder of their YAML files in TIERKIT_CRDS`);
  crds ??= readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => loadAll(readFileSync(join(folder, name), 'utf8')) as Crd[])
    .filter((document) => document.kind === 'CustomResourceDefinition');
  const [group, name] = apiVersion.split('/');
  const crd = crds.find(({ spec }) => spec.group === group && spec.names.kind === kind);
  const version = crd?.spec.versions.find((each) => each.name === name);
  if (version === undefined) throw new Error(`no CRD of ${kind} ${apiVersion} in ${folder}`);
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  return ajv.compile(closed(version.schema.openAPIV3Schema));
}

/** The API server drops unknown fields without a word: here they are faults. */
function closed(schema: object): object {
  return JSON.parse(JSON.stringify(schema, close)) as object;
}

function close(key: string, value: unknown): unknown {
  // RE2 knows flags within a pattern, JavaScript does not.
  if (key === 'pattern' && typeof value === 'string') return value.includes('(?i)') ? undefined : value;
  if (typeof value !== 'object' || value === null || !('properties' in value && 'type' in value)) return value;
  // The schema of the API server's own metadata is empty in a CRD.
  return 'additionalProperties' in value || 'x-kubernetes-preserve-unknown-fields' in value
    ? value
    : { ...value, additionalProperties: false };
}
