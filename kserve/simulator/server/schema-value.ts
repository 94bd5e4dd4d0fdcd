import { Random } from '../engine/random.ts';
import { word } from './words.ts';

const MAX_DEPTH = 8;

/** A value that fits a JSON Schema as far as its plain parts go (type, enum, const, properties, items, bounds), the same for the same seed. */
export function valueOf(schema: unknown, seed: string, depth = 0): unknown {
  if (typeof schema !== 'object' || schema === null || depth > MAX_DEPTH) return word(seed);
  const rules = schema as Readonly<Record<string, unknown>>;
  if (rules['const'] !== undefined) return rules['const'];
  const random = new Random(seed);
  if (Array.isArray(rules['enum']) && rules['enum'].length > 0) return rules['enum'][random.integer(rules['enum'].length)] as unknown;
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const options = rules[key];
    if (Array.isArray(options) && options.length > 0) return valueOf(options[0], seed, depth + 1);
  }
  switch (typeOf(rules)) {
    case 'object':
      return objectOf(rules, seed, depth);
    case 'array': {
      const count = Math.max(1, numberOr(rules['minItems'], 1));
      return Array.from({ length: Math.min(count, 16) }, (_, i) => valueOf(rules['items'], `${seed}/${i}`, depth + 1));
    }
    case 'integer':
    case 'number': {
      const least = numberOr(rules['minimum'], 0);
      const most = numberOr(rules['maximum'], least + 100);
      return least + random.integer(Math.max(1, Math.floor(most - least) + 1));
    }
    case 'boolean':
      return random.next() < 0.5;
    case 'null':
      return null;
    default: {
      const text = word(seed);
      return text.padEnd(numberOr(rules['minLength'], 0), text).slice(0, numberOr(rules['maxLength'], 64));
    }
  }
}

function objectOf(rules: Readonly<Record<string, unknown>>, seed: string, depth: number): Record<string, unknown> {
  const { properties, required } = rules;
  const value = Object.create(null) as Record<string, unknown>;
  if (typeof properties !== 'object' || properties === null) return value;
  const needed = Array.isArray(required) ? required : Object.keys(properties);
  for (const [name, schema] of Object.entries(properties))
    if (needed.includes(name)) value[name] = valueOf(schema, `${seed}/${name}`, depth + 1);
  return value;
}

function typeOf(rules: Readonly<Record<string, unknown>>): unknown {
  const { type } = rules;
  if (Array.isArray(type)) return type.find((one) => one !== 'null') as unknown;
  return type ?? (rules['properties'] === undefined ? 'string' : 'object');
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : fallback;
}
