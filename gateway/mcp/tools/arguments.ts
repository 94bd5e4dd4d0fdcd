import { createContext, Script } from 'node:vm';

import { Ajv, type ErrorObject, type Options, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';

import { compileSearch, MAX_SEARCHED } from '#core/http/pattern';
import { isObject } from '#core/is-object';
import { didYouMean } from '#core/resources/nearest';

/** Problems of arguments, a line each. @param args JSON text; undefined: none were given */
export type ArgumentCheck = (args: Buffer | undefined) => readonly string[];

/** The largest schema that is used, in bytes. */
const MOST_BYTES = 65_536;
/** Time for one schema to be made ready, in ms. */
const COMPILE_MS = 500;
/** Time for one check, in ms. */
const CHECK_MS = 250;
/** Bytes of a schema times bytes of arguments up to which a check cannot take long. */
const SMALL = 2 ** 24;
/** Keywords by which a small schema can have much to do. */
const COSTLY = /"(?:\$ref|\$dynamicRef|\$recursiveRef|uniqueItems|unevaluatedItems|unevaluatedProperties)"/;
const MOST_PROBLEMS = 8;

/** Schemas come from servers, which nobody has to trust: patterns are those of RE2, references lead nowhere outside. */
const OPTIONS: Options = {
  allErrors: true,
  // For the names that there are.
  verbose: true,
  strict: false,
  validateFormats: false,
  logger: false,
  code: { regExp: Object.assign(patternOf, { code: 'patternOf' }) },
};

/** By `$schema`. @see https://modelcontextprotocol.io/specification/2025-11-25/basic#json-schema-usage */
const DIALECTS: Readonly<Record<string, () => Ajv>> = {
  'https://json-schema.org/draft/2020-12/schema': () => new Ajv2020(OPTIONS),
  'https://json-schema.org/draft/2019-09/schema': () => new Ajv2019(OPTIONS),
  'http://json-schema.org/draft-07/schema': () => new Ajv(OPTIONS),
};
const USUAL = 'https://json-schema.org/draft/2020-12/schema';

const made = new Map<string, Ajv>();

/** @param told of a schema that cannot be used, once: arguments then pass */
export function newArgumentCheck(schema: Buffer, told: (why: string) => void): ArgumentCheck {
  let validate: ValidateFunction;
  try {
    validate = compiled(schema);
  } catch (error) {
    told((error as Error).message);
    return () => [];
  }
  const isCostly = COSTLY.test(schema.toString('latin1'));
  return (args) => {
    const value: unknown = args === undefined ? {} : JSON.parse(args.toString());
    const isSmall = !isCostly && schema.length * (args?.length ?? 0) <= SMALL;
    try {
      if (isSmall ? validate(value) : withinTime(CHECK_MS, () => validate(value))) return [];
    } catch {
      return [`the arguments cannot be checked within ${CHECK_MS} ms`];
    }
    return [...new Set((validate.errors ?? []).map(problemOf))].slice(0, MOST_PROBLEMS);
  };
}

function compiled(text: Buffer): ValidateFunction {
  if (text.length > MOST_BYTES) throw new Error(`the schema has more than ${MOST_BYTES} bytes`);
  const schema: unknown = JSON.parse(text.toString());
  if (!isObject(schema)) throw new Error('the schema is no object');
  if (schema['$async'] !== undefined) throw new Error('the schema is asynchronous');
  const name = typeof schema['$schema'] === 'string' ? schema['$schema'].replace(/#$/, '') : USUAL;
  const make = Object.hasOwn(DIALECTS, name) ? DIALECTS[name] : undefined;
  if (make === undefined) throw new Error('the schema is of a dialect that is none of 2020-12, 2019-09 and draft-07');
  let ajv = made.get(name);
  if (ajv === undefined) {
    made.set(name, (ajv = make()));
    // The first one waits for the schema of schemas.
    ajv.compile({});
  }
  try {
    return withinTime(COMPILE_MS, () => ajv.compile(schema));
  } catch (error) {
    // It may have been stopped in the middle of something.
    made.delete(name);
    throw error;
  } finally {
    ajv.removeSchema(schema);
  }
}

interface Sandbox {
  run: () => unknown;
}

const sandbox: Sandbox = { run: () => undefined };
const context = createContext(sandbox);
const script = new Script('run()');

/** @throws Error of what is called, or that it took too long */
function withinTime<T>(timeout: number, call: () => T): T {
  sandbox.run = call;
  try {
    return script.runInContext(context, { timeout }) as T;
  } finally {
    sandbox.run = () => undefined;
  }
}

/** A pattern that RE2 does not have holds for everything, as one does for a text that is too long. */
function patternOf(pattern: string): { test: (text: string) => boolean; toString: () => string } {
  // Ajv takes patterns for the same that are written the same.
  const toString = (): string => pattern;
  try {
    const matches = compileSearch(pattern);
    return { test: (text) => text.length > MAX_SEARCHED || matches(text), toString };
  } catch {
    return { test: () => true, toString };
  }
}

function problemOf({ instancePath, keyword, params, message, parentSchema }: ErrorObject): string {
  const at = `arguments${instancePath}`;
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') {
    const name = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
    const known = isObject(parentSchema?.['properties']) ? Object.keys(parentSchema['properties']) : [];
    return `${at}: there is no ${JSON.stringify(name)}${didYouMean(name, known)}`;
  }
  if (keyword === 'enum') return `${at}: must be one of ${JSON.stringify(params['allowedValues']).slice(1, -1)}`;
  if (keyword === 'const') return `${at}: must be ${JSON.stringify(params['allowedValue'])}`;
  return `${at}: ${message ?? keyword}`;
}
