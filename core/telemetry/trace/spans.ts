import { SpanKind } from '@opentelemetry/api';

import { genaiAttributes } from '../genai/attributes.ts';
import { openinferenceAttributes } from '../openinference/attributes.ts';
import { operationSpan } from '../openinference/operations.ts';
import { type Redaction, safeText, withSides } from '../redaction.ts';
import type { Attributes } from './attributes.ts';
import { BuiltSpan, type EventParts, type Scope, type SpanParts } from './built-span.ts';
import { newSpanId } from './context.ts';
import { parsed } from './content/fields.ts';
import { poolSpans } from './pool-spans.ts';
import type { AttemptView, CallError, CallRecord, TranslationTold } from './record.ts';
import type { TraceSettings } from './settings.ts';
import type { Shown } from './shown.ts';

export type SpanSettings = Pick<TraceSettings, 'convention' | 'redaction' | 'valueLength'>;

/** The spans of one request: its own, and below it one for each way through a pool and for each attempt. */
export function spansOf(record: CallRecord, settings: SpanSettings, scope: Scope): BuiltSpan[] {
  const { traceId, spanId, parentSpanId, shown } = record;
  const redaction = withSides(settings.redaction, shown);
  const root: SpanParts = {
    ...nameAndKind(record, settings),
    traceId,
    spanId,
    parentSpanId,
    remoteParent: true,
    startMs: record.startMs,
    endMs: record.endMs,
    attributes: {
      ...(settings.convention === 'openinference'
        ? openinferenceAttributes(record, redaction, settings.valueLength)
        : genaiAttributes(record, settings.valueLength)),
      ...ownAttributes(record),
    },
    events: eventsOf(record, showsErrors(settings.convention, shown, redaction)),
    error: record.error === undefined ? undefined : safeText(record.error.message),
    // OpenInference's own instrumentations say so, and Phoenix shows it; what its client left before the end is neither.
    ok: settings.convention === 'openinference' && record.complete,
  };
  const below = { traceId, parentSpanId: spanId, remoteParent: false };
  return [
    new BuiltSpan(root, scope),
    ...poolSpans(record).map((parts) => new BuiltSpan({ ...parts, ...below, spanId: newSpanId() }, scope)),
    ...record.attempts.map((attempt, index) => new BuiltSpan({ ...attemptSpan(attempt, index), ...below, spanId: attempt.spanId }, scope)),
  ];
}

/** What a provider says of an error can repeat what it was asked: it is told where both sides of the conversation are. */
function showsErrors(convention: SpanSettings['convention'], { inputs, outputs }: Shown, { hides }: Redaction): boolean {
  if (!inputs || !outputs) return false;
  if (convention === 'gen_ai') return true;
  const { HIDE_INPUT_TEXT, HIDE_OUTPUT_TEXT, HIDE_INPUT_MESSAGES, HIDE_OUTPUT_MESSAGES } = hides;
  return !(HIDE_INPUT_TEXT || HIDE_OUTPUT_TEXT || HIDE_INPUT_MESSAGES || HIDE_OUTPUT_MESSAGES);
}

function nameAndKind(record: CallRecord, { convention }: SpanSettings): Pick<SpanParts, 'name' | 'kind'> {
  const { operation, counts } = record;
  if (convention === 'gen_ai') {
    const model = record.upstreamModel ?? record.model;
    const name = `${operation}${model === undefined ? '' : ` ${model.slice(0, 200)}`}`;
    return counts ? { name, kind: SpanKind.CLIENT } : { name: `TierTwo ${name}`, kind: SpanKind.SERVER };
  }
  const { name } = operationSpan(operation);
  return { name: counts ? name : `TierTwo ${name}`, kind: SpanKind.INTERNAL };
}

/** What is ours to say beside the conventions. */
function ownAttributes(record: CallRecord): Attributes {
  const { error, firstTokenMs, startMs, clientGone, complete, budgets, told } = record;
  return {
    'tierkit.request_id': record.requestId,
    'tierkit.kept_for': record.keptFor,
    'http.response.status_code': record.status,
    'url.path': record.path.slice(0, 500),
    ...(record.route === undefined ? {} : { 'tierkit.route': record.route }),
    ...(record.clientId === undefined ? {} : { 'tierkit.client_id': record.clientId }),
    ...(record.backend === undefined ? {} : { 'tierkit.backend': record.backend }),
    ...(record.attempts.length > 1 ? { 'tierkit.attempts': record.attempts.length } : {}),
    ...(record.stream ? { 'tierkit.stream': true } : {}),
    ...(firstTokenMs === undefined ? {} : { 'tierkit.time_to_first_token_ms': rounded(firstTokenMs - startMs) }),
    ...(error === undefined ? {} : { 'error.type': error.type }),
    ...(error?.code === undefined ? {} : { 'tierkit.error_code': error.code }),
    ...(clientGone ? { 'tierkit.client_gone': true } : {}),
    ...(complete || error !== undefined ? {} : { 'tierkit.complete': false }),
    ...(budgets.length === 0 ? {} : { 'tierkit.budgets': [...budgets] }),
    ...(told === undefined ? {} : translationOf(told)),
  };
}

/** The names of the Python SDK's errors, which the reference takes for `exception.type`. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  400: 'BadRequestError',
  401: 'AuthenticationError',
  403: 'PermissionDeniedError',
  404: 'NotFoundError',
  409: 'ConflictError',
  422: 'UnprocessableEntityError',
  429: 'RateLimitError',
};

function exceptionOf({ status, message, body }: CallError, showsBody: boolean): Attributes {
  const type = EXCEPTIONS[status] ?? (status >= 500 ? 'InternalServerError' : 'Error');
  const told = showsBody ? bodyMessage(body) : undefined;
  return { 'exception.type': type, 'exception.message': safeText(told === undefined ? message : `${message}: ${told}`) };
}

/** The text of a provider's error. */
function bodyMessage(body: Buffer | undefined): string | undefined {
  const answer = parsed(body);
  const error = answer?.['error'];
  const inner = typeof error === 'object' && error !== null ? (error as { message?: unknown }).message : error;
  const said = inner ?? answer?.['message'];
  return typeof said === 'string' ? said : undefined;
}

function eventsOf(record: CallRecord, showsBody: boolean): EventParts[] {
  const { startMs, identifiedMs, admittedMs, firstTokenMs, error, endMs, operation } = record;
  const events: EventParts[] = [];
  if (identifiedMs !== undefined)
    events.push({
      name: 'identify',
      atMs: identifiedMs,
      attributes: { 'tierkit.since_start_ms': rounded(identifiedMs - startMs), ...clientOf(record) },
    });
  if (admittedMs !== undefined)
    events.push({
      name: 'admit',
      atMs: admittedMs,
      attributes: {
        'tierkit.since_start_ms': rounded(admittedMs - startMs),
        ...(record.budgets.length === 0 ? {} : { 'tierkit.budgets': [...record.budgets] }),
      },
    });
  if (record.stream && firstTokenMs !== undefined) events.push({ name: 'First Token Stream Event', atMs: firstTokenMs, attributes: {} });
  if (operation === 'responses' && record.complete) events.push({ name: 'Response Completed Event', atMs: endMs, attributes: {} });
  if (record.clientGone) events.push({ name: 'client left', atMs: endMs, attributes: {} });
  if (error !== undefined) events.push({ name: 'exception', atMs: endMs, attributes: exceptionOf(error, showsBody) });
  return events;
}

function translationOf({ api, dropped, approximated }: TranslationTold): Attributes {
  return {
    'tierkit.translated_to': api,
    ...(dropped.length === 0 ? {} : { 'tierkit.translation.dropped': [...dropped] }),
    ...(approximated.length === 0 ? {} : { 'tierkit.translation.approximated': [...approximated] }),
  };
}

function clientOf({ clientId }: CallRecord): Attributes {
  return clientId === undefined ? {} : { 'tierkit.client_id': clientId };
}

function attemptSpan(attempt: AttemptView, index: number): Omit<SpanParts, 'traceId' | 'spanId' | 'parentSpanId' | 'remoteParent'> {
  const { backend, address, port, status, ended, message } = attempt;
  const failed = ended !== 'ok' && ended !== 'client_gone';
  return {
    name: `attempt ${backend}`,
    kind: SpanKind.CLIENT,
    startMs: attempt.startMs,
    endMs: attempt.endMs,
    attributes: {
      'openinference.span.kind': 'CHAIN',
      'tierkit.attempt': index + 1,
      'tierkit.backend': backend,
      'tierkit.attempt.ended': ended,
      ...(address === undefined ? { 'tierkit.attempt.sent': false } : { 'server.address': address }),
      ...(port === undefined ? {} : { 'server.port': port }),
      ...(status === undefined ? {} : { 'http.response.status_code': status }),
      ...(attempt.errorType === undefined ? {} : { 'error.type': attempt.errorType }),
    },
    error: failed ? safeText(message ?? ended) : undefined,
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
