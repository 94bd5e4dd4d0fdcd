import { expect, it } from 'vitest';

import { costOf, costsOf, fixedCost, TOTAL_TOKENS } from './cost.ts';

const FACTS = {
  inputTokens: 1,
  cachedInputTokens: 2,
  cacheCreationInputTokens: 3,
  outputTokens: 4,
  totalTokens: 5,
  reasoningTokens: 6,
  model: 'm',
  backend: 'b.default',
  routeName: 'r.default',
};

it.each([
  ['InputToken', 1],
  ['CachedInputToken', 2],
  ['CacheCreationInputToken', 3],
  ['OutputToken', 4],
  ['TotalToken', 5],
  ['ReasoningToken', 6],
] as const)('%s is that count', (type, expected) => {
  const cost = costOf({ type });
  expect([cost.of(FACTS), cost.text]).toEqual([expected, type]);
});

it('CEL is worked out, and what is fixed is not', () => {
  expect(costOf({ type: 'CEL', cel: 'input_tokens + output_tokens' }).of(FACTS)).toBe(5);
  expect([fixedCost(7).of(FACTS), TOTAL_TOKENS.of(FACTS)]).toEqual([7, 5]);
});

it('of one key in two lists the later one counts', () => {
  const costs = costsOf([{ metadataKey: 'a', type: 'InputToken' }], undefined, [
    { metadataKey: 'a', type: 'OutputToken' },
    { metadataKey: 'b', type: 'TotalToken' },
  ]);
  expect([...costs].map(([key, cost]) => [key, cost.of(FACTS)])).toEqual([
    ['a', 4],
    ['b', 5],
  ]);
});
