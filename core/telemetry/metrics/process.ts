import { collectDefaultMetrics, type MetricObjectWithValues, type MetricValue, Registry } from 'prom-client';

import type { MetricType } from './definition.ts';
import { bracesOf, type Format, headOf, numberOf, pairsOf } from './exposition.ts';

/** CPU, memory, event loop, garbage collection: prom-client's own metrics, in the words of our pages. */
export class ProcessMetrics {
  readonly #registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  async render(format: Format): Promise<string> {
    const metrics = await this.#registry.getMetricsAsJSON();
    return metrics.map((metric) => renderMetric(metric, format)).join('');
  }

  /** Every value, with the name of its line and its labels. */
  async values(): Promise<ProcessMetric[]> {
    const metrics = await this.#registry.getMetricsAsJSON();
    return metrics.map(({ name, type, help, values }) => ({
      name,
      type: String(type) as MetricType,
      help,
      values: values.map((value) => ({ name: nameOf(value) ?? name, labels: labelsOf(value), value: value.value })),
    }));
  }

  /** Names and help texts, for the page of the documentation. */
  async list(): Promise<{ name: string; type: string; help: string }[]> {
    const metrics = await this.#registry.getMetricsAsJSON();
    return metrics.map(({ name, type, help }) => ({ name, type: String(type), help }));
  }
}

interface ProcessMetric {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly values: readonly { readonly name: string; readonly labels: Record<string, string>; readonly value: number }[];
}

/** Lines of a histogram have names of their own. */
function nameOf(value: MetricValue<string>): string | undefined {
  return (value as { metricName?: string }).metricName;
}

function labelsOf({ labels }: MetricValue<string>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels ?? {}).map(([label, given]) => [label, String(given)]));
}

function renderMetric({ name, type, help, values }: MetricObjectWithValues<MetricValue<string>>, format: Format): string {
  if (values.length === 0) return '';
  const kind = String(type) as MetricType;
  // OpenMetrics wants counters to end in _total; a process metric that does not is of no known type there.
  const shown = format === 'openmetrics' && kind === 'counter' && !name.endsWith('_total') ? 'unknown' : kind;
  let text = headOf(name, shown, help, format);
  for (const value of values) {
    const labels = labelsOf(value);
    const pairs = pairsOf(Object.keys(labels), Object.values(labels));
    text += `${nameOf(value) ?? name}${bracesOf(pairs)} ${numberOf(value.value)}\n`;
  }
  return text;
}
