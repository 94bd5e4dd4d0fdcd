import { expect, test } from 'vitest';

import { isHeaderValue, isRequestTarget, isToken } from './sendable.ts';

test.each([
  ['a', true, true, true],
  ['x-a.b_c~1', true, true, true],
  ['', false, true, true],
  ['a b', false, true, false],
  ['a\tb', false, true, false],
  ['a:b', false, true, true],
  ['\u00e9', false, true, true],
  ['a\r\nb', false, false, false],
  ['a\u0000', false, false, false],
  ['a\u007f', false, false, true],
  ['\u20ac', false, false, false],
])('%j: token %s, header value %s, request target %s', (text, token, value, target) => {
  expect([isToken(text), isHeaderValue(text), isRequestTarget(text)]).toEqual([token, value, target]);
});
