import type { IncomingHttpHeaders } from 'node:http';

import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';

import type { Scope } from './built-span.ts';
import { countsInFront, newTraceId } from './context.ts';
import { type Propagation, propagationOf } from './propagation.ts';
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
  readonly #propagation: Propagation;

  constructor({ settings, exporter, scope, samples, report }: TracingOptions) {
    this.settings = settings;
    this.#scope = scope;
    this.#samples = samples;
    this.#queue = new ExportQueue({ exporter, settings: settings.queue, report });
    this.#shown = shownByProcess(settings);
    this.#propagation = propagationOf(settings.propagators);
  }

  /** What became of the spans. */
  get counts(): ExportCounts {
    return this.#queue.counts;
  }

  /** Begins with a request: the trace that it comes with, or a new one. */
  start(headers: IncomingHttpHeaders): RequestTrace {
    const { sampler, llmSpan } = this.settings;
    const parent = this.#propagation.extract(headers);
    const traceId = parent?.traceId ?? newTraceId();
    const counts = llmSpan === 'auto' ? parent?.spanId === undefined || !countsInFront(headers.tracestate) : llmSpan === 'always';
    const decided = sampler.parentBased ? parent?.sampled : undefined;
    return new RequestTrace({
      traceId,
      parentSpanId: parent?.spanId,
      sampled: decided ?? this.#samples(traceId),
      counts,
      shown: this.#shown,
      propagation: this.#propagation,
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

  /** Takes a request that is no call of a model. @param bytes that wait with it @param build its spans, when it is their turn */
  tellOther(bytes: number, build: (scope: Scope) => readonly ReadableSpan[]): void {
    this.#queue.push({ bytes: 1024 + bytes, build: () => build(this.#scope) });
  }

  /** Takes a span of an extension or a library that has ended. */
  take(span: ReadableSpan): void {
    this.#queue.push({ bytes: 1024 + textOf(span), build: () => [span] });
  }

  flush(ms: number): Promise<void> {
    return this.#queue.flush(ms);
  }

  close(ms: number): Promise<void> {
    return this.#queue.close(ms);
  }
}

/** Characters of a span's attributes and events: of others it is known how large they may be. */
function textOf({ attributes, events }: ReadableSpan): number {
  let length = 0;
  for (const each of [attributes, ...events.map((event) => event.attributes ?? {})])
    for (const name in each) length += name.length + String(each[name]).length;
  return length;
}

/** Of what waits in memory. */
function sizeOf(body: CallRecord['answer']): number {
  if (body === undefined || body === 'too large') return 0;
  return Buffer.isBuffer(body) ? body.length : body.size;
}
