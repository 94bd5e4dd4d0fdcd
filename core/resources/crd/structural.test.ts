import { expect, it } from 'vitest';

import { object, oneOf, Type } from '../schema.ts';
import { doc } from '../tierkit/doc.ts';
import { structural } from './structural.ts';

const SCHEMA = object({
  a: doc('The first.', Type.Optional(Type.String({ maxLength: 3, pattern: '^x', description: 'text with x' }))),
  b: Type.Array(object({ c: oneOf(['P', 'Q'], { default: 'P' }), d: Type.Integer({ minimum: 0 }) }), { maxItems: 2 }),
});

it('keeps what is checked, asks for no field that has a default, says what a field is for, and leaves unknown fields to the API server', () => {
  expect(structural(SCHEMA, { 'b[]': { 'x-y': 1 } })).toEqual({
    type: 'object',
    required: ['b'],
    properties: {
      a: { type: 'string', maxLength: 3, pattern: '^x', description: 'The first. Its value is: text with x.' },
      b: {
        type: 'array',
        maxItems: 2,
        items: {
          type: 'object',
          required: ['d'],
          properties: { c: { type: 'string', enum: ['P', 'Q'], default: 'P' }, d: { type: 'integer', format: 'int64', minimum: 0 } },
          'x-y': 1,
        },
      },
    },
  });
});

it.each([
  ['a union', Type.Union([Type.String(), Type.Integer()]), 'a: a structural schema has one type'],
  ['a constant', Type.Literal('x'), 'a: const has no place'],
  ['a map', Type.Record(Type.String(), Type.String()), 'a: '],
])('%s stops it: nothing is left out in silence', (_name, field, message) => {
  expect(() => structural(object({ a: field }))).toThrow(message);
});

it('an addition for no field stops it', () => {
  expect(() => structural(SCHEMA, { 'b.c': {} })).toThrow('there is no field b.c');
});
