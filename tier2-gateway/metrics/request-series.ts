import type { Usage } from '#core/llm/usage';
import type { Families, Metrics } from '#core/telemetry/metrics';
import type { ErrorType } from '#core/telemetry/metrics/error-type';
import type { Counter, Histogram } from '#core/telemetry/metrics/instruments';

/** A request to a pool that has ended; times in ms. */
export interface PoolRequest {
  /** As the client names it. */
  readonly model: string;
  /** As the pool's servers know it. */
  readonly target: string;
  readonly tenant: string;
  readonly priority: number;
  readonly streaming: boolean;
  readonly durationMs: number;
  /** Undefined where no first token was seen. */
  readonly firstTokenMs: number | undefined;
  readonly usage: Usage | undefined;
  readonly errorType: ErrorType | undefined;
}

type ModelLabels = readonly [model: string, target: string, fairness: string, priority: string];

interface ModelSeries {
  readonly requests: Counter;
  readonly duration: Histogram;
  readonly perToken: Histogram;
  readonly input: Histogram;
  readonly output: Histogram;
  readonly cached: Histogram;
}

const MOST = 1000;

/** llm-d's metrics of requests, by model, tenant and priority. */
export class PoolRequestMetrics {
  readonly #metrics: Metrics;
  readonly #families: Families;
  readonly #series = new Map<string, ModelSeries>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
    this.#families = metrics.families;
    metrics.onForget(() => this.#series.clear());
  }

  record({ model, target, tenant, priority, streaming, durationMs, firstTokenMs, usage, errorType }: PoolRequest): void {
    const { models, clients } = this.#metrics;
    const now = performance.now();
    const takes = errorType === undefined;
    const labels: ModelLabels = [models.of(model, now, takes), models.of(target, now, takes), clients.of(tenant, now), String(priority)];
    const series = this.#of(labels);
    series.requests.inc();
    series.duration.observe(durationMs / 1000);
    if (errorType !== undefined) this.#families.eppErrors.with(...labels, errorType).inc();
    if (firstTokenMs !== undefined) this.#families.eppFirstToken.with(...labels, String(streaming)).observe(firstTokenMs / 1000);
    if (usage === undefined) return;
    const { input, output, cachedInput } = usage;
    if (input !== undefined) series.input.observe(input);
    if (cachedInput !== undefined) series.cached.observe(cachedInput);
    if (output === undefined) return;
    series.output.observe(output);
    if (streaming && firstTokenMs !== undefined && output > 1 && takes)
      series.perToken.observe((durationMs - firstTokenMs) / (output - 1) / 1000);
  }

  #of(labels: ModelLabels): ModelSeries {
    const key = labels.join('\n');
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const { eppRequests, eppDuration, eppPerToken, eppInput, eppOutput, eppCached } = this.#families;
    const series = {
      requests: eppRequests.with(...labels),
      duration: eppDuration.with(...labels),
      perToken: eppPerToken.with(...labels),
      input: eppInput.with(...labels),
      output: eppOutput.with(...labels),
      cached: eppCached.with(...labels),
    };
    if (this.#series.size >= MOST) this.#series.clear();
    this.#series.set(key, series);
    return series;
  }
}
