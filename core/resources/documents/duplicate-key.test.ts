import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { duplicateKey } from './duplicate-key.ts';

test.each<[string, string | undefined]>([
  ['{"a": 1, "a": 2}', 'a'],
  ['{"x": [{"b": {}, "c": ["b"], "b" : 0}]}', 'b'],
  [String.raw`{"a": 1, "\u0061": 2}`, 'a'],
  [String.raw`{"a\"b": "c\\", "c": ":", "a\"b": 1}`, 'a"b'],
  ['{"a": {"a": [{"a": "a"}, {"a": "a:"}]}}', undefined],
  ['{"a": "b", "b": "a"}', undefined],
])('%s', (json, name) => {
  expect(duplicateKey(json)?.name).toBe(name);
});

test('the place is that of the second', () => {
  expect(duplicateKey('{"a": 1,\n "a": 2}')).toEqual({ name: 'a', offset: 10 });
});

test('what JSON.stringify writes has no name twice', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(2), (value, indent) => {
      expect(duplicateKey(JSON.stringify(value, null, indent))).toBeUndefined();
    }),
  );
});
