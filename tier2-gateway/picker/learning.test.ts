import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { PoolModels, SpeedModel } from './learning.ts';
import { seeded } from './pool.fixture.ts';
import { DEFAULT_SETTINGS } from './settings.ts';

test('prefill rate and base are learned from noisy observations', () => {
  const random = seeded(3);
  const model = new SpeedModel(new PoolModels(DEFAULT_SETTINGS));
  for (let index = 0; index < 600; index++) {
    const tokens = 200 + random() * 12_000;
    model.observeTtft((60 + tokens / 8) * (0.9 + random() * 0.2), tokens, index * 100);
  }
  // 8000 tokens a second, where the prior said 20 000.
  for (const tokens of [1_000, 4_000, 10_000]) {
    const predicted = model.baseTtftMs(60_000) + tokens * model.prefillMsPerToken(60_000);
    expect(predicted / (60 + tokens / 8)).toBeGreaterThan(0.85);
    expect(predicted / (60 + tokens / 8)).toBeLessThan(1.15);
  }
});

function truth(streams: number, kv: number): number {
  return 8 + streams * 0.25 + (kv / 100_000) * 5;
}

test('the time per token is learned as it grows with streams and KV', () => {
  const random = seeded(4);
  const model = new SpeedModel(new PoolModels(DEFAULT_SETTINGS));
  for (let index = 0; index < 2_000; index++) {
    const streams = Math.floor(random() * 128);
    const kv = streams * 2_000 * random();
    model.observeTpot(truth(streams, kv) * (0.9 + random() * 0.2), streams, kv, index * 100);
  }
  for (const [streams, kv] of [
    [1, 1_000],
    [64, 60_000],
    [120, 200_000],
  ] as const) {
    expect(model.tpotMs(streams, kv, 200_000) / truth(streams, kv)).toBeGreaterThan(0.85);
    expect(model.tpotMs(streams, kv, 200_000) / truth(streams, kv)).toBeLessThan(1.15);
  }
});

test('a slow endpoint is told apart, one that was never tried counts as normal, and the slow one gets another chance', () => {
  const pool = new PoolModels(DEFAULT_SETTINGS);
  const [fast, slow, untried] = [new SpeedModel(pool), new SpeedModel(pool), new SpeedModel(pool)];
  const random = seeded(5);
  for (let index = 0; index < 400; index++) {
    const tokens = 500 + random() * 8_000;
    fast.observeTtft(20 + tokens / 20, tokens, index * 10);
    if (index % 4 === 0) slow.observeTtft(60 + (3 * tokens) / 20, tokens, index * 10);
  }
  expect(slow.prefillMsPerToken(4_000) / fast.prefillMsPerToken(4_000)).toBeGreaterThan(2);
  expect(untried.prefillMsPerToken(4_000) / fast.prefillMsPerToken(4_000)).toBeLessThan(1.5);
  expect(slow.prefillMsPerToken(600_000) / untried.prefillMsPerToken(600_000)).toBeLessThan(1.05);
});

test('streams that pause now and then do not make their endpoint slow, streams that are all slow do', () => {
  const pool = new PoolModels(DEFAULT_SETTINGS);
  const [pausing, slow] = [new SpeedModel(pool), new SpeedModel(pool)];
  const normal = new SpeedModel(pool);
  for (let index = 0; index < 1_000; index++) {
    normal.observeTpot(truth(32, 100_000), 32, 100_000, index);
    pausing.observeTpot(truth(32, 100_000) * (index % 5 === 0 ? 30 : 1), 32, 100_000, index);
    slow.observeTpot(truth(32, 100_000) * 4, 32, 100_000, index);
  }
  const base = normal.tpotMs(32, 100_000, 1_000);
  expect(pausing.tpotMs(32, 100_000, 1_000) / base).toBeLessThan(1.2);
  expect(slow.tpotMs(32, 100_000, 1_000) / base).toBeGreaterThan(2.5);
});

test('one endpoint that learned something does not make the untried look worse', () => {
  const pool = new PoolModels(DEFAULT_SETTINGS);
  const [tried, untried] = [new SpeedModel(pool), new SpeedModel(pool)];
  // Faster than the bounds allow to believe.
  for (let index = 0; index < 500; index++) tried.observeTtft(3_000 / 400, 3_000, index);
  expect(untried.prefillMsPerToken(500) / tried.prefillMsPerToken(500)).toBeCloseTo(1, 1);
});

test('nothing that is observed takes the models out of their bounds', () => {
  const observation = fc.record({ value: fc.double(), x: fc.double({ min: 0, max: 1e7 }), y: fc.double({ min: 0, max: 1e7 }) });
  fc.assert(
    fc.property(fc.array(observation, { maxLength: 100 }), (observations) => {
      const model = new SpeedModel(new PoolModels(DEFAULT_SETTINGS));
      for (const { value, x, y } of observations) {
        model.observeTtft(value, x, 0);
        model.observeTpot(value, x, y, 0);
      }
      // The range of the pool's line, and that of the endpoint's deviation from it.
      const range = DEFAULT_SETTINGS.learningRange ** 2 * 1.0001;
      const priorMs = 1_000 / DEFAULT_SETTINGS.prefillTokensPerSecond;
      expect(model.prefillMsPerToken(0)).toBeGreaterThanOrEqual(priorMs / range);
      expect(model.prefillMsPerToken(0)).toBeLessThanOrEqual(priorMs * range);
      const tpot = model.tpotMs(10, 10_000, 0);
      expect(tpot).toBeGreaterThan(0);
      expect(tpot).toBeLessThanOrEqual((12 + 1 + 0.3) * range);
    }),
  );
});

test('neither endless bad news nor endless good news moves them further than the range', () => {
  for (const value of [1e9, 0]) {
    const model = new SpeedModel(new PoolModels(DEFAULT_SETTINGS));
    for (let index = 0; index < 3_000; index++) model.observeTtft(value, 2_000, index);
    const ratio = model.prefillMsPerToken(3_000) * (DEFAULT_SETTINGS.prefillTokensPerSecond / 1_000);
    // The pool's line is at its bound, and its bias is no deviation of this endpoint.
    expect(value === 0 ? 1 / ratio : ratio).toBeCloseTo(DEFAULT_SETTINGS.learningRange, 6);
  }
});
