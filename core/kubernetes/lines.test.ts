import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { LineTooLong, Lines } from './lines.ts';

const linesOf = (bytes: Uint8Array, sizes: readonly number[], maxBytes = 1000): string[] => {
  const lines = new Lines(maxBytes);
  const found: string[] = [];
  let from = 0;
  for (let index = 0; from < bytes.length; index++) {
    const size = sizes[index % sizes.length]!;
    found.push(...lines.push(bytes.subarray(from, from + size)));
    from += size;
  }
  return found;
};

it('gives the same lines however the bytes are split', () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((each) => !each.includes('\n'));
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(line), sizes, (texts, each) => {
      expect(linesOf(Buffer.from(texts.map((text) => `${text}\n`).join('')), each)).toEqual(texts);
    }),
  );
});

it('gives no line before its end, and none that is empty', () => {
  const lines = new Lines(100);
  expect([...lines.push(Buffer.from('a\n\n\nb'))]).toEqual(['a']);
  expect([...lines.push(Buffer.from('c\n'))]).toEqual(['bc']);
});

it('bounds a line, in one part or in many, and not the sum of lines', () => {
  expect(linesOf(Buffer.from('12345\n12345\n12345\n'), [3], 5)).toHaveLength(3);
  expect(() => linesOf(Buffer.from('123456\n'), [100], 5)).toThrow(LineTooLong);
  expect(() => linesOf(Buffer.from('123456'), [1], 5)).toThrow(LineTooLong);
});
