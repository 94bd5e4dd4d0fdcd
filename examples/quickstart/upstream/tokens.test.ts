import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { countTokens, cut, tokenize, words } from './tokens.ts';

test('tokens and words joined are the text again, and no token is longer than four characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(tokenize(text).join('')).toBe(text);
      expect(words(text).join('')).toBe(text);
      for (const token of tokenize(text)) expect(Array.from(token.trim()).length).toBeLessThanOrEqual(4);
    }),
  );
});

test('a word costs a token for every four characters begun', () => {
  expect(countTokens('four')).toBe(1);
  expect(countTokens('hello world')).toBe(4);
  expect(countTokens('')).toBe(0);
});

test('a limit cuts at a token, a stop sequence before itself, and the first of the two wins', () => {
  expect(cut('one two three', [], 2)).toEqual({ text: 'one two', reason: 'length', stop: null });
  expect(cut('one two three', [], 4)).toEqual({ text: 'one two three', reason: 'end', stop: null });
  expect(cut('one two three', ['three', ' two'], null)).toEqual({ text: 'one', reason: 'stop', stop: ' two' });
  expect(cut('one two three', ['three'], 1)).toEqual({ text: 'one', reason: 'length', stop: null });
  expect(cut('one', ['', 'absent'], null)).toEqual({ text: 'one', reason: 'end', stop: null });
});
