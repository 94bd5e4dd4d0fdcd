// For tests: schemas of real CRDs, and whether an object is what they take.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Ajv } from 'ajv';
import { loadAll } from 'js-yaml';

import { REQUIRED } from './real-parts.fixture.ts';

const named = process.env['TIERKIT_CRDS'];
const folder = named ?? join(import.meta.dirname, '../../shared/crds');
const present = existsSync(folder);
if (!present) console.warn('skipped: tests with real CRDs. Name a folder of their YAML files in TIERKIT_CRDS');

/** Whether tests with CRDs are to be left out: there are none, and nobody insists. */
export const WITHOUT_CRDS = !present && named === undefined && !REQUIRED;

interface Crd {
  readonly spec: {
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: object } }[];
  };
}

interface Typed {
  readonly apiVersion: string;
  readonly kind: string;
}

/** What the API server would find wrong, or would drop. @throws without the CRD of its kind */
export function faultsOf(object: Typed): readonly string[] {
  if (!present) throw new Error(`there are no CRDs in ${folder}: name a folder of their YAML files in TIERKIT_CRDS`);
  const file = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) =>
    name.endsWith(`_${object.kind.toLowerCase()}s.yaml`),
  );
  if (file === undefined) throw new Error(`no CRD of ${object.kind} in ${folder}`);
  const version = loadAll(readFileSync(join(folder, file), 'utf8'))
    .map((document) => document as Crd)
    .flatMap(({ spec }) => spec.versions)
    .find(({ name }) => object.apiVersion.endsWith(`/${name}`));
  if (version === undefined) throw new Error(`${object.kind} has no version ${object.apiVersion}`);
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
  ajv.validate(closed(version.schema.openAPIV3Schema), JSON.parse(JSON.stringify(object)));
  return (ajv.errors ?? []).map(({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`);
}

/** The API server drops unknown fields without a word: here they are faults. */
function closed(schema: unknown): object | boolean {
  return JSON.parse(
    JSON.stringify(schema, function (key: string, value: unknown) {
      // Go knows flags within a pattern, JavaScript does not.
      if (key === 'pattern' && typeof value === 'string') return value.includes('(?i)') ? undefined : value;
      if (typeof value !== 'object' || value === null || !('properties' in value) || !('type' in value)) return value;
      // The schema of the API server's own metadata is empty in a CRD.
      const open = 'additionalProperties' in value || 'x-kubernetes-preserve-unknown-fields' in value;
      return open ? value : { ...value, additionalProperties: false };
    }),
  ) as object;
}
