import { array, assert, maxSafeInteger, nat, oneof, property } from 'fast-check';
import { expect, test } from 'vitest';

import { ExactSum } from './exact-sum.ts';

test('sums are exact, however large', () => {
  const values = array(oneof(maxSafeInteger().map(Math.abs), nat()), { maxLength: 200 });
  assert(
    property(values, (list) => {
      const sum = new ExactSum();
      for (const value of list) sum.add(value);
      expect(sum.value).toBe(list.reduce((total, value) => total + BigInt(value), 0n));
    }),
  );
});

test('one more than 2^53 is another number', () => {
  const sum = new ExactSum();
  sum.add(Number.MAX_SAFE_INTEGER);
  sum.add(1);
  sum.add(1);
  expect(sum.value).toBe(9_007_199_254_740_993n);
});
