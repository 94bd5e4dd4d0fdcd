import { type IMetricReader, PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics';

import type { Metrics } from '../../metrics.ts';
import { type PushCounts, WatchedExporter } from './exporter.ts';
import { TableProducer } from './producer.ts';
import type { PushSettings } from './settings.ts';

export interface MetricsPushOptions {
  readonly settings: PushSettings;
  readonly exporter: PushMetricExporter;
  readonly version: string;
  readonly report: (failure: Error | undefined) => void;
}

/** Points in one export: encoding more would be felt by the requests that run meanwhile. */
const MOST_POINTS = 500;
/** Scope of our own metrics. */
const SCOPE = 'tierkit';

/** Sends the metrics of a process at an interval. */
export class MetricsPush {
  readonly settings: PushSettings;
  /** For the SDK, which gives it the metrics of extensions as well. */
  readonly reader: IMetricReader;
  readonly #exporter: WatchedExporter;
  readonly #producer: TableProducer;

  constructor({ settings, exporter, version, report }: MetricsPushOptions) {
    const { timeoutMs, intervalMs } = settings;
    this.settings = settings;
    this.#exporter = new WatchedExporter({ exporter, timeoutMs, report });
    this.#producer = new TableProducer({ name: SCOPE, version }, this.#exporter.begin);
    this.reader = new PeriodicExportingMetricReader({
      exporter: this.#exporter,
      exportIntervalMillis: intervalMs,
      exportTimeoutMillis: timeoutMs,
      metricProducers: [this.#producer],
      maxExportBatchSize: MOST_POINTS,
    });
  }

  /** What became of the points of metrics. */
  get counts(): PushCounts {
    return this.#exporter.counts;
  }

  /** From now on these are sent. */
  begin(metrics: Metrics): void {
    const { telemetryDropped, telemetryExported, telemetryFailed } = metrics.families;
    metrics.onCollect(() => {
      const { exported, dropped, failedExports } = this.#exporter.counts;
      telemetryExported.with('metrics').value = exported;
      telemetryDropped.with('metrics').value = dropped;
      telemetryFailed.with('metrics').value = failedExports;
    });
    this.#producer.use(metrics);
  }

  /** Sends what there is now. @param ms how long that may take */
  async flush(ms: number): Promise<void> {
    await this.reader.forceFlush({ timeoutMillis: ms }).catch(() => undefined);
  }

  /** Sends a last time. @param ms how long that may take: an exporter that hangs is not waited for */
  async close(ms: number): Promise<void> {
    let timer;
    const timeUp = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.reader.shutdown().catch(() => undefined), timeUp]);
    clearTimeout(timer);
  }
}
