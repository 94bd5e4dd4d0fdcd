import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { singleQuestion } from './conversation.ts';
import { chooseCalls, exampleFor, type Tool, type ToolChoice } from './tools.ts';

const schemas: object[] = [
  {
    type: 'object',
    properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 3 }, unit: { enum: ['c', 'f'] } },
    required: ['city', 'days', 'unit'],
    additionalProperties: false,
  },
  {
    type: 'object',
    properties: { list: { type: 'array', minItems: 2, items: { type: 'number', exclusiveMinimum: 0 } } },
    required: ['list'],
  },
  {
    type: 'object',
    properties: { deep: { type: 'object', properties: { on: { type: 'boolean' } }, required: ['on'] } },
    required: ['deep'],
  },
  { type: 'object', properties: { either: { anyOf: [{ type: 'null' }, { type: 'string' }] }, fixed: { const: 7 } }, required: ['either'] },
  {
    type: 'object',
    properties: { code: { type: 'string', minLength: 10, maxLength: 12 }, low: { type: 'integer', maximum: -4 } },
    required: ['code', 'low'],
  },
  { type: 'object', properties: { short: { type: ['string', 'null'], maxLength: 2 } }, required: ['short'] },
  {},
];

test.each(schemas.map((schema) => [JSON.stringify(schema), schema]))('arguments fit %s', (_, schema) => {
  const validate = new Ajv({ strict: false }).compile(schema);
  validate(exampleFor(schema));
  expect(validate.errors).toBeNull();
});

const tools: Tool[] = [
  { name: 'get_weather', schema: { type: 'object', properties: { city: { type: 'string' } } } },
  { name: 'get_time', schema: {} },
];

function names(question: string, choice: ToolChoice): string[] {
  return chooseCalls(singleQuestion(question), tools, choice).map((call) => call.name);
}

test('tools are called when the question mentions them or the choice forces them', () => {
  expect(names('hello', { mode: 'auto', parallel: true })).toEqual([]);
  expect(names('use get_time and get_weather', { mode: 'auto', parallel: true })).toEqual(['get_weather', 'get_time']);
  expect(names('use get_time and get_weather', { mode: 'auto', parallel: false })).toEqual(['get_weather']);
  expect(names('use get_time', { mode: 'none', parallel: true })).toEqual([]);
  expect(names('hello', { mode: 'must', parallel: true })).toEqual(['get_weather']);
  expect(names('use get_weather', { mode: 'one', name: 'get_time', parallel: true })).toEqual(['get_time']);
  expect(() => names('hello', { mode: 'one', name: 'absent', parallel: true })).toThrow('"absent"');
});

test('a tool without a schema gets an empty object', () => {
  expect(chooseCalls(singleQuestion('get_time'), tools, { mode: 'auto', parallel: true })).toEqual([{ name: 'get_time', arguments: {} }]);
});
