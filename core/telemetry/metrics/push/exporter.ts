import type { ExportResult, ExportResultCode } from '@opentelemetry/core';
import type { PushMetricExporter, ResourceMetrics } from '@opentelemetry/sdk-metrics';

const SUCCESS: ExportResultCode.SUCCESS = 0;
const FAILED: ExportResultCode.FAILED = 1;

export interface WatchedExporterOptions {
  readonly exporter: PushMetricExporter;
  /** For one export. */
  readonly timeoutMs: number;
  /** Told when exports begin to fail, and when they work again. */
  readonly report: (failure: Error | undefined) => void;
}

/** What became of the points. */
export interface PushCounts {
  readonly exported: number;
  readonly dropped: number;
  readonly failedExports: number;
}

/**
 * An exporter whose exports are counted, bounded in time, and one at a time. Of one reading of the metrics, which may be several exports,
 * what follows a failure is not tried: the next reading has newer values anyway.
 */
export class WatchedExporter implements PushMetricExporter {
  readonly #options: WatchedExporterOptions;
  #running = false;
  #failing = false;
  #readingFailed = false;
  #exported = 0;
  #dropped = 0;
  #failedExports = 0;

  constructor(options: WatchedExporterOptions) {
    this.#options = options;
  }

  get counts(): PushCounts {
    return { exported: this.#exported, dropped: this.#dropped, failedExports: this.#failedExports };
  }

  /** A new reading of the metrics is on its way. */
  readonly begin = (): void => {
    this.#readingFailed = false;
  };

  export(metrics: ResourceMetrics, done: (result: ExportResult) => void): void {
    const points = pointsOf(metrics);
    if (this.#readingFailed) {
      this.#dropped += points;
      done(failed('an export of the same reading has failed'));
      return;
    }
    let open = true;
    const end = (result: ExportResult): void => {
      if (!open) return;
      open = false;
      this.#ended(points, result);
      done(result);
    };
    if (this.#running) {
      end(failed('the export before has not ended'));
      return;
    }
    this.#running = true;
    const { exporter, timeoutMs } = this.#options;
    const timer = setTimeout(() => end(failed(`no answer within ${timeoutMs} ms`)), timeoutMs).unref();
    const answered = (result: ExportResult): void => {
      this.#running = false;
      clearTimeout(timer);
      end(result);
    };
    try {
      exporter.export(metrics, answered);
    } catch (error) {
      answered({ code: FAILED, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }

  #ended(points: number, { code, error }: ExportResult): void {
    const { report } = this.#options;
    if (code === SUCCESS) {
      this.#exported += points;
      if (this.#failing) report(undefined);
      this.#failing = false;
      return;
    }
    this.#dropped += points;
    this.#failedExports++;
    this.#readingFailed = true;
    if (!this.#failing) report(error ?? new Error('the exporter did not say why'));
    this.#failing = true;
  }

  forceFlush(): Promise<void> {
    return this.#options.exporter.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#options.exporter.shutdown();
  }
}

function failed(message: string): ExportResult {
  return { code: FAILED, error: new Error(message) };
}

function pointsOf({ scopeMetrics }: ResourceMetrics): number {
  let points = 0;
  for (const { metrics } of scopeMetrics) for (const { dataPoints } of metrics) points += dataPoints.length;
  return points;
}
