import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Usage } from '../llm/usage.ts';
import { nanosOf } from '../resources/tierkit/money.ts';
import type { Prices } from '../resources/tierkit/price-table.ts';

import { type Cost, type PricedKind, Rates, Unpriced } from './cost.ts';

const NOTHING: Usage = {
  input: undefined,
  output: undefined,
  total: undefined,
  cachedInput: undefined,
  cacheCreation: undefined,
  reasoning: undefined,
  source: 'reported',
};

function costOf(prices: Prices, usage: Partial<Usage> | undefined, images: number | 'unknown' = 0): Cost | Unpriced {
  return new Rates(prices).cost(
    { usage: usage === undefined ? undefined : { ...NOTHING, ...usage }, images: images === 'unknown' ? undefined : images },
    'USD',
    'e',
  );
}

function nanos(found: Cost | Unpriced): number | string {
  return found instanceof Unpriced ? found.reason : found.nanos;
}

function counts(found: Cost | Unpriced): Record<string, number> {
  if (found instanceof Unpriced) throw new Error(found.reason);
  return Object.fromEntries(found.parts.map(({ kind, count }) => [kind, count]));
}

const ALL: Prices = {
  input: '3',
  cachedInput: '0.30',
  cacheWrite: '3.75',
  cacheWrite1h: '6',
  output: '15',
  inputAudio: '40',
  outputAudio: '80',
  inputImage: '10',
};

describe('a cost', () => {
  it.each<[string, Prices, Partial<Usage>, number]>([
    ['is exact at prices that floats cannot say', { input: '0.075' }, { input: 1, output: 0 }, 75],
    ['and at 0.1 three times', { input: '0.1', output: '0.2' }, { input: 3, output: 3 }, 900],
    ['is rounded up to a billionth', { input: '0.0001' }, { input: 1, output: 0 }, 1],
    ['and each part for itself', { input: '0.0001', output: '0.0001' }, { input: 1, output: 1 }, 2],
    ['is not rounded where nothing is left', { input: '0.001' }, { input: 1000, output: 0 }, 1000],
    ['is exact for very many tokens', { input: '0.075' }, { input: 120_095_990_063_213, output: 0 }, 9_007_199_254_740_975],
    ['is 0 at a price of 0', { input: '0', output: '0' }, { input: 5, output: 5 }, 0],
    ['is 0 for nothing, whatever has a price', { input: '1', output: '1' }, { input: 0, output: 0 }, 0],
  ])('%s', (_name, prices, usage, expected) => {
    expect(nanos(costOf(prices, usage))).toBe(expected);
  });

  it('prices cached and written tokens once', () => {
    const usage = { input: 100, output: 10, cachedInput: 60, cacheCreation: 30, cacheCreation1h: 10 };
    expect(counts(costOf(ALL, usage))).toEqual({ cachedInput: 60, cacheWrite1h: 10, cacheWrite: 20, input: 10, output: 10 });
  });

  it('prices reasoning as output where it has no price of its own, and audio apart', () => {
    const usage = { input: 10, output: 100, inputAudio: 4, inputImage: 5, outputAudio: 20, reasoning: 30 };
    const found = costOf(ALL, usage);
    expect(counts(found)).toEqual({ inputAudio: 4, inputImage: 5, input: 1, outputAudio: 20, reasoning: 30, output: 50 });
    expect(nanos(found)).toBe(4 * 40_000 + 5 * 10_000 + 3000 + 20 * 80_000 + 80 * 15_000);
    expect(nanos(costOf({ ...ALL, reasoning: '1' }, { input: 0, output: 100, reasoning: 30 }))).toBe(30 * 1000 + 70 * 15_000);
  });

  it('counts no token more than once where kinds overlap or say more than there is', () => {
    const usage = { input: 10, output: 5, cachedInput: 8, cacheCreation: 8, inputAudio: 8, reasoning: 9, outputAudio: 3 };
    expect(counts(costOf(ALL, usage))).toEqual({ inputAudio: 8, cacheWrite: 2, outputAudio: 3, reasoning: 2 });
  });

  it('adds requests and images', () => {
    expect(nanos(costOf({ perRequest: '0.01', perImage: '0.04' }, undefined, 3))).toBe(130_000_000);
    expect(counts(costOf({ perRequest: '0.01', perImage: '0.04' }, undefined, 0))).toEqual({ perRequest: 1 });
  });

  it.each<[string, Prices, Partial<Usage> | undefined, number | 'unknown', string]>([
    ['without tokens', { input: '1' }, undefined, 0, 'it is not known how many tokens were used'],
    ['without input', { input: '1' }, { output: 5, total: 5 }, 0, 'it is not known how many input tokens were used'],
    ['without output', { input: '1', output: '1' }, { input: 5, total: 9 }, 0, 'it is not known how many output tokens were used'],
    ['without images', { perImage: '1' }, { input: 5, output: 5 }, 'unknown', 'it is not known how many images were made'],
    [
      'of a kind without a price',
      { input: '1' },
      { input: 5, output: 0, cachedInput: 1 },
      0,
      expect.stringMatching(/^e has no price of .*cachedInput/) as string,
    ],
    ['of output without a price', { input: '1' }, { input: 5, output: 1 }, 0, 'e has no price of output tokens'],
    ['of reasoning without any', { input: '1' }, { input: 5, output: 1, reasoning: 1 }, 0, 'e has no price of reasoning tokens'],
    ['beyond all numbers', { input: '999999' }, { input: Number.MAX_SAFE_INTEGER, output: 0 }, 0, 'it is more than can be counted'],
  ])('is none, and not 0, %s', (_name, prices, usage, images, reason) => {
    expect(nanos(costOf(prices, usage, images))).toEqual(reason);
  });

  it('of an embedding needs no output', () => {
    expect(nanos(costOf({ input: '0.02' }, { input: 10, total: 10 }))).toBe(200);
    expect(nanos(costOf({ input: '0.02', output: '1' }, { input: 10, total: 10 }))).toBe(200);
  });

  it('is the sum of its parts, within a billionth a part above the true sum, and no token is in two parts', () => {
    const amount = fc
      .bigInt({ min: 0n, max: 10n ** 12n })
      .map((value) => `${value / 10n ** 9n}.${String(value % 10n ** 9n).padStart(9, '0')}`);
    const kinds = Object.keys({ ...ALL, reasoning: '' }) as (keyof Prices)[];
    const prices = fc.tuple(...kinds.map(() => amount)).map((amounts) => Object.fromEntries(kinds.map((kind, at) => [kind, amounts[at]])));
    const tokens = fc.option(fc.nat(10_000_000), { nil: undefined });
    const usage = fc.record({
      input: fc.nat(10_000_000),
      output: fc.nat(10_000_000),
      cachedInput: tokens,
      cacheCreation: tokens,
      cacheCreation1h: tokens,
      inputAudio: tokens,
      inputImage: tokens,
      reasoning: tokens,
      outputAudio: tokens,
    });
    fc.assert(
      fc.property(prices, usage, (each, used) => {
        const found = costOf(each, used);
        if (found instanceof Unpriced) throw new Error(found.reason);
        expect(found.parts.reduce((sum, part) => sum + part.nanos, 0)).toBe(found.nanos);
        const exact = found.parts.reduce((sum, { kind, count }) => sum + BigInt(count) * nanosOf(each[kind]!), 0n);
        const above = BigInt(found.nanos) * 1_000_000n - exact;
        expect(above >= 0n && above < 1_000_000n * BigInt(found.parts.length + 1)).toBe(true);
        const sum = (of: readonly PricedKind[]) => found.parts.reduce((all, { kind, count }) => (of.includes(kind) ? all + count : all), 0);
        expect(sum(['input', 'cachedInput', 'cacheWrite', 'cacheWrite1h', 'inputAudio', 'inputImage'])).toBe(used.input);
        expect(sum(['output', 'reasoning', 'outputAudio'])).toBe(used.output);
        expect(new Set(found.parts.map(({ kind }) => kind)).size).toBe(found.parts.length);
      }),
    );
  });
});
