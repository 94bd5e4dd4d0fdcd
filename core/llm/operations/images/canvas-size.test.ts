import { isDeepStrictEqual } from 'node:util';

import { assert, integer, property, record } from 'fast-check';
import { expect, it } from 'vitest';

import { canvasSize, isMade } from './canvas-size.ts';

const size = (width: number, height: number) => ({ width, height });

// https://docs.aws.amazon.com/nova/latest/userguide/image-gen-access.html
it.each([
  [size(1024, 1024), true],
  [size(2048, 2048), true],
  [size(4096, 1024), true],
  [size(320, 1280), true],
  [size(1792, 1024), true],
  [size(2064, 2048), false],
  [size(304, 1024), false],
  [size(1000, 1024), false],
  [size(2048, 496), false],
  [size(4112, 1028), false],
])('%j is made: %s', (asked, made) => {
  expect([isMade(asked), isDeepStrictEqual(canvasSize(asked), asked)]).toEqual([made, made]);
});

it('every size becomes one that is made, and one like it where there is one', () => {
  const side = integer({ min: 1, max: 99_999 });
  assert(
    property(record({ width: side, height: side }), (asked) => {
      const made = canvasSize(asked);
      expect(isMade(made)).toBe(true);
      expect(made.width >= made.height || asked.width < asked.height).toBe(true);
      expect(made.height >= made.width || asked.height < asked.width).toBe(true);
    }),
    { numRuns: 2000 },
  );
});

it.each([
  [size(256, 256), size(320, 320)],
  [size(1000, 1000), size(992, 992)],
  [size(90, 300), size(320, 1056)],
  [size(4096, 4096), size(2048, 2048)],
])('%j becomes %j', (asked, made) => {
  expect(canvasSize(asked)).toEqual(made);
});
