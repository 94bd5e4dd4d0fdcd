import type { Figure, RowResult, Run } from './row.ts';
import { median } from './statistics.ts';

/** A mock with less than this many times the gateway's rate may have held it back. */
const ENOUGH_HEADROOM = 3;
/** Share of the gateway's core that others may use before a row says so. */
const NOISE = 0.05;

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median, least and most of a figure over the runs; undefined: no run has it. */
export function spread(runs: readonly Run[], key: string): Spread | undefined {
  const values = runs.map((run) => run[key]).filter((value): value is number => value !== undefined && !Number.isNaN(value));
  const middle = median(values);
  return middle === undefined ? undefined : { median: middle, min: Math.min(...values), max: Math.max(...values) };
}

const HEADINGS = ['Work', 'connections', 'rps (min–max)', 'p50 / p99 ms', 'CPU µs a request', 'RSS MiB', 'mock headroom', 'more', 'bar'];

/** The one table, in Markdown. */
export function table(results: readonly RowResult[]): string {
  const lines = results.map((result) => `| ${cells(result, results).join(' | ')} |`);
  return [`| ${HEADINGS.join(' | ')} |`, `|---|--:|--:|--:|--:|--:|--:|---|---|`, ...lines].join('\n');
}

function cells({ row, runs, failed }: RowResult, all: readonly RowResult[]): string[] {
  const connections = row.connections === undefined ? '–' : number(row.connections, 0);
  if (failed !== undefined) return [row.work, connections, '–', '–', '–', '–', '–', `**failed:** ${oneLine(failed)}`, row.bar];
  return [
    row.work,
    connections,
    withRange(spread(runs, 'rps'), 0),
    pair(spread(runs, 'p50Ms'), spread(runs, 'p99Ms')),
    withRange(spread(runs, 'cpuUs'), 0),
    withRange(spread(runs, 'rssMib'), 0),
    headroom(spread(runs, 'headroom')),
    more(row.figures, runs, ratio(row.name, all)),
    row.bar,
  ];
}

function headroom(value: Spread | undefined): string {
  if (value === undefined) return '–';
  const text = `${number(value.min, 1)}×`;
  return value.min >= ENOUGH_HEADROOM ? text : `${text} **mock-bound**`;
}

function more(figures: readonly Figure[], runs: readonly Run[], ratioText: string | undefined): string {
  const texts: string[] = [];
  for (const { key, text, digits } of figures) {
    const value = spread(runs, key);
    if (value === undefined) continue;
    // What must be zero counts in its worst run.
    const shown = key === 'lost' || key === 'truncated' ? value.max : value.median;
    texts.push(text.replace('#', number(shown, digits)));
  }
  if (ratioText !== undefined) texts.push(ratioText);
  const others = spread(runs, 'othersShare');
  if (others !== undefined && others.max > NOISE) texts.push(`others used ${number(others.max * 100, 0)} % of the core`);
  const errors = spread(runs, 'errors');
  if (errors !== undefined && errors.max > 0) texts.push(`**${number(errors.max, 0)} errors**`);
  return texts.join(', ') || '–';
}

/** CPU of a chat row against the bare proxy with as many connections in the same run: machines differ, ratios less. */
function ratio(name: string, all: readonly RowResult[]): string | undefined {
  const connections = /^chat-(?:\w+-)?(\d+)$/.exec(name)?.[1];
  if (connections === undefined) return undefined;
  const cpu = (wanted: string) => {
    const found = all.find(({ row }) => row.name === wanted);
    return found === undefined ? undefined : spread(found.runs, 'cpuUs')?.median;
  };
  const [own, bare] = [cpu(name), cpu(`proxy-${connections}`)];
  return own === undefined || bare === undefined ? undefined : `${number(own / bare, 2)}× the bare proxy’s CPU`;
}

function withRange(value: Spread | undefined, digits: number): string {
  if (value === undefined) return '–';
  const [middle, min, max] = [value.median, value.min, value.max].map((each) => number(each, digits));
  return min === max ? `${middle}` : `${middle} (${min}–${max})`;
}

function pair(p50: Spread | undefined, p99: Spread | undefined): string {
  return p50 === undefined || p99 === undefined ? '–' : `${number(p50.median, 2)} / ${number(p99.median, 2)}`;
}

function number(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function oneLine(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, 300);
}
