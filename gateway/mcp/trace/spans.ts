import { SpanKind } from '@opentelemetry/api';

import { BuiltSpan, type EventParts, type Scope } from '#core/telemetry/trace/built-span';

import { clientAttributes, serverAttributes, type SpanSettings } from './attributes.ts';
import { conventionName, referenceName } from './names.ts';
import type { OperationError } from './operation.ts';
import { type CallRecord, type McpRecord, NOTHING } from './record.ts';

/** The span of a client's request or notification. */
export function serverSpan(record: McpRecord, settings: SpanSettings, scope: Scope): BuiltSpan {
  const { traceId, spanId, parentSpanId, link, startMs, endMs, error, clientGone, method, about } = record;
  const isOpenInference = settings.convention === 'openinference';
  const left: EventParts[] = clientGone ? [{ name: 'client left', atMs: endMs, attributes: {} }] : [];
  return new BuiltSpan(
    {
      // A name that no server was asked for can be anything.
      name: isOpenInference ? referenceName(method) : conventionName(method, record.server === undefined ? NOTHING : about),
      kind: SpanKind.SERVER,
      traceId,
      spanId,
      parentSpanId,
      remoteParent: true,
      link,
      startMs,
      endMs,
      attributes: serverAttributes(record, settings),
      events: [...left, ...exceptions(error, endMs)],
      error: error?.message,
      // OpenInference's own instrumentations say so, and Phoenix shows it; what its client left before the end is neither.
      ok: isOpenInference && !clientGone,
    },
    scope,
  );
}

/** The span of what a server was asked for it. */
export function clientSpan(call: CallRecord, record: McpRecord, settings: SpanSettings, scope: Scope): BuiltSpan {
  const { spanId, startMs, endMs, error, method, about, server } = call;
  const isOpenInference = settings.convention === 'openinference';
  return new BuiltSpan(
    {
      name: isOpenInference ? `${referenceName(method)} ${server}` : conventionName(method, about),
      kind: SpanKind.CLIENT,
      traceId: record.traceId,
      spanId,
      parentSpanId: record.spanId,
      remoteParent: false,
      startMs,
      endMs,
      attributes: clientAttributes(call, record, settings),
      events: exceptions(error, endMs),
      error: error?.message,
    },
    scope,
  );
}

function exceptions(error: OperationError | undefined, atMs: number): EventParts[] {
  if (error === undefined) return [];
  return [{ name: 'exception', atMs, attributes: { 'exception.type': error.type, 'exception.message': error.message } }];
}
