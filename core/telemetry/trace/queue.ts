import type { ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

import type { QueueSettings } from './settings.ts';

/** Bytes of one export: building and encoding more would be felt by the requests that run meanwhile. */
const MOST_EXPORTED_BYTES = 256 * 1024;
/** Time of building spans after which other work has its turn. */
const SLICE_MS = 4;

const SUCCESS: ExportResultCode.SUCCESS = 0;

/** A request whose spans are not built yet. */
export interface Waiting {
  /** Of the bodies that it refers to. */
  readonly bytes: number;
  build(): readonly ReadableSpan[];
}

export interface ExportQueueOptions {
  readonly exporter: SpanExporter;
  readonly settings: QueueSettings;
  /** Told when exports begin to fail, and when they work again. */
  readonly report: (failure: Error | undefined) => void;
}

/** What became of the spans. */
export interface ExportCounts {
  readonly exported: number;
  /** Given up because the queue was full, an export failed or a span could not be built. */
  readonly dropped: number;
  readonly failedExports: number;
  /** Requests that wait. */
  readonly waiting: number;
}

/**
 * What waits to be exported: bounded in requests and bytes; what comes to a full queue is dropped and counted. One export is under way
 * at a time. Spans are built just before they are exported, in slices.
 */
export class ExportQueue {
  readonly #options: ExportQueueOptions;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #failing = false;
  #closed = false;
  #exported = 0;
  #dropped = 0;
  #failedExports = 0;

  constructor(options: ExportQueueOptions) {
    this.#options = options;
  }

  /** Spans are counted where they are known; a request that was never built counts as one. */
  get counts(): ExportCounts {
    return { exported: this.#exported, dropped: this.#dropped, failedExports: this.#failedExports, waiting: this.#waiting.length };
  }

  push(waiting: Waiting): void {
    const { most, mostBytes, delayMs, batch } = this.#options.settings;
    if (this.#closed || this.#waiting.length >= most || this.#bytes + waiting.bytes > mostBytes) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(waiting);
    this.#bytes += waiting.bytes;
    if (this.#running !== undefined) return;
    if (this.#waiting.length >= batch || this.#bytes >= MOST_EXPORTED_BYTES) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), delayMs).unref();
  }

  /** Exports what waits. @param ms how long that may take; what is left then is dropped */
  async flush(ms: number): Promise<void> {
    if (this.#waiting.length > 0) this.#start();
    let timer;
    const timeUp = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await Promise.race([this.#running, timeUp]);
    clearTimeout(timer);
  }

  /** Exports what waits, and takes no more. */
  async close(ms: number): Promise<void> {
    if (this.#closed) return;
    await this.flush(ms);
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#dropped += this.#waiting.length;
    this.#waiting = [];
    this.#bytes = 0;
    // An exporter that hangs is not waited for.
    let timer;
    const timeUp = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(ms, 1000));
    });
    await Promise.race([this.#options.exporter.shutdown().catch(() => undefined), timeUp]);
    clearTimeout(timer);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#closed) {
      // The requests that run have their turn before a new batch is built.
      await nextTurn();
      const spans = await this.#build();
      if (spans.length > 0) await this.#export(spans);
    }
  }

  async #build(): Promise<ReadableSpan[]> {
    const spans: ReadableSpan[] = [];
    let bytes = 0;
    let taken = 0;
    let sliceEnd = performance.now() + SLICE_MS;
    const { batch } = this.#options.settings;
    while (taken < this.#waiting.length && spans.length < batch && bytes < MOST_EXPORTED_BYTES) {
      const next = this.#waiting[taken++]!;
      bytes += next.bytes;
      try {
        spans.push(...next.build());
      } catch (error) {
        this.#dropped++;
        this.#report(asError(error));
      }
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      sliceEnd = performance.now() + SLICE_MS;
    }
    this.#waiting = this.#waiting.slice(taken);
    this.#bytes -= bytes;
    return spans;
  }

  #export(spans: ReadableSpan[]): Promise<void> {
    return new Promise((resolve) => {
      try {
        this.#options.exporter.export(spans, ({ code, error }) => {
          if (code === SUCCESS) {
            this.#exported += spans.length;
            if (this.#failing) this.#options.report(undefined);
            this.#failing = false;
          } else this.#failed(spans.length, error);
          resolve();
        });
      } catch (error) {
        this.#failed(spans.length, asError(error));
        resolve();
      }
    });
  }

  #failed(spans: number, error: Error | undefined): void {
    this.#dropped += spans;
    this.#failedExports++;
    this.#report(error ?? new Error('the exporter did not say why'));
  }

  #report(error: Error): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#options.report(error);
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
