import { describe, expect, test } from 'vitest';

import { leastSquares, median, percentile, Samples } from './statistics.ts';

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => at + 1);

  test('is a value that was seen, by nearest rank', () => {
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile([1, 2, 3], 0.5)).toBe(2);
  });

  test('of one value is that value, of none is undefined', () => {
    expect(percentile([7], 0.01)).toBe(7);
    expect(percentile([7], 1)).toBe(7);
    expect(percentile([], 0.5)).toBeUndefined();
  });
});

test('median sorts by number and takes the mean of two in the middle', () => {
  expect(median([10, 9, 100])).toBe(10);
  expect(median([1, 100, 9, 10])).toBe(9.5);
  expect(median([])).toBeUndefined();
});

describe('leastSquares', () => {
  test('finds a slope, whatever the offset', () => {
    const line = leastSquares([0, 1, 2, 3].map((x) => ({ x, y: 1000 + 2.5 * x })));
    expect(line?.slope).toBeCloseTo(2.5);
    expect(line?.error).toBeCloseTo(0);
  });

  test('a saw without growth has a slope within twice its error', () => {
    const saw = Array.from({ length: 120 }, (_, x) => ({ x, y: 50_000 + (x % 7) * 1_000 }));
    const line = leastSquares(saw);
    expect(Math.abs(line?.slope ?? Number.NaN)).toBeLessThan(2 * (line?.error ?? 0));
  });

  test('a saw that grows is told from zero', () => {
    const saw = Array.from({ length: 120 }, (_, x) => ({ x, y: 50_000 + (x % 7) * 1_000 + x * 40 }));
    const line = leastSquares(saw);
    expect(line?.slope).toBeGreaterThan(2 * (line?.error ?? Number.NaN));
    expect(line?.slope).toBeCloseTo(40, -1);
  });

  test('says nothing of points that make no line', () => {
    expect(leastSquares([{ x: 1, y: 1 }])).toBeUndefined();
    expect(leastSquares([1, 2, 3].map((y) => ({ x: 5, y })))).toBeUndefined();
  });
});

test('Samples keep their values when they grow, and forget them when cleared', () => {
  const samples = new Samples();
  for (let value = 40_000; value >= 1; value--) samples.add(value);
  expect(samples.summary()).toEqual({ p50: 20_000, p99: 39_600, max: 40_000 });
  samples.clear();
  samples.add(3);
  expect(samples.summary()).toEqual({ p50: 3, p99: 3, max: 3 });
  samples.clear();
  expect(samples.summary()).toEqual({ p50: undefined, p99: undefined, max: undefined });
});
