import { expect, it } from 'vitest';

import { isAddressRange } from './address.ts';

it.each(['0.0.0.0/0', '10.0.0.0/8', '10.1.2.3/8', '192.0.2.1/32', '::/0', '2001:db8::/32', '::ffff:10.0.0.0/104', '::1/128'])(
  '%s is a range',
  (range) => {
    expect(isAddressRange(range)).toBe(true);
  },
);

it.each([
  '',
  '/',
  '/8',
  '10.0.0.0',
  '10.0.0.0/',
  '10.0.0.0/33',
  '10.0.0.0/08',
  '10.0.0.0/+8',
  '10.0.0.0/ 8',
  '10.0.0.0/1e1',
  '10.0.0.0/8/8',
  '10.0.0/8',
  '010.0.0.0/8',
  '::/129',
  'fe80::%1/64',
  '[::1]/128',
  'x10.0.0.0/8',
])('%j is none', (range) => {
  expect(isAddressRange(range)).toBe(false);
});
