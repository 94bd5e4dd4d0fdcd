import type { AttemptRecord, Outcome } from '../../attempt/call.ts';
import type { AiTarget } from '../../providers/target.ts';
import type { GatewayRequest } from '../../serve/request.ts';
import { usageOf } from '../../serve/settle.ts';
import { errorTypeOf, failureTypeOf } from '../metrics/error-type.ts';
import { safeText } from '../redaction.ts';
import { headerOf } from '../request-header.ts';
import type { HeaderAttribute } from './header-attributes.ts';
import { type AttemptView, type CallError, type CallRecord, type HeldBody, keptFor, MOST_PARSED } from './record.ts';
import type { Tracing } from './tracing.ts';

/** Decides whether a request that is over is told of, and gathers what its spans are built from. Called once; nothing is serialised here. */
export function finish(request: GatewayRequest, tracing: Tracing): void {
  const { trace, outcome, endpoint } = request;
  // What is no call of a model API is no business of a trace: scanners would fill it with their errors.
  if (trace === undefined || trace.ended || endpoint === undefined || endpoint.operation === 'models') return;
  trace.ended = true;
  const now = performance.now();
  const status = outcome?.status ?? request.reply.status;
  const { slowMs } = tracing.settings;
  const answeredAt = request.stream ? (outcome?.firstTokenAt ?? now) : now;
  const slow = slowMs > 0 && answeredAt - request.startedAt >= slowMs;
  const { sampled } = trace;
  const kept = keptFor({ sampled, status, errorCode: request.errorCode, slow }, outcome);
  if (kept === undefined) return;
  request.traceId = trace.traceId;
  tracing.tell(recordOf(request, { keptFor: kept, endedAt: now, status, headers: tracing.settings.headers }));
}

const COUNTERS = new Set(['count_tokens', 'responses_input_tokens', 'tokenize']);

interface End {
  readonly keptFor: CallRecord['keptFor'];
  readonly endedAt: number;
  readonly status: number;
  readonly headers: readonly HeaderAttribute[];
}

/** The scalars are copied: the record outlives the request's sockets, and must not hold them. */
function recordOf(request: GatewayRequest, end: End): CallRecord {
  const { trace, outcome, rule, identity } = request;
  const { traceId, spanId, parentSpanId, counts, shown, cost } = trace!;
  const last = outcome?.attempts.at(-1);
  const target = last?.target as AiTarget | undefined;
  const at = (perf: number | undefined): number | undefined =>
    perf === undefined ? undefined : request.startTime + (perf - request.startedAt);
  const credential = target?.credential;
  return {
    traceId,
    spanId,
    parentSpanId,
    counts,
    shown,
    keptFor: end.keptFor,
    requestId: request.id,
    operation: request.endpoint!.operation,
    path: safeText(request.path),
    clientId: identity.clientId,
    route: rule === undefined ? undefined : `${rule.route.namespace}/${rule.route.name}/rule/${rule.name ?? rule.index}`,
    headers: headersOf(request, end.headers),
    model: named(request.model),
    upstreamModel: target === undefined ? undefined : named(target.modelOverride ?? request.model),
    responseModel: named(outcome?.facts.model),
    schema: target?.schema?.name,
    backend: target?.backend.name,
    host: last?.endpoint?.origin.host,
    stream: request.stream,
    startMs: request.startTime,
    endMs: at(end.endedAt)!,
    identifiedMs: at(trace!.identifiedAt),
    admittedMs: at(trace!.admittedAt),
    firstTokenMs: at(outcome?.firstTokenAt),
    status: end.status,
    clientGone: outcome?.clientGone ?? false,
    complete: outcome?.complete ?? end.status < 400,
    error: errorOf(request, end.status, outcome),
    // What only counts tokens uses none.
    usage:
      counts && !COUNTERS.has(request.endpoint!.operation)
        ? (request.usage ?? (outcome === undefined ? undefined : usageOf(outcome)))
        : undefined,
    cost,
    budgets: budgetsOf(request),
    told: request.told,
    requestBody: counts ? held(trace!.body) : undefined,
    answer: counts ? (trace!.stream ?? held(trace!.answer)) : undefined,
    answerBytes: request.reply.bytes,
    leaks: (text) => credential?.leaks(text) ?? false,
    attempts: (outcome?.attempts ?? []).map((attempt, index) =>
      attemptOf(attempt, { spanId: trace!.attempt(index + 1), at, endedAt: end.endedAt, clientGone: outcome!.clientGone }),
    ),
    passes: trace!.passes.map((pass) => pass.view((perf) => at(perf)!, end.endedAt)),
  };
}

/** The headers of a request that its span tells. */
export function headersOf(request: GatewayRequest, wanted: readonly HeaderAttribute[]): [string, string][] {
  const found: [string, string][] = [];
  for (const { header, attribute } of wanted) {
    const value = headerOf(request, header);
    if (value !== undefined) found.push([attribute, safeText(value.slice(0, 256))]);
  }
  return found;
}

function budgetsOf({ details }: GatewayRequest): string[] {
  const budgets = details?.['budgets'];
  return Array.isArray(budgets) ? budgets.map(String) : [];
}

function held(body: Buffer | undefined): HeldBody | undefined {
  return body !== undefined && body.length > MOST_PARSED ? 'too large' : body;
}

/** What others call a model: it can be anything. */
function named(model: string | undefined): string | undefined {
  return model === undefined ? undefined : safeText(model.slice(0, 256));
}

/** A client that left is no error. */
function errorOf({ errorCode, trace }: GatewayRequest, status: number, outcome: Outcome | undefined): CallError | undefined {
  const type = errorTypeOf({ status, errorCode, outcome });
  if (type === undefined || outcome?.clientGone === true) return undefined;
  const { error } = trace!;
  const answer = outcome?.failure?.answer;
  // What a backend says of our own credential can hold a part of it.
  const isOurs = answer?.status === 401 || answer?.status === 403;
  const message = error?.message ?? outcome?.failure?.message ?? `answered ${status}`;
  return { type, code: errorCode, message, status: error?.status ?? answer?.status ?? status, body: isOurs ? undefined : answer?.body };
}

function attemptOf(
  { target, endpoint, startedAt, endedAt, status, failure }: AttemptRecord,
  request: { spanId: string; at: (perf: number | undefined) => number | undefined; endedAt: number; clientGone: boolean },
): AttemptView {
  return {
    spanId: request.spanId,
    backend: target.backend.name,
    address: endpoint?.origin.host,
    port: endpoint?.origin.port,
    startMs: request.at(startedAt)!,
    endMs: request.at(endedAt ?? request.endedAt)!,
    status,
    ended: failure?.reason ?? (request.clientGone ? 'client_gone' : 'ok'),
    errorType: failure === undefined ? undefined : failureTypeOf(failure),
    message: failure?.message,
  };
}
