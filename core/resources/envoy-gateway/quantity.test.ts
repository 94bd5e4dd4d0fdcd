import { expect, it } from 'vitest';

import { quantityBytes } from './quantity.ts';

it.each([
  [32_768, 32_768],
  ['1', 1],
  ['64k', 64_000],
  ['64Ki', 65_536],
  ['2M', 2_000_000],
  ['50Mi', 52_428_800],
  ['3G', 3_000_000_000],
  ['1Ti', 1_099_511_627_776],
  ['1P', 1_000_000_000_000_000],
  ['1Ei', 1_152_921_504_606_846_976],
])('%s is %d bytes', (quantity, bytes) => {
  expect(quantityBytes(quantity)).toBe(bytes);
});
