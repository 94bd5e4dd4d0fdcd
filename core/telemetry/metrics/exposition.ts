import type { MetricType } from './definition.ts';
import type { Child, Family } from './family.ts';
import { Counter, type Exemplar, Histogram } from './instruments.ts';

export type Format = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** What a scraper asks for: OpenMetrics where it says so, as Prometheus does; it alone has exemplars. */
export function formatOf(accept: string | undefined): Format {
  return accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'text';
}

/** Lines of one series that never change: names with labels, up to the value. */
type Heads = readonly string[];

/** Series are few and scrapes many: what is the same in each is written once. */
const HEADS: Readonly<Record<Format, WeakMap<Child, Heads>>> = { text: new WeakMap(), openmetrics: new WeakMap() };

/** Every series of a family, or nothing where there are none. */
export function renderFamily(family: Family, format: Format): string {
  if (family.size === 0) return '';
  const { name, type, help } = family.definition;
  let text = headOf(name, type, help, format);
  for (const child of family.series())
    text += child instanceof Histogram ? histogram(name, child, family, format) : single(name, child, family, format);
  return text;
}

/** HELP and TYPE of a metric. OpenMetrics names a counter without its `_total`. */
export function headOf(name: string, type: MetricType | 'unknown', help: string, format: Format): string {
  const shown = format === 'openmetrics' && type === 'counter' ? name.replace(/_total$/, '') : name;
  const kind = type === 'unknown' && format === 'text' ? 'untyped' : type;
  return `# HELP ${shown} ${escapeHelp(help)}\n# TYPE ${shown} ${kind}\n`;
}

function single(name: string, child: Child, family: Family, format: Format): string {
  let known = HEADS[format].get(child);
  if (known === undefined) {
    known = [`${name}${bracesOf(pairsOf(family.definition.labels, child.labels))} `];
    HEADS[format].set(child, known);
  }
  const { value } = child as Counter;
  const exemplar = format === 'openmetrics' && child instanceof Counter ? exemplarOf(child.exemplar) : '';
  return `${known[0]}${numberOf(value)}${exemplar}\n`;
}

function histogram(name: string, child: Histogram, family: Family, format: Format): string {
  let known = HEADS[format].get(child);
  if (known === undefined) {
    const pairs = pairsOf(family.definition.labels, child.labels);
    const lead = pairs === '' ? '' : `${pairs},`;
    const bounds = [...child.bounds.map((bound) => (format === 'text' ? String(bound) : floatOf(bound))), '+Inf'];
    known = [
      ...bounds.map((bound) => `${name}_bucket{${lead}le="${bound}"} `),
      `${name}_sum${bracesOf(pairs)} `,
      `${name}_count${bracesOf(pairs)} `,
    ];
    HEADS[format].set(child, known);
  }
  let text = '';
  let sum = 0;
  const { counts, exemplars } = child;
  const buckets = counts.length;
  for (let at = 0; at < buckets; at++) {
    sum += counts[at]!;
    text +=
      format === 'openmetrics' && exemplars[at] !== undefined ? `${known[at]}${sum}${exemplarOf(exemplars[at])}\n` : `${known[at]}${sum}\n`;
  }
  return `${text}${known[buckets]}${numberOf(child.sum)}\n${known[buckets + 1]}${sum}\n`;
}

/** OpenMetrics 1.0 wants bounds as floats; Prometheus 3 makes both forms the same. */
function floatOf(bound: number): string {
  return Number.isInteger(bound) ? `${bound}.0` : String(bound);
}

function exemplarOf(exemplar: Exemplar | undefined): string {
  if (exemplar === undefined) return '';
  return ` # {trace_id="${escapeValue(exemplar.traceId)}"} ${numberOf(exemplar.value)} ${(exemplar.at / 1000).toFixed(3)}`;
}

/** `a="x",b="y"`, without empty values. */
export function pairsOf(names: readonly string[], values: readonly string[]): string {
  let text = '';
  for (let at = 0; at < names.length; at++) {
    const value = values[at]!;
    if (value !== '') text += `${text === '' ? '' : ','}${names[at]}="${escapeValue(value)}"`;
  }
  return text;
}

export function bracesOf(pairs: string): string {
  return pairs === '' ? '' : `{${pairs}}`;
}

export function numberOf(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value);
}

function escapeValue(value: string): string {
  return /[\\"\n]/.test(value) ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n') : value;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
