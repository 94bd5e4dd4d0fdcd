import type { Losses } from '../losses.ts';

/** Numbers that Google also writes as texts, as it does with all of 64 bits. */
const COUNTS = new Set(['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties']);
const SCHEMAS = new Set(['items', 'additionalProperties']);

/**
 * JSON Schema of Google's own `Schema`, which has types in capitals and `nullable`.
 * @see https://ai.google.dev/api/caching#Schema
 */
export function jsonSchemaOf(schema: unknown, at: string, losses: Losses): unknown {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema;
  const found = new Map<string, unknown>();
  for (const [key, value] of Object.entries(schema)) {
    const name = key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const path = `${at}.${name}`;
    // The order in which the model is to write them: no other API has it.
    if (name === 'propertyOrdering') losses.drop(path);
    else if (name !== 'nullable') found.set(name, keywordOf(name, value, path, losses));
  }
  if (found.get('type') === 'type_unspecified') found.delete('type');
  const type = found.get('type');
  if (!Object.entries(schema).some(([key, value]) => key === 'nullable' && value === true)) return Object.fromEntries(found);
  const options = found.get('enum');
  if (typeof type === 'string') found.set('type', [type, 'null']);
  if (found.has('anyOf')) found.set('anyOf', [...listOf(found.get('anyOf')), { type: 'null' }]);
  if (Array.isArray(options) && !options.includes(null)) found.set('enum', [...(options as unknown[]), null]);
  return Object.fromEntries(found);
}

function keywordOf(name: string, value: unknown, path: string, losses: Losses): unknown {
  if (name === 'type' && typeof value === 'string') return value.toLowerCase();
  if (COUNTS.has(name) && typeof value === 'string' && /^\d+$/.test(value)) return Number(value);
  if (SCHEMAS.has(name)) return jsonSchemaOf(value, path, losses);
  if (name === 'anyOf' || name === 'prefixItems')
    return listOf(value).map((each, index) => jsonSchemaOf(each, `${path}[${index}]`, losses));
  const isByName = name === 'properties' || name === 'defs' || name === '$defs';
  if (!isByName || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, jsonSchemaOf(each, `${path}.${key}`, losses)]));
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}
