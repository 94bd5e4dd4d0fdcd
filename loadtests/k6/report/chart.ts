import { type EChartsOption, init } from 'echarts';

import type { Samples } from '../platform/watch.ts';
import type { Plan } from '../plan/plan.ts';
import type { Figures, Spread } from './figures.ts';
import { TIER_NAMES } from './names.ts';

export interface Chart {
  /** Of its file, without an ending. */
  readonly name: string;
  readonly svg: string;
}

const WIDTH = 1000;
const HEIGHT = 420;
/** Apart for colour-blind eyes (Okabe and Ito). */
const COLOURS = ['#56b4e9', '#0072b2', '#e69f00', '#009e73', '#cc79a7', '#d55e00', '#666666', '#f0e442'];
const PERCENTILES = ['p50', 'p95', 'p99'] as const;

/** The charts of a report, each an SVG document. */
export function chartsOf({ scenario }: Plan, figures: readonly Figures[], samples: Samples): Chart[] {
  const charts: [string, EChartsOption | undefined][] =
    scenario.axis === 'rate'
      ? [['ramp', rampOption(figures)]]
      : [
          ['first-token', barsOption('Time to first token, ms', figures, (each) => each.ttft)],
          ['gaps', barsOption('Gap between two tokens, ms', figures, (each) => each.gap)],
          ['whole', barsOption('Whole answer, ms', figures, (each) => each.total)],
          ['goodput', shareOption(figures)],
        ];
  return [...charts, ['memory', memoryOption(samples)] as const].flatMap(([name, option]) =>
    option === undefined ? [] : [{ name, svg: draw(option) }],
  );
}

function draw(option: EChartsOption): string {
  const drawn = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  drawn.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    grid: { left: 70, right: 80, top: 90, bottom: 60 },
    ...option,
  });
  const svg = drawn.renderToSVGString();
  drawn.dispose();
  return svg;
}

const heading = (text: string) => ({
  title: { text, left: 'center', top: 8, textStyle: { fontSize: 16 } },
  legend: { top: 40, itemGap: 30 },
});

/** The tier alone where all rows are of one part. */
function labelsOf(figures: readonly Figures[]): string[] {
  const parts = new Set(figures.map(({ row }) => row.part));
  const tiers = new Set(figures.map(({ row }) => row.tier));
  return figures.map(({ row }) => {
    if (parts.size === 1) return TIER_NAMES[row.tier];
    return tiers.size === 1 ? row.part : `${TIER_NAMES[row.tier]},\n${row.part}`;
  });
}

function barsOption(name: string, all: readonly Figures[], of: (each: Figures) => Spread | undefined): EChartsOption | undefined {
  const figures = all.filter((each) => of(each) !== undefined);
  if (figures.length === 0) return undefined;
  return {
    ...heading(name),
    xAxis: { type: 'category', data: labelsOf(figures), axisLabel: { interval: 0 } },
    yAxis: { type: 'value' },
    series: PERCENTILES.map((percentile) => ({
      type: 'bar',
      name: percentile,
      data: figures.map((each) => rounded(of(each)?.[percentile] ?? 0)),
    })),
  };
}

function shareOption(figures: readonly Figures[]): EChartsOption {
  const share = (count: (each: Figures) => number) => figures.map((each) => rounded(count(each) * 100));
  return {
    ...heading('Share of the requests, %'),
    xAxis: { type: 'category', data: labelsOf(figures), axisLabel: { interval: 0 } },
    yAxis: { type: 'value', min: 0, max: 100 },
    series: [
      { type: 'bar', name: 'within the objectives', data: share(({ goodput }) => goodput) },
      {
        type: 'bar',
        name: 'failed',
        itemStyle: { color: '#d55e00' },
        data: share((each) => each.failed / Math.max(1, each.requests + each.dropped)),
      },
    ],
  };
}

function rampOption(figures: readonly Figures[]): EChartsOption {
  const tiers = [...new Set(figures.map(({ row }) => row.tier))];
  const line = (name: string, tier: string, y: (each: Figures) => number | undefined, axis: number, dashed: boolean) => ({
    type: 'line' as const,
    name: tiers.length === 1 ? name : `${name}, ${tier}`,
    yAxisIndex: axis,
    lineStyle: { type: dashed ? ('dashed' as const) : ('solid' as const) },
    data: figures.filter(({ row }) => row.tier === tier).map((each) => [each.row.rate, rounded(y(each) ?? 0)]),
  });
  return {
    ...heading('Rate, time to first token, and share within the objectives'),
    xAxis: { type: 'value', name: 'requests a second', nameLocation: 'middle', nameGap: 30 },
    yAxis: [
      { type: 'value', name: 'ms' },
      { type: 'value', name: '%', min: 0, max: 100 },
    ],
    series: tiers.flatMap((tier) => [
      line('TTFT p50', tier, ({ ttft }) => ttft?.p50, 0, false),
      line('TTFT p95', tier, ({ ttft }) => ttft?.p95, 0, false),
      line('goodput', tier, ({ goodput }) => goodput * 100, 1, true),
    ]),
  };
}

function memoryOption(samples: Samples): EChartsOption | undefined {
  const entries = Object.entries(samples);
  if (entries.length === 0) return undefined;
  return {
    ...heading('Resident memory of the processes, MiB'),
    xAxis: { type: 'value', name: 'seconds', nameLocation: 'middle', nameGap: 30 },
    yAxis: { type: 'value' },
    series: entries.map(([name, all]) => ({
      type: 'line',
      name,
      showSymbol: false,
      data: all.map(({ atS, rssMib }) => [rounded(atS), rounded(rssMib)]),
    })),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
