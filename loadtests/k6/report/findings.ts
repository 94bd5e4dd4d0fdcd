import { leastSquares } from '../../bench/statistics.ts';
import type { Samples } from '../platform/watch.ts';
import { ERROR_MEANING, type ErrorClass } from '../plan/metrics.ts';
import type { Plan } from '../plan/plan.ts';
import { TIER_NAMES } from './names.ts';
import type { Figures, Results } from './figures.ts';

/** Share of requests that must be within the objectives for a rate to be sustained. */
const SUSTAINED = 0.95;

/** What the run says about its question, in sentences. */
export function findingsOf(plan: Plan, results: Results, samples: Samples, tokensAnHour: number | undefined): string[] {
  const { figures } = results;
  return [
    ...overheads(figures),
    ...(plan.scenario.axis === 'rate' ? knees(plan, figures) : []),
    ...(plan.scenario.name === 'conversations' ? cacheShares(figures) : []),
    ...(plan.scenario.name === 'quota' ? quotas(figures, tokensAnHour) : []),
    ...(plan.scenario.name === 'soak' ? slopes(samples) : []),
    ...(results.leftRunning === undefined ? [] : [leftRunning(results.leftRunning)]),
    ...figures.flatMap(errorsOf),
  ];
}

/** Through less directly, of the same part: undefined without a baseline, and for conversations, where caches make the difference. */
export function addedMs(figures: readonly Figures[], of: Figures, what: 'ttft' | 'total', at: 'p50' | 'p95'): number | undefined {
  const baseline = figures.find(({ row }) => row.tier === 'pods' && row.part === of.row.part)?.[what];
  const own = of[what];
  return of.row.tier === 'pods' || of.row.behaviour === 'converse' || baseline === undefined || own === undefined
    ? undefined
    : own[at] - baseline[at];
}

function overheads(figures: readonly Figures[]): string[] {
  return figures.flatMap((each) => {
    const what = each.row.behaviour === 'unary' ? 'total' : 'ttft';
    const [p50, p95] = [addedMs(figures, each, what, 'p50'), addedMs(figures, each, what, 'p95')];
    if (p50 === undefined || p95 === undefined) return [];
    const name = what === 'total' ? 'the whole answer' : 'the first token';
    return [
      `Through ${TIER_NAMES[each.row.tier]}, ${name} comes ${later(p50)} at p50 and ${later(p95)} at p95 than from the pods directly.`,
    ];
  });
}

function knees({ settings }: Plan, figures: readonly Figures[]): string[] {
  return settings.tiers.map((tier) => {
    const steps = figures.filter(({ row }) => row.tier === tier).toSorted((a, b) => a.row.rate - b.row.rate);
    const broken = steps.findIndex(({ goodput }) => goodput < SUSTAINED);
    const who = `Through ${TIER_NAMES[tier]}`;
    const share = `${SUSTAINED * 100} % of the requests met the objectives`;
    if (broken === -1) return `${who}, ${share} at every rate up to ${steps.at(-1)?.row.rate} a second: the knee is above it.`;
    if (broken === 0) return `${who}, less than ${share} already at ${steps[0]?.row.rate} a second.`;
    const [last, first] = [steps[broken - 1]!, steps[broken]!];
    return `${who}, ${share} up to ${last.row.rate} a second; at ${first.row.rate} it was ${percent(first.goodput)}.`;
  });
}

function cacheShares(figures: readonly Figures[]): string[] {
  return figures.map(({ row, cachedTokens, promptTokens }) => {
    const share = percent(promptTokens === 0 ? 0 : cachedTokens / promptTokens);
    return `${TIER_NAMES[row.tier]}: ${share} of the prompt tokens were in the cache of the pod that got them.`;
  });
}

function quotas(figures: readonly Figures[], tokensAnHour: number | undefined): string[] {
  return figures.map(({ row, requests, refused, promptTokens, outputTokens }) => {
    const limit = tokensAnHour === undefined ? '' : ` of ${tokensAnHour} an hour`;
    const used = promptTokens + outputTokens;
    return `The ${row.part} tenant used ${used} tokens${limit}; ${refused} of its ${requests} requests were refused.`;
  });
}

function slopes(samples: Samples): string[] {
  return Object.entries(samples).flatMap(([name, all]) => {
    // The first third is the start: code is compiled, connections are made.
    const line = leastSquares(all.slice(Math.floor(all.length / 3)).map(({ atS, rssMib }) => ({ x: atS / 60, y: rssMib })));
    return line === undefined
      ? []
      : [`Memory of ${name}: ${line.slope.toFixed(2)} ± ${line.error.toFixed(2)} MiB a minute in the last two thirds of the run.`];
  });
}

function leftRunning(count: number): string {
  return count === 0
    ? 'Five seconds after the last client at most, no pod worked on anything: what clients had left was stopped.'
    : `Five seconds after the last client, pods still worked on ${count} requests.`;
}

function errorsOf({ row, errors }: Figures): string[] {
  return Object.entries(errors).map(
    ([name, count]) => `${TIER_NAMES[row.tier]}, ${row.part}: ${count} × ${name} (${ERROR_MEANING[name as ErrorClass]}).`,
  );
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function later(ms: number): string {
  return `${Math.abs(ms).toFixed(1)} ms ${ms < 0 ? 'earlier' : 'later'}`;
}
