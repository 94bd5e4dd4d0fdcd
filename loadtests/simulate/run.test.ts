import { expect, test } from 'vitest';

import { POLICIES } from './policies.ts';
import type { Result } from './results.ts';
import { run } from './run.ts';
import { WORKLOADS } from './workloads.ts';

function result(workload: string, policy: string, seed = 3, podCount = 2): Result {
  return run({
    workload: WORKLOADS.find(({ name }) => name === workload)!,
    policy: POLICIES.find(({ name }) => name === policy)!,
    seed,
    podCount,
  });
}

test('a seed gives one result, another seed another, for every policy', () => {
  for (const { name } of POLICIES) {
    const first = result('burst', name);
    expect(result('burst', name)).toEqual(first);
    expect(result('burst', name, 4)).not.toEqual({ ...first, seed: 4 });
  }
});

test('every workload runs to its end on a few pods, and loses nothing where nothing goes wrong', () => {
  const outcomes = WORKLOADS.map((workload) => {
    const { requests, failed, cut, stages } = result(workload.name, 'tierkit', 3, 3);
    return { name: workload.name, sent: requests > 0 && stages.some(({ isWarmUp }) => !isWarmUp), failed, losesStreams: cut > 0 };
  });
  expect(outcomes).toEqual(WORKLOADS.map(({ name }) => ({ name, sent: true, failed: 0, losesStreams: name === 'pod-crash' })));
}, 30_000);

test('a crash fails no request that had no byte yet, where the policy names more than one pod', () => {
  // Blind to the caches, so that many requests wait without a byte when the pod dies.
  const { failed, retried, cut } = result('pod-crash', 'least-request', 3, 4);
  expect(failed).toBe(0);
  expect(retried).toBeGreaterThan(0);
  expect(cut).toBeGreaterThan(0);
});

test('knowing the caches beats not knowing them where prompts share', () => {
  const blind = result('shared-prefix', 'round-robin', 3, 4);
  const ours = result('shared-prefix', 'tierkit', 3, 4);
  expect(ours.outputTokensPerS).toBeGreaterThan(1.3 * blind.outputTokensPerS);
  expect(ours.ttftP90S).toBeLessThan(blind.ttftP90S / 10);
  expect(ours.hitRatio).toBeGreaterThan(0.8);
}, 20_000);
