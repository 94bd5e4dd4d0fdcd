import type { Result } from './results.ts';
import type { Workload } from './workload.ts';

/** One line of a table: the mean of a policy's runs. */
export type Row = Omit<Result, 'seed' | 'stages'> & { readonly seeds: number };

/** Means over the seeds; what failed is the sum. */
export function rowOf(results: readonly Result[]): Row {
  const [first] = results;
  if (first === undefined) throw new RangeError('there are no results');
  const mean = (read: (result: Result) => number): number => results.reduce((sum, result) => sum + read(result), 0) / results.length;
  const sum = (read: (result: Result) => number): number => mean(read) * results.length;
  return {
    workload: first.workload,
    policy: first.policy,
    seeds: results.length,
    requests: sum(({ requests }) => requests),
    outputTokensPerS: mean(({ outputTokensPerS }) => outputTokensPerS),
    inputTokensPerS: mean(({ inputTokensPerS }) => inputTokensPerS),
    ttftP50S: mean(({ ttftP50S }) => ttftP50S),
    ttftP90S: mean(({ ttftP90S }) => ttftP90S),
    ttftMeanS: mean(({ ttftMeanS }) => ttftMeanS),
    tpotMeanS: mean(({ tpotMeanS }) => tpotMeanS),
    latencyMeanS: mean(({ latencyMeanS }) => latencyMeanS),
    latencyP90S: mean(({ latencyP90S }) => latencyP90S),
    hitRatio: mean(({ hitRatio }) => hitRatio),
    waitingMean: mean(({ waitingMean }) => waitingMean),
    waitingMax: Math.max(...results.map(({ waitingMax }) => waitingMax)),
    preemptions: sum(({ preemptions }) => preemptions),
    failed: sum(({ failed }) => failed),
    cut: sum(({ cut }) => cut),
    retried: sum(({ retried }) => retried),
    simulatedS: mean(({ simulatedS }) => simulatedS),
  };
}

/** A workload's rows as a Markdown section. */
export function section(workload: Workload, rows: readonly Row[]): string {
  const outputOf = (policy: string): number | undefined => rows.find((row) => row.policy === policy)?.outputTokensPerS;
  const input = workload.isInputBound === true;
  const head = [
    'policy',
    'output tok/s',
    ...(input ? ['input tok/s'] : []),
    'TTFT p50 s',
    'p90 s',
    'mean s',
    'per token ms',
    'latency mean s',
    'hits %',
    'waiting',
    'failed',
    'cut',
    '× round robin',
    '% of oracle',
  ];
  const lines = rows.map((row) => [
    row.policy === 'tierkit' ? `**${row.policy}**` : row.policy,
    row.outputTokensPerS.toFixed(0),
    ...(input ? [row.inputTokensPerS.toFixed(0)] : []),
    row.ttftP50S.toFixed(3),
    row.ttftP90S.toFixed(3),
    row.ttftMeanS.toFixed(3),
    (row.tpotMeanS * 1000).toFixed(1),
    row.latencyMeanS.toFixed(1),
    (row.hitRatio * 100).toFixed(1),
    row.waitingMean.toFixed(1),
    String(row.failed),
    String(row.cut),
    ratio(row.outputTokensPerS, outputOf('round-robin'), 1, 2),
    ratio(row.outputTokensPerS, outputOf('oracle'), 100, 1),
  ]);
  return [`## ${workload.name}`, '', `${workload.summary}.`, '', line(head), line(head.map(() => '---')), ...lines.map(line), ''].join(
    '\n',
  );
}

function ratio(value: number, base: number | undefined, scale: number, digits: number): string {
  return base === undefined || base === 0 ? '–' : ((scale * value) / base).toFixed(digits);
}

/** A line of a Markdown table. */
export function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
