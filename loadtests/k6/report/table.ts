import type { Samples } from '../platform/watch.ts';
import { addedMs, percent } from './findings.ts';
import type { Figures, Spread } from './figures.ts';
import { TIER_NAMES } from './names.ts';

/** Cells as text; the first two columns are words, the others figures. */
export interface Table {
  readonly heads: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One line for each row of the plan. Times are milliseconds. */
export function figuresTable(figures: readonly Figures[]): Table {
  const hasBaseline = figures.some((each) => addedMs(figures, each, 'total', 'p50') !== undefined);
  const heads = [
    'through',
    'part',
    'a second',
    'requests',
    'dropped',
    'failed',
    'goodput',
    'TTFT p50 / p95 / p99',
    ...(hasBaseline ? ['added p50'] : []),
    'gap p50 / p99',
    'TPOT p50',
    'whole p50 / p95',
    ...(hasBaseline ? ['added p50'] : []),
    'cached',
  ];
  return { heads, rows: figures.map((each) => cellsOf(each, figures, hasBaseline)) };
}

function cellsOf(each: Figures, all: readonly Figures[], hasBaseline: boolean): string[] {
  const { row, ttft, gap, tpot, total, cachedTokens, promptTokens } = each;
  const added = (what: 'ttft' | 'total'): string[] => {
    if (!hasBaseline) return [];
    const ms = addedMs(all, each, what, 'p50');
    return [ms === undefined ? '–' : ms.toFixed(1)];
  };
  return [
    TIER_NAMES[row.tier],
    row.part,
    String(Math.round(row.rate * 10) / 10),
    String(each.requests),
    String(each.dropped),
    String(each.failed),
    percent(each.goodput),
    times(ttft, 'p50', 'p95', 'p99'),
    ...added('ttft'),
    times(gap, 'p50', 'p99'),
    times(tpot, 'p50'),
    times(total, 'p50', 'p95'),
    ...added('total'),
    promptTokens === 0 ? '–' : percent(cachedTokens / promptTokens),
  ];
}

function times(spread: Spread | undefined, ...at: ('p50' | 'p95' | 'p99')[]): string {
  return spread === undefined ? '–' : at.map((each) => spread[each].toFixed(1)).join(' / ');
}

/** Memory and CPU of the processes that were started for the run, over all of it. */
export function processTable(samples: Samples): Table {
  return {
    heads: ['process', 'MiB first', 'MiB most', 'MiB last', 'CPU s', 'of one core'],
    rows: Object.entries(samples).flatMap(([name, all]) => {
      const [first, last] = [all[0], all.at(-1)];
      if (first === undefined || last === undefined || last.atS <= first.atS) return [];
      const cpuS = last.cpuS - first.cpuS;
      const most = Math.max(...all.map(({ rssMib }) => rssMib));
      const mib = [first.rssMib, most, last.rssMib].map((each) => each.toFixed(0));
      return [[name, ...mib, cpuS.toFixed(1), percent(cpuS / (last.atS - first.atS))]];
    }),
  };
}
