import { expect, test } from 'vitest';

import { exactPrefixPicker, loadPicker, randomPicker } from './calibrate.ts';
import { profileOf } from './engine/profile.ts';
import { SimulatedPod } from './pod.ts';
import { type LoadResult, mean, type Picker, quantile, runLoad, sharedPrefixCalls } from './workload.ts';

function run(picker: Picker, seed = 1, maxConcurrency?: number): LoadResult {
  const pods = Array.from({ length: 4 }, (_, i) => new SimulatedPod({ name: `p${i}`, model: 'm', profile: profileOf('qwen3-32b-2xh100') }));
  const calls = sharedPrefixCalls({ groups: 30, promptsPerGroup: 4, systemTokens: 6000, questionTokens: 400, outputTokens: 60, seed });
  const stages = [
    { rate: 6, durationS: 10 },
    { rate: 12, durationS: 10 },
  ];
  return runLoad({ pods, calls, stages, picker, seed, ...(maxConcurrency === undefined ? {} : { maxConcurrency }) });
}

test('a seed gives one run, another seed another', () => {
  expect(run(randomPicker)).toEqual(run(randomPicker));
  expect(run(randomPicker, 2)).not.toEqual(run(randomPicker));
});

test('every request is answered, with all of its tokens', () => {
  for (const { requests, timesToFirstToken, outputTokensPerS, durationS, failed } of run(loadPicker()).stages) {
    expect([timesToFirstToken.length, failed]).toEqual([requests, 0]);
    expect(outputTokensPerS * durationS).toBeCloseTo(requests * 60);
  }
});

test('knowing the caches finds more in them than chance does, and answers sooner', () => {
  const random = run(randomPicker).stages[1]!;
  const exact = run(exactPrefixPicker()).stages[1]!;
  expect(exact.hitRate).toBeGreaterThan(random.hitRate + 0.2);
  expect(mean(exact.timesToFirstToken)).toBeLessThan(mean(random.timesToFirstToken));
});

test('a limit of the load generator holds requests back without losing them', () => {
  let most = 0;
  const watched: Picker = (call, pods, now, random) => {
    most = Math.max(
      most,
      pods.reduce((sum, pod) => sum + pod.load().running + pod.load().waiting, 1),
    );
    return randomPicker(call, pods, now, random);
  };
  const { stages } = run(watched, 1, 5);
  expect(most).toBe(5);
  expect(stages.map(({ timesToFirstToken }) => timesToFirstToken.length)).toEqual([60, 120]);
});

test('quantiles are values of the list', () => {
  expect([0, 0.5, 0.9, 1].map((share) => quantile([4, 1, 3, 2, 5, 6, 7, 8, 9, 10], share))).toEqual([1, 5, 9, 10]);
  expect(quantile([], 0.5)).toBe(0);
});
