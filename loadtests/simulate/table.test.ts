import { expect, test } from 'vitest';

import type { Result } from './results.ts';
import { rowOf, section } from './table.ts';
import { WORKLOADS } from './workloads.ts';

const WORKLOAD = WORKLOADS.find(({ name }) => name === 'no-reuse')!;

function results(policy: string, ...throughputs: number[]): readonly Result[] {
  return throughputs.map((outputTokensPerS, seed) => ({
    workload: WORKLOAD.name,
    policy,
    seed,
    requests: 1,
    outputTokensPerS,
    inputTokensPerS: 1,
    ttftP50S: 1,
    ttftP90S: 1,
    ttftMeanS: 1,
    tpotMeanS: 1,
    latencyMeanS: 1,
    latencyP90S: 1,
    hitRatio: 1,
    waitingMean: 1,
    waitingMax: 1,
    preemptions: 1,
    failed: 1,
    cut: 1,
    retried: 1,
    simulatedS: 1,
    stages: [],
  }));
}

function table(...rows: (readonly Result[])[]): string {
  return section(WORKLOAD, rows.map(rowOf));
}

test('a mean is told with its spread, what failed as a sum; one seed has no spread', () => {
  expect(table(results('random', 900, 1000, 1200))).toContain('| random | 1033 ± 150 |');
  expect(table(results('random', 900, 1000, 1200))).toContain('| 3 | 3 |');
  expect(table(results('random', 900))).toContain('| random | 900 |');
});

test('the table itself says where ours is behind, and whether that is more than chance', () => {
  const behind = table(results('round-robin', 1000, 1010), results('tierkit', 900, 910));
  expect(behind).toContain('Ours is behind in output tok/s: 905 for 1005 of round-robin.');
  const noise = table(results('round-robin', 1000, 1100), results('tierkit', 1000, 1080));
  expect(noise).toContain('1040 for 1050 of round-robin, within the spread of the seeds.');
  // No gateway can know what the oracle knows.
  expect(table(results('round-robin', 900), results('tierkit', 1000), results('oracle', 1100))).not.toContain('behind');
});

test('the ceiling tells what times round robin is possible at all', () => {
  const text = table(results('round-robin', 1000), results('tierkit', 1700), results('ceiling', 1800));
  expect(text).toContain('The ceiling is 1.80 times round robin, and ours 94.4 % of the ceiling.');
  expect(text).not.toContain('behind');
});
