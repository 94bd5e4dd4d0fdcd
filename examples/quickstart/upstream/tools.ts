/** Decides which tools the example upstream calls, and makes arguments that fit their schemas. */
import { badField, isObject, type JsonObject } from './http.ts';
import type { Conversation } from './conversation.ts';

export interface Tool {
  readonly name: string;
  /** JSON Schema of the arguments. */
  readonly schema: JsonObject;
}

export interface ToolChoice {
  /** `must`: call at least one; `one`: call the tool `name`. */
  readonly mode: 'auto' | 'none' | 'must' | 'one';
  readonly name?: string;
  /** Whether one answer may hold several calls. */
  readonly parallel: boolean;
}

export interface ToolCall {
  readonly name: string;
  readonly arguments: JsonObject;
}

/** The calls of one answer: the tools whose names the user's last message mentions, or those that the choice forces. */
export function chooseCalls(conversation: Conversation, tools: readonly Tool[], choice: ToolChoice): ToolCall[] {
  const forced = tools.find((tool) => tool.name === choice.name);
  if (choice.mode === 'one' && forced === undefined)
    throw badField('tool_choice', `names the tool "${choice.name}", which is not in tools`);
  if (choice.mode === 'must' && tools.length === 0) throw badField('tool_choice', 'forces a call, but there are no tools');
  if (choice.mode === 'none') return [];

  const mentioned = tools.filter((tool) => conversation.question?.includes(tool.name));
  const wanted = forced === undefined ? mentioned : [forced];
  if (wanted.length === 0 && choice.mode === 'must') wanted.push(...tools.slice(0, 1));
  return wanted.slice(0, choice.parallel ? undefined : 1).map((tool) => {
    const value = exampleFor(tool.schema);
    return { name: tool.name, arguments: isObject(value) ? value : {} };
  });
}

/** A value that fits a simple JSON Schema: types, enum, const, properties, items and lower bounds; not patterns, formats or references. */
export function exampleFor(schema: unknown): unknown {
  if (!isObject(schema)) return 'example';
  if ('const' in schema) return schema['const'];
  if ('default' in schema) return schema['default'];
  if (Array.isArray(schema['enum'])) return schema['enum'][0];
  const alternatives = schema['anyOf'] ?? schema['oneOf'];
  if (Array.isArray(alternatives)) return exampleFor(alternatives[0]);
  const declared: unknown = Array.isArray(schema['type']) ? schema['type'][0] : schema['type'];
  switch (declared ?? (isObject(schema['properties']) ? 'object' : 'string')) {
    case 'object':
      return Object.fromEntries(Object.entries(properties(schema)).map(([name, value]) => [name, exampleFor(value)]));
    case 'array':
      return Array.from({ length: bound(schema, 'minItems', 1) }, () => exampleFor(schema['items']));
    case 'boolean':
      return true;
    case 'null':
      return null;
    case 'integer':
      return Math.ceil(exampleNumber(schema));
    case 'number':
      return exampleNumber(schema);
    default: {
      const longEnough = 'example'.padEnd(bound(schema, 'minLength', 0), '.');
      return longEnough.slice(0, bound(schema, 'maxLength', longEnough.length));
    }
  }
}

function properties(schema: JsonObject): JsonObject {
  return isObject(schema['properties']) ? schema['properties'] : {};
}

function exampleNumber(schema: JsonObject): number {
  if (typeof schema['minimum'] === 'number') return schema['minimum'];
  if (typeof schema['exclusiveMinimum'] === 'number') return schema['exclusiveMinimum'] + 1;
  return Math.min(1, bound(schema, 'maximum', 1));
}

function bound(schema: JsonObject, keyword: string, otherwise: number): number {
  const value = schema[keyword];
  return typeof value === 'number' ? value : otherwise;
}
