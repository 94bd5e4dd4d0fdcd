import { expect, test } from 'vitest';

import type { BodyMutation, HeaderMutation } from './mutation.ts';
import { checkMutations, jsonOfValue } from './mutation.ts';

function problems(headerMutation: HeaderMutation, bodyMutation: BodyMutation = {}): string[] {
  const found: string[] = [];
  checkMutations({ headerMutation, bodyMutation }, 'spec', (path, message) => found.push(`${path}: ${message}`));
  return found;
}

test('each name and path occurs once in a list', () => {
  const name = { name: 'x-a', value: '1' };
  expect(problems({ set: [name, { ...name, name: 'x-b' }, name] })).toEqual([
    'spec.headerMutation.set[2].name: "x-a" is also in spec.headerMutation.set[0]; it may occur once',
  ]);
  expect(problems({ remove: ['a', 'a', 'a'] })).toEqual([
    'spec.headerMutation.remove[1]: "a" is also in spec.headerMutation.remove[0]; it may occur once',
    'spec.headerMutation.remove[2]: "a" is also in spec.headerMutation.remove[0]; it may occur once',
  ]);
  const field = { path: 'user', value: '1' };
  expect(problems({}, { set: [field, field], remove: ['b', 'b'] })).toEqual([
    'spec.bodyMutation.set[1].path: "user" is also in spec.bodyMutation.set[0]; it may occur once',
    'spec.bodyMutation.remove[1]: "b" is also in spec.bodyMutation.remove[0]; it may occur once',
  ]);
  expect(problems({ set: [name], remove: ['x-a'] })).toEqual([]);
});

test.each(['{"a":', ' [1,]', '"open'])('the value %s is broken JSON', (value) => {
  expect(problems({}, { set: [{ path: 'a', value }] })).toEqual(['spec.bodyMutation.set[0].value: starts like JSON and is none']);
});

test.each([
  ['scale', '"scale"'],
  ['"scale"', '"scale"'],
  ['42', '42'],
  ['null', 'null'],
  ['[1, {"a": true}]', '[1, {"a": true}]'],
  ['2025-01-01', '"2025-01-01"'],
  ['say "hi"', '"say \\"hi\\""'],
  ['', '""'],
])('the value %s is written as %s', (value, json) => {
  expect(problems({}, { set: [{ path: 'a', value }] })).toEqual([]);
  expect(jsonOfValue(value)).toBe(json);
});
