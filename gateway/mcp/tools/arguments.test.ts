import { describe, expect, it } from 'vitest';

import { newArgumentCheck } from './arguments.ts';

function check(schema: object, args: unknown): { problems: readonly string[]; told: string[] } {
  const told: string[] = [];
  const problems = newArgumentCheck(Buffer.from(JSON.stringify(schema)), (why) => told.push(why))(
    args === undefined ? undefined : Buffer.from(JSON.stringify(args)),
  );
  return { problems, told };
}

const PATH = { type: 'object', properties: { path: { type: 'string', minLength: 2 }, depth: { enum: [1, 2] } }, required: ['path'] };

const schema = (type: string) => ({ $id: 'https://example.com/tool', properties: { a: { type } } });

describe('arguments', () => {
  it.each<[string, object, unknown, readonly string[]]>([
    ['that fit', PATH, { path: 'ab', depth: 2, other: 1 }, []],
    ['of no schema', {}, { a: 1 }, []],
    ['that are not there', PATH, undefined, ["arguments: must have required property 'path'"]],
    ['of another type', PATH, { path: 1 }, ['arguments/path: must be string']],
    [
      'that are too short, and none of some',
      PATH,
      { path: 'a', depth: 3 },
      ['arguments/path: must NOT have fewer than 2 characters', 'arguments/depth: must be one of 1,2'],
    ],
    [
      'of a slip',
      { ...PATH, additionalProperties: false },
      { path: 'ab', dept: 1 },
      ['arguments: there is no "dept"; did you mean "depth"?'],
    ],
    ['of a constant', { properties: { a: { const: 'x' } } }, { a: 'y' }, ['arguments/a: must be "x"']],
    [
      'by a reference inside',
      { $defs: { n: { type: 'number' } }, properties: { a: { $ref: '#/$defs/n' } } },
      { a: 'y' },
      ['arguments/a: must be number'],
    ],
    [
      'by prefixItems of 2020-12',
      { properties: { a: { prefixItems: [{ type: 'number' }] } } },
      { a: ['y'] },
      ['arguments/a/0: must be number'],
    ],
    [
      'by items of draft-07',
      { $schema: 'http://json-schema.org/draft-07/schema#', properties: { a: { items: [{ type: 'number' }] } } },
      { a: ['y'] },
      ['arguments/a/0: must be number'],
    ],
    ['by a pattern', { properties: { a: { pattern: '^[a-z]+$' } } }, { a: 'A' }, ['arguments/a: must match pattern "^[a-z]+$"']],
    ['by two patterns', { properties: { a: { pattern: '^a$' }, b: { pattern: '^b$' } } }, { a: 'a', b: 'b' }, []],
    ['by a pattern that RE2 does not have', { properties: { a: { pattern: '^(?=x)' } } }, { a: 'A' }, []],
  ])('%s', (_name, schema, args, problems) => {
    expect(check(schema, args)).toEqual({ problems, told: [] });
  });

  it.each<[string, object, string | RegExp]>([
    ['leads outside', { $ref: 'https://example.com/schema' }, /can't resolve reference https:\/\/example\.com\/schema/],
    [
      'is of another dialect',
      { $schema: 'http://json-schema.org/draft-04/schema#' },
      'the schema is of a dialect that is none of 2020-12, 2019-09 and draft-07',
    ],
    ['is none', { type: 'strin' }, /schema is invalid: data\/type must be/],
    ['is asynchronous', { $async: true }, 'the schema is asynchronous'],
    ['is too large', { description: 'x'.repeat(70_000) }, 'the schema has more than 65536 bytes'],
  ])('pass where the schema %s, which is told once', (_name, schema, why) => {
    const { problems, told } = check(schema, { a: 1 });
    expect([problems, told]).toEqual([[], [expect.stringMatching(why)]]);
  });

  it('are bounded: a schema of a server cannot hold the gateway up', () => {
    const many = Array.from({ length: 60_000 }, (_, index) => ({ index }));
    expect(check({ properties: { a: { uniqueItems: true } } }, { a: many }).problems).toEqual([
      'the arguments cannot be checked within 250 ms',
    ]);
    // It refers to itself, and consumes nothing.
    expect(check({ $defs: { a: { allOf: [{ $ref: '#/$defs/a' }] } }, $ref: '#/$defs/a' }, {}).problems).toEqual([
      'the arguments cannot be checked within 250 ms',
    ]);
    // And the next one is checked as ever.
    expect(check(PATH, { path: 1 }).problems).toEqual(['arguments/path: must be string']);
  });

  it('of two tools whose schemas have one id are checked by their own', () => {
    expect(check(schema('string'), { a: 1 })).toEqual({ problems: ['arguments/a: must be string'], told: [] });
    expect(check(schema('number'), { a: 'x' })).toEqual({ problems: ['arguments/a: must be number'], told: [] });
  });

  it('say no more than can be read', () => {
    const properties = Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`p${index}`, { type: 'string' }]));
    expect(check({ required: Object.keys(properties) }, {}).problems).toHaveLength(8);
  });
});
