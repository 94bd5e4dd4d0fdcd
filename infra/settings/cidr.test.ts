import { expect, it } from 'vitest';

import { isCidr, isWithin } from './cidr.ts';

it.each([
  ['10.1.0.0/16', '10.0.0.0/8', true],
  ['10.0.0.0/8', '0.0.0.0/0', true],
  ['10.0.0.0/8', '10.0.0.0/8', false],
  ['10.0.0.0/8', '10.1.0.0/16', false],
  ['11.0.0.0/16', '10.0.0.0/8', false],
  ['fd00::/64', 'fc00::/7', true],
  ['10.0.0.0/8', '::/0', false],
])('%s within %s: %s', (inner, outer, expected) => {
  expect(isWithin(inner, outer)).toBe(expected);
});

it.each([
  ['10.0.0.0/8', true],
  ['::/0', true],
  ['300.0.0.0/8', false],
  ['::/129', false],
  ['1:2:3:4:5:6:7:8:9/1', false],
])('%s is one: %s', (text, expected) => {
  expect(isCidr(text)).toBe(expected);
});
