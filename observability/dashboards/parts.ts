import { allAlerts } from '../alerts/all.ts';
import type { Panel, Query, Step, Unit } from './dashboard.ts';

const RATE = '$__rate_interval';

/** Series of a metric in the chosen namespaces. @param matchers as within braces, or empty */
export function of(metric: string, matchers = ''): string {
  return `${metric}{namespace=~"$namespace"${matchers === '' ? '' : `, ${matchers}`}}`;
}

/** Multiply by this, and there is the tier: whatever the jobs are called. */
export const WITH_TIER = '* on (job, instance) group_left (tier) tierkit_build_info';

function sum(by: readonly string[], what: string): string {
  return by.length === 0 ? `sum(${what})` : `sum by (${by.join(', ')}) (${what})`;
}

/** Sum of a counter's rate. */
export function rate(metric: string, by: readonly string[] = [], matchers = ''): string {
  const each = `rate(${of(metric, matchers)}[${RATE}])`;
  return sum(by, by.includes('tier') ? `${each} ${WITH_TIER}` : each);
}

/** Sum of what a counter grew by. @param over a duration of Prometheus */
export function growth(metric: string, over: string, by: readonly string[] = [], matchers = ''): string {
  return sum(by, `increase(${of(metric, matchers)}[${over}])`);
}

/** Quantile of a histogram; nothing where nothing was observed, as the comparison takes the NaN away. */
export function quantile(q: number, metric: string, by: readonly string[] = [], matchers = ''): string {
  return `histogram_quantile(${q}, ${rate(`${metric}_bucket`, [...by, 'le'], matchers)}) >= 0`;
}

/** p50, p95 and p99 as three lines. */
export function percentiles(metric: string, matchers = ''): Query[] {
  return [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, metric, [], matchers), legend: `p${q * 100}` }));
}

/** Mean of a histogram. */
export function mean(metric: string, by: readonly string[] = [], matchers = ''): string {
  return `${rate(`${metric}_sum`, by, matchers)} / (${rate(`${metric}_count`, by, matchers)} > 0)`;
}

/** Share of some of a counter's series in those that {@link within} has; 0 where there is none of the first. */
export function shareOf(metric: string, matchers: string, by: readonly string[] = [], within = ''): string {
  const all = rate(metric, by, within);
  return `(${rate(metric, by, within === '' ? matchers : `${within}, ${matchers}`)} or ${all} * 0) / (${all} > 0)`;
}

/** How many lines of a label a panel shows whose values clients make. */
export const SHOWN = 15;

/** The largest ones. */
export function top(expr: string, count = SHOWN): string {
  return `topk(${count}, ${expr})`;
}

/** Red from where an alert fires. @throws where there is no such alert, or it has no condition */
export function alertStep(name: string, color: Step['color'] = 'red'): Step {
  const condition = allAlerts().find((alert) => alert.name === name)?.conditions[0];
  if (condition === undefined) throw new Error(`no alert ${name} with a condition`);
  return { at: condition.than, color };
}

interface Texts {
  readonly title: string;
  readonly description: string;
}

type More = Partial<Pick<Panel, 'width' | 'stacked' | 'steps' | 'base' | 'alerts' | 'words'>>;

function panel(kind: Panel['kind'], { title, description }: Texts, unit: Unit, queries: Panel['queries'], more: More = {}): Panel {
  return { title, description, kind, unit, queries, ...more };
}

export function lines(texts: Texts, unit: Unit, queries: Panel['queries'], more?: More): Panel {
  return panel('timeseries', texts, unit, queries, more);
}

export function area(texts: Texts, unit: Unit, query: Query, more?: More): Panel {
  return panel('timeseries', texts, unit, [query], { ...more, stacked: true });
}

export function stat(texts: Texts, unit: Unit, query: Query, more?: More): Panel {
  return panel('stat', texts, unit, [query], more);
}

export function table(texts: Texts, unit: Unit, query: Query, more?: More): Panel {
  return panel('table', texts, unit, [query], more);
}

export function bars(texts: Texts, unit: Unit, query: Query, more?: More): Panel {
  return panel('bargauge', texts, unit, [query], more);
}

export function heatmap(texts: Texts, metric: string, matchers = ''): Panel {
  return panel('heatmap', texts, 's', [{ expr: rate(`${metric}_bucket`, ['le'], matchers), legend: '{{le}}' }]);
}
