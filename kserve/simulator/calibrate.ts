/**
 * Runs the published 73-capacity benchmark of llm-d on the simulator, and prints what calibration.md compares:
 * `node kserve/simulator/calibrate.ts [maxConcurrency|none] [seed]`.
 */
import { pathToFileURL } from 'node:url';

import { profileOf } from './engine/profile.ts';
import { SimulatedPod } from './pod.ts';
import { type Call, type LoadResult, mean, type Picker, quantile, runLoad, sharedPrefixCalls, type Stage } from './workload.ts';

/** Warm-up and ladder of the benchmark: requests a second, seconds. */
export const LADDER: readonly Stage[] = [
  [15, 50],
  [3, 20],
  [10, 20],
  [15, 20],
  [20, 38],
  [22, 34],
  [25, 30],
  [30, 25],
  [35, 21],
  [40, 38],
  [43, 36],
  [46, 33],
  [49, 30],
  [52, 29],
  [55, 27],
  [57, 26],
  [60, 25],
].map(([rate, durationS]) => ({ rate: rate!, durationS: durationS! }));

/** Requests that the published load generator had under way at most: not published, inferred in calibration.md, one value for all rows. */
export const CLIENT_CONCURRENCY = 800;

/** Any pod. */
export const randomPicker: Picker = (_call, pods, _now, random) => random.integer(pods.length);

/** Queue and KV cache scorers of the reference, equal weights, on metrics that are up to 50 ms old. */
export function loadPicker(): Picker {
  return scored({ queue: 1, kv: 1, prefix: 0 });
}

/** The reference's weights 2, 2 and 3, where the prefix scorer knows what is really in the caches. */
export function exactPrefixPicker(): Picker {
  return scored({ queue: 2, kv: 2, prefix: 3 });
}

interface Weights {
  readonly queue: number;
  readonly kv: number;
  readonly prefix: number;
}

const SCRAPE_MS = 50;

function scored(weights: Weights): Picker {
  let scrapedAt = -Infinity;
  let scraped: readonly { readonly waiting: number; readonly kvUsage: number }[] = [];
  return (call, pods, now, random) => {
    if (now - scrapedAt >= SCRAPE_MS) {
      scrapedAt = now;
      scraped = pods.map((pod) => pod.reported());
    }
    const queues = scraped.map(({ waiting }) => waiting);
    const cached = weights.prefix === 0 ? queues.map(() => 0) : pods.map((pod) => pod.cachedPrefixTokens(call.content));
    const scores = pods.map(
      (_pod, i) =>
        weights.queue * share(queues[i]!, Math.max(...queues), Math.min(...queues)) +
        weights.kv * (1 - scraped[i]!.kvUsage) +
        weights.prefix * (1 - share(cached[i]!, Math.max(...cached), Math.min(...cached))),
    );
    const best = Math.max(...scores);
    const equal = scores.flatMap((score, i) => (score === best ? [i] : []));
    return equal[random.integer(equal.length)]!;
  };
}

/** 1 for the least, 0 for the most; 1 where all are equal. */
function share(value: number, most: number, least: number): number {
  return most === least ? 1 : (most - value) / (most - least);
}

/** Runs the whole ladder for one way to pick. */
export function calibrate(picker: Picker, options: { readonly maxConcurrency?: number; readonly seed?: number | string } = {}): LoadResult {
  const seed = options.seed ?? 1;
  const pods = Array.from(
    { length: 8 },
    (_, i) => new SimulatedPod({ name: `pod-${i}`, model: 'Qwen/Qwen3-32B', profile: profileOf('qwen3-32b-2xh100'), seed }),
  );
  const calls: Call[] = sharedPrefixCalls({
    groups: 150,
    promptsPerGroup: 5,
    systemTokens: 6000,
    questionTokens: 1200,
    outputTokens: 1000,
    seed,
  });
  const { maxConcurrency } = options;
  return runLoad({ pods, stages: LADDER, calls, picker, seed, ...(maxConcurrency === undefined ? {} : { maxConcurrency }) });
}

function row(values: readonly (string | number)[]): string {
  return `| ${values.join(' | ')} |`;
}

/** The rows of the report: the warm-up does not count. */
export function summary({ stages, meanWaiting, maxWaiting, meanKvUsage, preemptions }: LoadResult): string {
  const counted = stages.slice(1);
  const times = counted.flatMap(({ timesToFirstToken }) => timesToFirstToken);
  const lines = counted.map((stage) =>
    row([
      stage.rate,
      stage.outputTokensPerS.toFixed(0),
      quantile(stage.timesToFirstToken, 0.9).toFixed(3),
      mean(stage.timesToFirstToken).toFixed(3),
      (stage.meanGapS * 1000).toFixed(1),
      (stage.hitRate * 100).toFixed(1),
      stage.durationS.toFixed(1),
    ]),
  );
  return [
    row(['rate', 'output tok/s', 'TTFT p90 s', 'TTFT mean s', 'gap ms', 'hits %', 'stage s']),
    row(Array.from({ length: 7 }, () => '---')),
    ...lines,
    '',
    `all: ${mean(counted.map(({ outputTokensPerS }) => outputTokensPerS)).toFixed(1)} output tok/s, TTFT p90 ${quantile(times, 0.9).toFixed(3)} s, mean ${mean(times).toFixed(3)} s, waiting mean ${meanWaiting.toFixed(1)} max ${maxWaiting}, KV mean ${(meanKvUsage * 100).toFixed(1)} %, preemptions ${preemptions}`,
  ].join('\n');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [concurrency, seed] = process.argv.slice(2);
  const options = {
    ...(concurrency === 'none' ? {} : { maxConcurrency: Number(concurrency ?? CLIENT_CONCURRENCY) }),
    seed: seed ?? 1,
  };
  const rows: readonly (readonly [string, Picker])[] = [
    ['random', randomPicker],
    ['load', loadPicker()],
    ['exact prefix', exactPrefixPicker()],
  ];
  for (const [name, picker] of rows) {
    const started = performance.now();
    const result = calibrate(picker, options);
    const seconds = (performance.now() - started) / 1000;
    process.stdout.write(`\n## ${name} (${result.simulatedS.toFixed(0)} s simulated in ${seconds.toFixed(1)} s)\n\n${summary(result)}\n`);
  }
}
