import { expect, it } from 'vitest';

import { amountOf, heapMib } from './quantity.ts';

it.each([
  ['2', 2],
  ['250m', 0.25],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['512M', 512e6],
])('%s is %d', (quantity, amount) => {
  expect(amountOf(quantity)).toBe(amount);
});

it('leaves room beside the heap', () => {
  expect(heapMib('1Gi')).toBe(768);
});
