import { expect, test } from 'vitest';

import { OutputLengths } from './output-lengths.ts';

test('the usual length of an answer is learned by model, and the client bounds it', () => {
  const lengths = new OutputLengths(256);
  expect(lengths.expected('a')).toBe(256);
  expect(lengths.expected('a', 100)).toBe(100);
  for (let answer = 0; answer < 300; answer++) lengths.observe('a', 1_000);
  expect(lengths.expected('a')).toBeGreaterThan(950);
  expect(lengths.expected('a', 500)).toBe(500);
  expect(lengths.expected('b')).toBe(256);
});

test('one long answer does not make the next ones long', () => {
  const lengths = new OutputLengths(200);
  lengths.observe('a', 20_000);
  for (let answer = 0; answer < 100; answer++) lengths.observe('a', 200);
  expect(lengths.expected('a')).toBeLessThan(400);
});
