// For tests: whether the real CRDs take an object. Like observability/crds.fixture.ts, for every kind, and compiled once.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Ajv, type ValidateFunction } from 'ajv';
import { loadAll } from 'js-yaml';

import type { Manifest } from './part.ts';

const FOLDER = process.env['TIERKIT_CRDS'] ?? join(import.meta.dirname, '../../../shared/crds');

interface Crd {
  readonly kind: string;
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: object } }[];
  };
}

let crds: readonly Crd[] | undefined;
const compiled = new Map<string, ValidateFunction>();

/** What the API server would find wrong, or would drop without a word. @throws without the CRD of its kind and version */
export function faultsOf(object: Manifest): string[] {
  const key = `${object.apiVersion} ${object.kind}`;
  let check = compiled.get(key);
  if (check === undefined) compiled.set(key, (check = compile(object)));
  check(JSON.parse(JSON.stringify(object)));
  return (check.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
}

function compile({ apiVersion, kind }: Manifest): ValidateFunction {
  crds ??= readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .flatMap((name) => loadAll(readFileSync(join(FOLDER, name), 'utf8')) as Crd[])
    .filter((document) => document.kind === 'CustomResourceDefinition');
  const [group, name] = apiVersion.split('/');
  const crd = crds.find(({ spec }) => spec.group === group && spec.names.kind === kind);
  const version = crd?.spec.versions.find((each) => each.name === name);
  if (version === undefined) throw new Error(`no CRD of ${kind} ${apiVersion} in ${FOLDER}`);
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  return ajv.compile(closed(version.schema.openAPIV3Schema));
}

/** With what is unknown as a fault. */
function closed(schema: object): object {
  return JSON.parse(JSON.stringify(schema, close)) as object;
}

function close(key: string, value: unknown): unknown {
  // RE2 knows flags within a pattern, JavaScript does not.
  if (key === 'pattern') return typeof value === 'string' && value.includes('(?i)') ? undefined : value;
  if (typeof value !== 'object' || value === null || !('properties' in value && 'type' in value)) return value;
  return 'additionalProperties' in value || 'x-kubernetes-preserve-unknown-fields' in value
    ? value
    : { ...value, additionalProperties: false };
}
