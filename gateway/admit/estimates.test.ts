import { expect, test } from 'vitest';

import type { Usage } from '#core/llm/usage';

import { TokenEstimates } from './estimates.ts';

const reported = (input: number, output: number): Usage => ({ input, output, total: input + output, source: 'reported' }) as Usage;

test('of a model that is new, four bytes are a token and an answer has 256', () => {
  expect(new TokenEstimates().estimate('chat/m', 4000, undefined, true)).toEqual({ input: 1000, output: 256 });
});

test('an answer is expected to have no more than the client allows', () => {
  expect(new TokenEstimates().estimate('chat/m', 4, 10, true).output).toBe(10);
});

test('where the answer is no text, none is expected', () => {
  expect(new TokenEstimates().estimate('embeddings/m', 400, undefined, false)).toEqual({ input: 100, output: 0 });
});

test('bytes of a token are learned by model', () => {
  const estimates = new TokenEstimates();
  for (let count = 0; count < 200; count++) estimates.observe('chat/dense', 1000, reported(500, 10), 0);
  expect(estimates.estimate('chat/dense', 1000, undefined, true).input).toBeCloseTo(500, -1);
  expect(estimates.estimate('chat/other', 1000, undefined, true).input).toBe(250);
});

test('answers that vary are expected longer than their mean', () => {
  const estimates = new TokenEstimates();
  for (let count = 0; count < 400; count++) estimates.observe('chat/m', 100, reported(25, count % 2 === 0 ? 100 : 900), 0);
  const { output } = estimates.estimate('chat/m', 100, undefined, true);
  expect(output).toBeGreaterThan(700);
  expect(output).toBeLessThan(1100);
});

test('servers that send several tokens in one event are found out', () => {
  const estimates = new TokenEstimates();
  expect(estimates.ofEvents('chat/m', 10)).toBe(10);
  for (let count = 0; count < 50; count++) estimates.observe('chat/m', 100, reported(25, 300), 100);
  expect(estimates.ofEvents('chat/m', 10)).toBe(30);
});

test('names that clients make up do not fill the memory', () => {
  const estimates = new TokenEstimates();
  for (let count = 0; count < 25_000; count++) estimates.observe(`chat/${count}`, 100, reported(25, 30), 0);
  expect(estimates.size).toBeLessThanOrEqual(10_000);
});
