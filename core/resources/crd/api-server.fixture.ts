// For tests: what an API server does with an object of a CRD, as far as our CRDs ask for it.
import { Environment } from '@marcbachmann/cel-js';
import { Ajv } from 'ajv';

import { OWN_KINDS } from './own-kinds.ts';
import type { CelRule } from './rules.ts';
import { structural, type StructuralSchema } from './structural.ts';

const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, formats: { int64: true, date: isDate } });
const cel = new Environment({ unlistedVariablesAreDyn: true });

/** Paths at which an API server finds fault, fields that it does not know included. Fills in defaults. @param body such as `{spec}` */
export function faultsOf(kind: string, body: object): string[] {
  const own = OWN_KINDS.find(({ definition }) => definition.kind === kind)!;
  const schema = structural(own.definition.schema, own.additions);
  if (!ajv.validate(schema, body)) {
    return ajv.errors!.map(({ instancePath, params }) => {
      const missing = (params as { missingProperty?: string }).missingProperty;
      return pathOf(missing === undefined ? instancePath : `${instancePath}/${missing}`);
    });
  }
  const faults: string[] = [];
  look(schema, body, '', (path) => faults.push(path));
  return faults;
}

function look(schema: StructuralSchema, value: unknown, path: string, fault: (path: string) => void): void {
  for (const { rule, fieldPath = '' } of (schema['x-kubernetes-validations'] ?? []) as CelRule[])
    if (cel.evaluate(rule, { self: value }) !== true) fault(`${path}${fieldPath}`);
  if (Array.isArray(value)) {
    const keys = (schema['x-kubernetes-list-map-keys'] ?? []) as string[];
    const isSet = schema['x-kubernetes-list-type'] === 'set';
    const seen = new Set<string>();
    for (const [index, item] of value.entries()) {
      const at = `${path}[${index}]`;
      const key = JSON.stringify(isSet ? item : keys.map((each) => (item as Record<string, unknown>)[each]));
      if ((isSet || keys.length > 0) && seen.has(key)) fault(at);
      seen.add(key);
      look(schema.items!, item, at, fault);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, field] of Object.entries(value)) {
      const at = path === '' ? name : `${path}.${name}`;
      const known = schema.properties?.[name];
      if (known === undefined) fault(at);
      else look(known, field, at, fault);
    }
  }
}

function pathOf(pointer: string): string {
  return pointer
    .slice(1)
    .replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.');
}

/** Of the calendar, as Go's `time.Parse` has it. */
function isDate(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}
