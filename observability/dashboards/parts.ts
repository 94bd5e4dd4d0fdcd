import type { Panel, Query, Unit } from './dashboard.ts';

const RATE = '$__rate_interval';

/** Sum of a counter's rate. @param matchers within braces, or empty */
export function rate(metric: string, by: readonly string[] = [], matchers = ''): string {
  return `sum${by.length === 0 ? '' : ` by (${by.join(', ')})`} (rate(${metric}${matchers === '' ? '' : `{${matchers}}`}[${RATE}]))`;
}

/** Quantile of a histogram. */
export function quantile(q: number, metric: string, by: readonly string[] = [], matchers = ''): string {
  return `histogram_quantile(${q}, ${rate(`${metric}_bucket`, [...by, 'le'], matchers)})`;
}

/** p50, p95 and p99 as three lines. */
export function percentiles(metric: string, matchers = ''): Query[] {
  return [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, metric, [], matchers), legend: `p${q * 100}` }));
}

/** Mean of a histogram. */
export function mean(metric: string, by: readonly string[] = []): string {
  return `${rate(`${metric}_sum`, by)} / (${rate(`${metric}_count`, by)} > 0)`;
}

/** Share of a counter's series in all of them; 0 where there is no such series. */
export function shareOf(metric: string, matchers: string, by: readonly string[] = []): string {
  return `(${rate(metric, by, matchers)} or ${rate(metric, by)} * 0) / (${rate(metric, by)} > 0)`;
}

export function lines(title: string, unit: Unit, queries: Panel['queries'] | string, legend?: string): Panel {
  return {
    title,
    kind: 'timeseries',
    unit,
    queries: typeof queries === 'string' ? [{ expr: queries, ...(legend === undefined ? {} : { legend }) }] : queries,
  };
}

export function area(title: string, unit: Unit, expr: string, legend: string): Panel {
  return { ...lines(title, unit, expr, legend), stacked: true };
}

export function stat(title: string, unit: Unit, expr: string): Panel {
  return { title, kind: 'stat', unit, queries: [{ expr }] };
}

export function table(title: string, unit: Unit, expr: string): Panel {
  return { title, kind: 'table', unit, queries: [{ expr }] };
}

export function bars(title: string, unit: Unit, expr: string, legend: string): Panel {
  return { title, kind: 'bargauge', unit, queries: [{ expr, legend }] };
}

export function heatmap(title: string, metric: string): Panel {
  return { title, kind: 'heatmap', unit: 's', queries: [{ expr: rate(`${metric}_bucket`, ['le']), legend: '{{le}}' }] };
}
