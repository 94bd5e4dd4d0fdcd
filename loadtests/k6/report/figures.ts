import { COUNTERS, ERROR_CLASSES, type ErrorClass, ERRORS, LEFT_RUNNING, RATES, tagged, TRENDS } from '../plan/metrics.ts';
import type { Row } from '../plan/part.ts';
import type { Plan } from '../plan/plan.ts';

/** Milliseconds. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly count: number;
}

/** What came of a row of the plan. */
export interface Figures {
  readonly row: Row;
  /** Requests that were sent; the `dropped` ones were due, and no virtual user was free. */
  readonly requests: number;
  readonly dropped: number;
  readonly failed: number;
  readonly refused: number;
  /** Share of all that were due: complete and within the objectives. */
  readonly goodput: number;
  readonly ttft: Spread | undefined;
  readonly gap: Spread | undefined;
  readonly tpot: Spread | undefined;
  readonly total: Spread | undefined;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly outputTokens: number;
  readonly errors: Readonly<Partial<Record<ErrorClass, number>>>;
}

export interface Results {
  readonly figures: readonly Figures[];
  /** Thresholds that were crossed, as `metric: expression`. */
  readonly crossed: readonly string[];
  /** Requests that pods still worked on when the clients had gone. */
  readonly leftRunning: number | undefined;
}

/** k6's summary is none, or of another run. */
export class InvalidSummary extends Error {
  override readonly name = 'InvalidSummary';
}

type Metric = Readonly<Record<string, unknown>>;

/**
 * Reads what `k6 run --summary-export` has written.
 * @throws InvalidSummary when it has no figures of the plan's rows
 */
export function readResults(summary: unknown, plan: Plan): Results {
  const metrics = isObject(summary) ? summary['metrics'] : undefined;
  if (!isObject(metrics)) throw new InvalidSummary('the summary has no metrics: it is not what k6 writes with --summary-export');
  const find = (name: string): Metric | undefined => {
    const found = metrics[name];
    return isObject(found) ? found : undefined;
  };
  const crossed = Object.entries(metrics).flatMap(([name, metric]) => {
    const thresholds = isObject(metric) && isObject(metric['thresholds']) ? metric['thresholds'] : {};
    // In this file true says that a threshold was crossed.
    return Object.entries(thresholds).flatMap(([expression, isCrossed]) => (isCrossed === true ? [`${name}: ${expression}`] : []));
  });
  const running = find(LEFT_RUNNING)?.['value'];
  return {
    figures: plan.rows.map((row) => figuresOf(row, find)),
    crossed,
    leftRunning: typeof running === 'number' ? running : undefined,
  };
}

function figuresOf(row: Row, find: (name: string) => Metric | undefined): Figures {
  const tags = { tier: row.tier, part: row.part };
  const of = (metric: string) => find(tagged(metric, tags));
  const failed = of(RATES.failed);
  if (failed === undefined) throw new InvalidSummary(`the summary has no ${tagged(RATES.failed, tags)}: it is of another run`);
  const requests = number(failed, 'passes') + number(failed, 'fails');
  const dropped = row.scenarios.reduce((sum, scenario) => sum + number(find(tagged('dropped_iterations', { scenario })), 'count'), 0);
  const due = requests + dropped;
  const errors = ERROR_CLASSES.map((name) => [name, number(find(tagged(ERRORS, { ...tags, class: name })), 'count')] as const);
  return {
    row,
    requests,
    dropped,
    failed: number(failed, 'passes'),
    refused: number(of(RATES.refused), 'passes'),
    goodput: due === 0 ? 0 : number(of(RATES.good), 'passes') / due,
    ttft: spreadOf(of(TRENDS.ttft)),
    gap: spreadOf(of(TRENDS.gap)),
    tpot: spreadOf(of(TRENDS.tpot)),
    total: spreadOf(of(TRENDS.total)),
    promptTokens: number(of(COUNTERS.prompt), 'count'),
    cachedTokens: number(of(COUNTERS.cached), 'count'),
    outputTokens: number(of(COUNTERS.output), 'count'),
    errors: Object.fromEntries(errors.filter(([, count]) => count > 0)),
  };
}

function spreadOf(metric: Metric | undefined): Spread | undefined {
  const count = number(metric, 'count');
  if (metric === undefined || count === 0) return undefined;
  return { p50: number(metric, 'med'), p95: number(metric, 'p(95)'), p99: number(metric, 'p(99)'), count };
}

function number(metric: Metric | undefined, key: string): number {
  const value = metric?.[key];
  return typeof value === 'number' ? value : 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
