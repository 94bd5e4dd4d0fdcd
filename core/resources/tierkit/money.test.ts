import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { amountOf, nanosOf } from './money.ts';

it.each([
  ['0', 0n],
  ['0.075', 75_000_000n],
  ['0.000000001', 1n],
  ['999999999999.999999999', 999_999_999_999_999_999_999n],
  ['12', 12_000_000_000n],
  ['0.10', 100_000_000n],
])('%s is %d billionths', (amount, nanos) => {
  expect(nanosOf(amount)).toBe(nanos);
});

it.each([
  [0n, '0.00'],
  [1n, '0.000000001'],
  [100_000_000n, '0.10'],
  [-75_000_000n, '-0.075'],
  [12_345_678_900_000_000n, '12345678.90'],
])('%d billionths are %s', (nanos, amount) => {
  expect(amountOf(nanos)).toBe(amount);
});

it('loses nothing on the way there and back', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 10n ** 20n }), (nanos) => {
      expect(nanosOf(amountOf(nanos))).toBe(nanos);
    }),
  );
});
