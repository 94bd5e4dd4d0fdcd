import { type HrTime, type Link, type SpanContext, type SpanKind, type SpanStatus, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';

import type { Attributes } from './attributes.ts';

/** What all spans of a process have in common. */
export type Scope = Pick<ReadableSpan, 'resource' | 'instrumentationScope'>;

export interface SpanParts {
  readonly name: string;
  readonly kind: SpanKind;
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined: the trace begins with it. */
  readonly parentSpanId: string | undefined;
  /** Whether the parent is another process's. */
  readonly remoteParent: boolean;
  /** Unix milliseconds, with a fraction. */
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly events?: readonly EventParts[];
  /** A span of another trace that had a part in it. */
  readonly link?: LinkParts | undefined;
  /** Undefined: it went well, or nobody can say. */
  readonly error?: string | undefined;
  /** Whether it is said that it went well; else it is left open, as OpenTelemetry asks of instrumentations. */
  readonly ok?: boolean;
}

export interface LinkParts {
  readonly traceId: string;
  readonly spanId: string;
}

export interface EventParts {
  readonly name: string;
  readonly atMs: number;
  readonly attributes: Attributes;
}

const NO_LINKS: Link[] = [];
const UNSET: SpanStatus = { code: SpanStatusCode.UNSET };
const OK: SpanStatus = { code: SpanStatusCode.OK };

/** A span that is over, built in one go, as the exporters of the SDK take it. */
export class BuiltSpan implements ReadableSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly parentSpanContext?: SpanContext;
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly duration: HrTime;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly links: Link[];
  readonly events: TimedEvent[];
  readonly ended = true;
  readonly resource: ReadableSpan['resource'];
  readonly instrumentationScope: ReadableSpan['instrumentationScope'];
  readonly droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  readonly droppedLinksCount = 0;
  readonly #context: SpanContext;

  constructor(parts: SpanParts, { resource, instrumentationScope }: Scope) {
    const { traceId, spanId, parentSpanId, remoteParent, startMs, events = [], error } = parts;
    const endMs = Math.max(startMs, parts.endMs);
    this.name = parts.name;
    this.kind = parts.kind;
    // What is told is sampled, also where that was decided at the end.
    this.#context = { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
    if (parentSpanId !== undefined)
      this.parentSpanContext = { traceId, spanId: parentSpanId, traceFlags: TraceFlags.SAMPLED, isRemote: remoteParent };
    this.links = parts.link === undefined ? NO_LINKS : [{ context: { ...parts.link, traceFlags: TraceFlags.NONE, isRemote: true } }];
    this.startTime = hrTime(startMs);
    this.endTime = hrTime(endMs);
    this.duration = hrTime(endMs - startMs);
    this.status = error === undefined ? (parts.ok === true ? OK : UNSET) : { code: SpanStatusCode.ERROR, message: error };
    this.attributes = parts.attributes;
    this.events = events.map(({ name, atMs, attributes }) => ({ name, time: hrTime(atMs), attributes, droppedAttributesCount: 0 }));
    this.resource = resource;
    this.instrumentationScope = instrumentationScope;
  }

  spanContext = (): SpanContext => this.#context;
}

/** Seconds and nanoseconds. */
function hrTime(ms: number): HrTime {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.min(999_999_999, Math.round((ms - seconds * 1000) * 1e6))];
}
