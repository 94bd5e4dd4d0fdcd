import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { detokenize, tokenize, tokenText } from './tokenizer.ts';

const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom(' ', '\n', 'a', 'ß', '日', '👩‍👩‍👧', '\u0301', '\u0000', '7'),
    fc.constantFrom('h', 'e', 'l', 'o', ' W', 'r', 'd', '.', ','),
  ),
  maxLength: 60,
});

test('every text comes back, in tokens that are whole characters of at most four bytes', () => {
  fc.assert(
    fc.property(fc.oneof(text, fc.string({ unit: 'binary', maxLength: 40 })), (written) => {
      const ids = tokenize(written);
      expect(detokenize(ids)).toBe(written);
      for (const id of ids) {
        const piece = tokenText(id);
        expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(4);
        expect(piece).not.toContain('\ufffd');
      }
    }),
  );
});

test('a word gives the same tokens whatever follows, so prompts share their beginnings', () => {
  expect(tokenize('The quick brown fox').slice(0, 5)).toEqual(tokenize('The quick brown').slice(0, 5));
  expect(tokenize(' world')).toEqual(tokenize('hello world').slice(-2));
});

test('what looks like a special token is text, and ids without a meaning are refused', () => {
  expect(tokenize('<|im_end|>').length).toBeGreaterThan(1);
  for (const id of [0, -1, 0.5, NaN, 257, 257 ** 4 * 2, 2 ** 33 + 99]) expect(() => tokenText(id)).toThrow(/no token/);
});
