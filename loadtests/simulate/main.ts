import { writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';

import { parseOptions } from '#core/options';
import { didYouMean } from '#core/resources/nearest';

import { chart } from './chart.ts';
import { explained } from './explain.ts';
import { POLICIES, type PolicySpec } from './policies.ts';
import type { Result } from './results.ts';
import { run } from './run.ts';
import { type Row, rowOf, section } from './table.ts';
import { Workers } from './workers.ts';
import type { Workload } from './workload.ts';
import { WORKLOADS } from './workloads.ts';

export const SIMULATE_HELP = `Usage: tierkit simulate [OPTION…]

Compares ways to pick a pod on simulated vLLM pods, on a virtual clock: the same seed gives the same table.

  --workload NAME   a workload, or all (default shared-prefix); may be given several times
  --policy NAME     a policy; may be given several times (default all)
  --seed N          may be given several times: the table has the means (default 1)
  --pods N          pods, instead of the workload's own number
  --full            shared-prefix in all sixteen steps of the published ladder, not four of them
  --json            all results, each stage too, instead of tables
  --out FILE.md     writes the tables to a file as well
  --chart FILE.svg  draws throughput and time to first token
  --explain ID      why our picker sent one request where it did: stage, session and turn, as in 1.20.0

Workloads
${list(WORKLOADS)}

Policies
${list(POLICIES)}

Simulated, calibrated to published H100 figures (kserve/simulator/calibration.md), not measured on GPUs.
`;

const OPTIONS = {
  workload: { type: 'string', multiple: true },
  policy: { type: 'string', multiple: true },
  seed: { type: 'string', multiple: true },
  pods: { type: 'string' },
  full: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  out: { type: 'string' },
  chart: { type: 'string' },
  explain: { type: 'string' },
} as const;

interface Wanted {
  readonly workloads: readonly Workload[];
  readonly policies: readonly PolicySpec[];
  readonly seeds: readonly number[];
  readonly podCount: number | undefined;
  readonly isFull: boolean;
  readonly json: boolean;
  readonly out: string | undefined;
  readonly chart: string | undefined;
  readonly explain: string | undefined;
}

/**
 * Runs `tierkit simulate`.
 *
 * @param args the command line behind the name
 * @param say gets what belongs on standard output, piece by piece
 * @throws TypeError for options that are not understood; Error where a file cannot be written or echarts is missing
 */
export async function simulate(args: readonly string[], say: (text: string) => void): Promise<void> {
  const wanted = read(args);
  const size = { isFull: wanted.isFull, ...(wanted.podCount === undefined ? {} : { podCount: wanted.podCount }) };
  if (wanted.explain !== undefined) {
    say(explain(wanted, size, wanted.explain));
    return;
  }
  // Before the work, not after it.
  if (wanted.chart !== undefined) await chart([], '');
  const results: Result[] = [];
  const rows: Row[] = [];
  const sections: string[] = [];
  const workers = new Workers(wanted.workloads.length * wanted.policies.length * wanted.seeds.length);
  try {
    const jobs = wanted.workloads.map((workload) => {
      const policies = wanted.policies.filter(({ idealPods }) => idealPods !== true || workload.hasCeiling === true);
      const runs = policies.map((policy) =>
        Promise.all(wanted.seeds.map((seed) => workers.run({ workload: workload.name, policy: policy.name, seed, ...size }))),
      );
      return { workload, runs: Promise.all(runs) };
    });
    for (const { workload, runs } of jobs) {
      const ofWorkload = await runs;
      results.push(...ofWorkload.flat());
      rows.push(...ofWorkload.map(rowOf));
      const text = section(workload, ofWorkload.map(rowOf));
      sections.push(text);
      if (!wanted.json) say(text);
    }
  } finally {
    await workers.close();
  }
  if (wanted.json) say(JSON.stringify(results, undefined, 2));
  if (wanted.out !== undefined) await writeFile(wanted.out, report(args, wanted, sections));
  if (wanted.chart !== undefined)
    await writeFile(wanted.chart, await chart(rows, `tierkit simulate, simulated, seed ${wanted.seeds.join(', ')}`));
}

function explain(wanted: Wanted, size: { readonly isFull: boolean; readonly podCount?: number }, id: string): string {
  const [workload, another] = wanted.workloads;
  const [seed, anotherSeed] = wanted.seeds;
  if (another !== undefined || anotherSeed !== undefined) throw new TypeError('--explain takes one workload and one seed');
  const policy = POLICIES.find(({ name }) => name === 'tierkit')!;
  const { decision } = run({ workload: workload!, policy, seed: seed!, ...size, explain: id });
  if (decision === undefined)
    throw new TypeError(`--explain: the run has no request "${id}" (ids are stage, session and turn, as in 1.20.0)`);
  return explained(decision);
}

function read(args: readonly string[]): Wanted {
  const { values } = parseOptions(args, OPTIONS, false);
  const { workload: wantedWorkloads = ['shared-prefix'], seed = ['1'] } = values;
  const workloads = wantedWorkloads.includes('all') ? WORKLOADS : wantedWorkloads.map((name) => named(name, WORKLOADS, 'workload'));
  const policies = values.policy === undefined ? POLICIES : values.policy.map((name) => named(name, POLICIES, 'policy'));
  return {
    workloads,
    policies,
    seeds: seed.map((text) => whole(text, 'seed', 0)),
    podCount: values.pods === undefined ? undefined : whole(values.pods, 'pods', 1, 200),
    isFull: values.full,
    json: values.json,
    out: values.out,
    chart: values.chart,
    explain: values.explain,
  };
}

function named<T extends { readonly name: string }>(name: string, known: readonly T[], kind: string): T {
  const found = known.find((each) => each.name === name);
  if (found !== undefined) return found;
  const names = known.map((each) => each.name);
  throw new TypeError(`there is no ${kind} "${name}"${didYouMean(name, names)} (there are ${names.join(', ')})`);
}

function whole(text: string, option: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new TypeError(
    `--${option} must be a whole number from ${least}${most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`}, not "${text}"`,
  );
}

function report(args: readonly string[], { chart: chartFile, seeds }: Wanted, sections: readonly string[]): string {
  const picture = chartFile === undefined ? [] : [`![Throughput and time to first token](${chartFile.split('/').at(-1)})`, ''];
  return [
    '# tierkit simulate',
    '',
    `Written by \`tierkit simulate ${args.join(' ')}\` on ${new Date().toISOString().slice(0, 10)}, on ${cpus().length} cores, ${cpus()[0]?.model.trim() ?? 'unknown'}, Node ${process.version}.`,
    '',
    '**Simulated, calibrated to published H100 figures, not measured on GPUs.** What the simulator gets right and wrong is in [calibration.md](../../kserve/simulator/calibration.md). The clock is virtual: the same seed gives the same numbers on any machine.',
    '',
    `Throughput is the mean of the stages, each from its first arrival to its last answer. Times are of answered requests. Each figure is the mean of the seeds (${seeds.join(', ')}); ± is half of the distance between the largest and the smallest. \`failed\`: an error before the first byte reached the client; \`cut\`: a stream that ended with an error; both are sums. \`% of oracle\` is by output tokens a second; the oracle knows caches, answer lengths and speeds, and weighs one request at a time: it is a yardstick, no upper bound. The ceiling, where there is one, has pods that compute prompts in no time: what no picker can pass. Why ours is behind where it is: [README.md](README.md).`,
    '',
    ...picture,
    ...sections,
  ].join('\n');
}

function list(items: readonly { readonly name: string; readonly summary: string }[]): string {
  return items.map(({ name, summary }) => `  ${name.padEnd(16)}  ${summary}`).join('\n');
}
