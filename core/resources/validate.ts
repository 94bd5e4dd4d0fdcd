import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';

import type { KindDefinition, Report } from './kind.ts';
import { didYouMean } from './nearest.ts';

const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: true, strictTypes: false, strictTuples: false, verbose: true });
const compiled = new WeakMap<KindDefinition, ValidateFunction>();

/**
 * Checks a document's body against its kind, fills in the CRD's defaults in place, and reports every problem.
 * @returns whether the body fits the kind.
 */
export function validate(definition: KindDefinition, body: unknown, report: Report): boolean {
  let check = compiled.get(definition);
  if (check === undefined) {
    check = ajv.compile(definition.schema);
    compiled.set(definition, check);
  }
  let valid = true;
  const fail: Report = (path, message) => {
    valid = false;
    report(path, message);
  };
  if (!check(body)) for (const error of withoutEchoes(check.errors!)) explain(definition, error, fail);
  if (valid) definition.rules?.(body, fail);
  return valid;
}

/** A failed branch of anyOf is told by the parent alone. */
function withoutEchoes(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf').map((error) => `${error.schemaPath}/`);
  return errors.filter((error) => !unions.some((union) => error.schemaPath.startsWith(union)));
}

function explain(definition: KindDefinition, error: ErrorObject, report: Report): void {
  const at = fieldPath(error.instancePath);
  if (error.keyword === 'additionalProperties') {
    const name = error.params['additionalProperty'] as string;
    const path = join(at, name);
    const reason = refusal(definition, path);
    if (reason !== undefined) report(path, `is not supported: ${reason}`);
    else report(path, `unknown field${didYouMean(name, Object.keys((error.parentSchema?.['properties'] as object | undefined) ?? {}))}`);
    return;
  }
  if (error.keyword === 'required') {
    report(join(at, error.params['missingProperty'] as string), 'is required');
    return;
  }
  if (error.keyword === 'enum') {
    const allowed = error.params['allowedValues'] as readonly unknown[];
    const given = String(error.data);
    const reason = refusal(definition, `${at}=${given}`);
    if (reason !== undefined) report(at, `${JSON.stringify(error.data)} is not supported: ${reason}`);
    else report(at, `must be one of ${allowed.join(', ')}, not ${show(error.data)}${didYouMean(given, allowed.map(String))}`);
    return;
  }
  if (error.keyword === 'pattern') {
    const what = (error.parentSchema?.['description'] as string | undefined) ?? `text that matches ${String(error.params['pattern'])}`;
    report(at, `${show(error.data)} is no ${what}`);
    return;
  }
  report(at, `${error.message ?? error.keyword}, not ${show(error.data)}`);
}

/** Why a field (or `field=value`) is refused, when it or one of its parents is on the kind's list. */
export function refusal(definition: KindDefinition, path: string): string | undefined {
  for (let prefix = path.replaceAll(/\[\d+\]/g, '[]'); prefix !== ''; prefix = prefix.slice(0, Math.max(0, prefix.lastIndexOf('.')))) {
    const reason = definition.refused[prefix] ?? definition.refused[prefix.replace(/\[\]$/, '')];
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** `/spec/rules/0/name` → `spec.rules[0].name`. */
function fieldPath(pointer: string): string {
  let path = '';
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    path = /^\d+$/.test(name) && path !== '' ? `${path}[${name}]` : join(path, name);
  }
  return path;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function show(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}
