import type { Result } from './results.ts';
import type { Workload } from './workload.ts';

/** One line of a table: the mean of a policy's runs. */
export type Row = Omit<Result, 'seed' | 'stages'> & {
  readonly seeds: number;
  /** Half of the distance between the largest and the smallest of the seeds. */
  readonly outputSpread: number;
  readonly ttftP90SpreadS: number;
  readonly latencySpreadS: number;
};

/** Means over the seeds; what failed is the sum. */
export function rowOf(results: readonly Result[]): Row {
  const [first] = results;
  if (first === undefined) throw new RangeError('there are no results');
  const mean = (read: (result: Result) => number): number => results.reduce((sum, result) => sum + read(result), 0) / results.length;
  const spread = (read: (result: Result) => number): number => (Math.max(...results.map(read)) - Math.min(...results.map(read))) / 2;
  const sum = (read: (result: Result) => number): number => mean(read) * results.length;
  return {
    workload: first.workload,
    policy: first.policy,
    seeds: results.length,
    requests: sum(({ requests }) => requests),
    outputTokensPerS: mean(({ outputTokensPerS }) => outputTokensPerS),
    outputSpread: spread(({ outputTokensPerS }) => outputTokensPerS),
    ttftP90SpreadS: spread(({ ttftP90S }) => ttftP90S),
    latencySpreadS: spread(({ latencyMeanS }) => latencyMeanS),
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
    plusMinus(row, row.outputTokensPerS, row.outputSpread, 0),
    ...(input ? [row.inputTokensPerS.toFixed(0)] : []),
    row.ttftP50S.toFixed(3),
    plusMinus(row, row.ttftP90S, row.ttftP90SpreadS, 3),
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
  const table = [line(head), line(head.map(() => '---')), ...lines.map(line)];
  return [`## ${workload.name}`, '', `${workload.summary}.`, '', ...table, '', ...remarks(rows)].join('\n');
}

function plusMinus({ seeds }: Row, value: number, spread: number, digits: number): string {
  return seeds === 1 ? value.toFixed(digits) : `${value.toFixed(digits)} ± ${spread.toFixed(digits)}`;
}

const MEASURES = [
  { name: 'output tok/s', sign: -1, digits: 0, of: (row: Row) => row.outputTokensPerS, spread: (row: Row) => row.outputSpread },
  { name: 'TTFT p90 s', sign: 1, digits: 3, of: (row: Row) => row.ttftP90S, spread: (row: Row) => row.ttftP90SpreadS },
  { name: 'latency s', sign: 1, digits: 1, of: (row: Row) => row.latencyMeanS, spread: (row: Row) => row.latencySpreadS },
] as const;

/** Where ours is not the best of those that a gateway could have, and what the ceiling says of "twice round robin". */
function remarks(rows: readonly Row[]): readonly string[] {
  const find = (policy: string): Row | undefined => rows.find((row) => row.policy === policy);
  const ours = find('tierkit');
  const said: string[] = [];
  for (const { name, sign, digits, of, spread } of ours === undefined ? [] : MEASURES) {
    const candidates = rows.filter(({ policy }) => policy !== 'oracle' && policy !== 'ceiling');
    const best = candidates.reduce((one, next) => (sign * of(next) < sign * of(one) ? next : one));
    const [own, other] = [of(ours!).toFixed(digits), of(best).toFixed(digits)];
    if (own === other) continue;
    const isNoise = Math.abs(of(ours!) - of(best)) <= spread(ours!) + spread(best);
    const figures = `${own} for ${other} of ${best.policy}`;
    said.push(`Ours is behind in ${name}: ${figures}${isNoise && ours!.seeds > 1 ? ', within the spread of the seeds' : ''}.`);
  }
  const [ceiling, roundRobin] = [find('ceiling'), find('round-robin')];
  if (ceiling !== undefined && roundRobin !== undefined) {
    const times = (ceiling.outputTokensPerS / roundRobin.outputTokensPerS).toFixed(2);
    said.push(
      `The ceiling is ${times} times round robin${ours === undefined ? '' : `, and ours ${percent(ours, ceiling)} % of the ceiling`}.`,
    );
  }
  return said.length === 0 ? [] : [said.join(' '), ''];
}

function percent(one: Row, other: Row): string {
  return ((100 * one.outputTokensPerS) / other.outputTokensPerS).toFixed(1);
}

function ratio(value: number, base: number | undefined, scale: number, digits: number): string {
  return base === undefined || base === 0 ? '–' : ((scale * value) / base).toFixed(digits);
}

/** A line of a Markdown table. */
export function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}
