import type { IncomingHttpHeaders } from 'node:http';

import { context, ROOT_CONTEXT, trace, TraceFlags } from '@opentelemetry/api';

import type { GatewayError } from '../../errors.ts';
import type { Cost } from '../../money/cost.ts';
import type { StreamReader } from '../../llm/stream.ts';
import type { CoveredRequest } from '../../route/covering.ts';
import { accumulatorOf, type Accumulator } from './accumulate.ts';
import { newSpanId } from './context.ts';
import { without } from './flat-headers.ts';
import type { Propagation } from './propagation.ts';
import type { PassSource } from './record.ts';
import { RecordingReader } from './recording-reader.ts';
import { type Shown, type ShownByProcess, shownTo, type TraceRules } from './shown.ts';

/** What is remembered of one request while it is under way: ids, times, and references to what is there anyway. */
export class RequestTrace {
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined: the trace begins here. */
  readonly parentSpanId: string | undefined;
  /** Decided at the start; what happens to a request can still make it kept. */
  readonly sampled: boolean;
  /** Whether this span is the model call's own: it alone has token counts. */
  readonly counts: boolean;
  /** `performance.now()`. */
  identifiedAt: number | undefined;
  admittedAt: number | undefined;
  /** What was paid, where that is known. */
  cost: Cost | undefined;
  /** Ways through pools of tier two, in their order. */
  readonly passes: PassSource[] = [];
  /** The error that we answered ourselves. */
  error: GatewayError | undefined;
  /** Body of the request. */
  body: Buffer | undefined;
  /** Body of the answer. */
  answer: Buffer | undefined;
  stream: Accumulator | undefined;
  ended = false;
  readonly #attempts: string[] = [];
  readonly #byProcess: ShownByProcess;
  readonly propagation: Propagation;
  #shown: Shown;

  constructor(parts: {
    readonly traceId: string;
    readonly parentSpanId: string | undefined;
    readonly sampled: boolean;
    readonly counts: boolean;
    readonly shown: ShownByProcess;
    readonly propagation: Propagation;
  }) {
    this.traceId = parts.traceId;
    this.spanId = newSpanId();
    this.parentSpanId = parts.parentSpanId;
    this.sampled = parts.sampled;
    this.counts = parts.counts;
    this.#byProcess = parts.shown;
    this.propagation = parts.propagation;
    this.#shown = parts.shown;
  }

  /** What is told of what is said. */
  get shown(): Shown {
    return this.#shown;
  }

  /** Lets the TracePolicies decide, before anything is sent. */
  cover(request: CoveredRequest, rules: TraceRules): void {
    if (this.counts) this.#shown = this.shownTo(request, rules);
  }

  /** What the TracePolicies let be told of what is said. */
  shownTo(request: CoveredRequest, rules: TraceRules): Shown {
    return shownTo(request, rules, this.#byProcess, this.traceId);
  }

  /** Id of the span of an attempt. @param attempt counted from 1 */
  attempt(attempt: number): string {
    return (this.#attempts[attempt - 1] ??= newSpanId());
  }

  /** Puts the context of an attempt on the request to its backend, in the place of what the client sent. */
  inject(headers: string[], attempt: number, client: IncomingHttpHeaders): void {
    this.propagation.inject(headers, this, this.attempt(attempt), client);
    if (client['baggage'] !== undefined && !this.propagation.baggage) without(headers, 'baggage');
  }

  /** Runs code of an extension as a part of this request: spans that it begins are below the request's. */
  within<T>(run: () => T): T {
    const { traceId, spanId, sampled } = this;
    const traceFlags = sampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
    return context.with(trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags }), run);
  }

  /** A reader that remembers what the stream says; the reader itself where nobody will look at it. */
  reading(reader: StreamReader, operation: string): StreamReader {
    const accumulator = this.remembering(operation);
    return accumulator === undefined ? reader : new RecordingReader(reader, accumulator);
  }

  /** What remembers a stream; undefined where nobody will look at it. */
  remembering(operation: string): Accumulator | undefined {
    this.answer = undefined;
    this.stream = this.sampled && this.counts ? accumulatorOf(operation, this.#shown.outputs) : undefined;
    return this.stream;
  }
}
