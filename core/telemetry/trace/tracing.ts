import type { IncomingHttpHeaders } from 'node:http';

import type { SpanExporter } from '@opentelemetry/sdk-trace';

import type { Scope } from './built-span.ts';
import { countsInFront, newTraceId, parseTraceparent } from './context.ts';
import { type ExportCounts, ExportQueue } from './queue.ts';
import type { CallRecord } from './record.ts';
import { RequestTrace } from './request-trace.ts';
import type { TraceSettings } from './settings.ts';
import { type ShownByProcess, shownByProcess } from './shown.ts';
import { spansOf } from './spans.ts';

export interface TracingOptions {
  readonly settings: TraceSettings;
  readonly exporter: SpanExporter;
  readonly scope: Scope;
  /** Whether a trace that begins here is told of. */
  readonly samples: (traceId: string) => boolean;
  readonly report: (failure: Error | undefined) => void;
}

/** The traces of a process. */
export class Tracing {
  readonly settings: TraceSettings;
  readonly #scope: Scope;
  readonly #samples: (traceId: string) => boolean;
  readonly #queue: ExportQueue;
  readonly #shown: ShownByProcess;

  constructor({ settings, exporter, scope, samples, report }: TracingOptions) {
    this.settings = settings;
    this.#scope = scope;
    this.#samples = samples;
    this.#queue = new ExportQueue({ exporter, settings: settings.queue, report });
    this.#shown = shownByProcess(settings);
  }

  /** What became of the spans. */
  get counts(): ExportCounts {
    return this.#queue.counts;
  }

  /** Begins with a request: the trace that it comes with, or a new one. */
  start({ traceparent, tracestate }: IncomingHttpHeaders): RequestTrace {
    const { sampler, llmSpan } = this.settings;
    const parent = parseTraceparent(traceparent);
    const traceId = parent?.traceId ?? newTraceId();
    const counts = llmSpan === 'auto' ? parent === undefined || !countsInFront(tracestate) : llmSpan === 'always';
    return new RequestTrace({
      traceId,
      parentSpanId: parent?.spanId,
      sampled: parent !== undefined && sampler.parentBased ? parent.sampled : this.#samples(traceId),
      counts,
      shown: this.#shown,
    });
  }

  /** Takes a request that is over, and is to be told of. */
  tell(record: CallRecord): void {
    const { requestBody, answer } = record;
    this.#queue.push({
      bytes: 1024 + sizeOf(requestBody) + sizeOf(answer),
      build: () => spansOf(record, this.settings, this.#scope),
    });
  }

  flush(ms: number): Promise<void> {
    return this.#queue.flush(ms);
  }

  close(ms: number): Promise<void> {
    return this.#queue.close(ms);
  }
}

/** Of what waits in memory. */
function sizeOf(body: CallRecord['answer']): number {
  if (body === undefined || body === 'too large') return 0;
  return Buffer.isBuffer(body) ? body.length : body.size;
}
