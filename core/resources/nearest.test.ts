import { describe, expect, it } from 'vitest';

import { didYouMean, nearest } from './nearest.ts';

describe('nearest', () => {
  it.each([
    ['hostname', ['hostnames', 'host'], 'hostnames'],
    // One exchange of neighbours is one mistake, not two.
    ['HTTPRuote', ['HTTPRoute', 'GRPCRoute'], 'HTTPRoute'],
    ['httproute', ['HTTPRoute'], 'HTTPRoute'],
    ['openai', ['openai-eu', 'opnai', 'anthropic'], 'opnai'],
    ['gpt-5-mini', ['gpt-5', 'gpt-5-nano', 'gpt-5-min'], 'gpt-5-min'],
    // The first of two that are equally near.
    ['ab', ['ax', 'ay'], 'ax'],
    ['ab', ['xy'], undefined],
    ['a', ['b'], undefined],
    ['a', ['A'], 'A'],
    ['', ['a'], undefined],
    ['openai', [], undefined],
    ['abcdef', ['abxyef'], 'abxyef'],
    ['abcdef', ['axxxef'], undefined],
  ])('%s among %j is %s', (name, candidates, found) => {
    expect(nearest(name, candidates)).toBe(found);
  });

  it('is not slowed down by names as long as a body', () => {
    expect(nearest('x'.repeat(100_000), ['gpt-5', 'x'.repeat(10)])).toBeUndefined();
  });
});

it('says the suggestion, or nothing', () => {
  expect(didYouMean('opena', ['openai'])).toBe('; did you mean "openai"?');
  expect(didYouMean('gemini', ['openai'])).toBe('');
});
