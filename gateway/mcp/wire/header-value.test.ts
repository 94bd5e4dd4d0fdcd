import * as fc from 'fast-check';
import { expect, it, test } from 'vitest';

import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts';

test.each([
  ['us-west1', 'us-west1'],
  ['Hello, 世界', '=?base64?SGVsbG8sIOS4lueVjA==?='],
  [' padded ', '=?base64?IHBhZGRlZCA=?='],
  ['line1\nline2', '=?base64?bGluZTEKbGluZTI=?='],
  ['=?base64?literal?=', '=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?='],
  ['', '=?base64??='],
])('%j is written %s', (text, value) => {
  expect(encodeHeaderValue(text)).toBe(value);
  expect(decodeHeaderValue(value)).toBe(text);
});

test.each(['=?base64?SGVsbG8?=', '=?base64?SGVs bG8=?=', '=?base64?/w==?=', '=?base64?*?=', 'é', 'a\u0000b', '\u007f'])(
  '%j has no meaning',
  (value) => {
    expect(decodeHeaderValue(value)).toBeUndefined();
  },
);

it('takes white space around a value, and markers in another case as text', () => {
  expect(decodeHeaderValue(' \ta b\t ')).toBe('a b');
  expect(decodeHeaderValue('=?BASE64?YQ==?=')).toBe('=?BASE64?YQ==?=');
  expect(decodeHeaderValue('=?base64?=')).toBe('=?base64?=');
});

it('writes any text so that it comes back', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string()), (text) => {
      const value = encodeHeaderValue(text);
      expect(value).toMatch(/^[\t\u0020-\u007e]+$/);
      // Lone surrogates are no characters; UTF-8 has none.
      expect(decodeHeaderValue(value)).toBe(text.toWellFormed());
    }),
  );
});
