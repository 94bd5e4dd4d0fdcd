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

  /** Names and help texts, for the page of the documentation. */
  async list(): Promise<{ name: string; type: string; help: string }[]> {
    const metrics = await this.#registry.getMetricsAsJSON();
    return metrics.map(({ name, type, help }) => ({ name, type: String(type), help }));
  }
}

function renderMetric({ name, type, help, values }: MetricObjectWithValues<MetricValue<string>>, format: Format): string {
  if (values.length === 0) return '';
  const kind = String(type) as MetricType;
  // OpenMetrics wants counters to end in _total; a process metric that does not is of no known type there.
  const shown = format === 'openmetrics' && kind === 'counter' && !name.endsWith('_total') ? 'unknown' : kind;
  let text = headOf(name, shown, help, format);
  for (const value of values) {
    const labels = Object.entries(value.labels ?? {});
    const pairs = pairsOf(
      labels.map(([label]) => label),
      labels.map(([, given]) => String(given)),
    );
    text += `${(value as { metricName?: string }).metricName ?? name}${bracesOf(pairs)} ${numberOf(value.value)}\n`;
  }
  return text;
}
