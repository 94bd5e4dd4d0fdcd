import { expect, it } from 'vitest';

import { nanosOfUnits, unitsOfCost, unitsOfNanos } from './units.ts';

it.each([
  [0, 0],
  [1, 1],
  [99, 1],
  [100, 1],
  [101, 2],
  [9_007_199_254_740_901, 90_071_992_547_410],
  [9_007_199_254_740_900, 90_071_992_547_409],
])('a cost of %d billionths counts %d units', (nanos, units) => {
  expect(unitsOfCost(nanos)).toBe(units);
});

it('amounts come back as they were', () => {
  expect(unitsOfNanos(nanosOfUnits(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
});
