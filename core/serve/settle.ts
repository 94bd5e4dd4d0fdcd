import type { Outcome } from '../attempt/call.ts';
import { originUrl } from '../http/origin.ts';
import { NO_DETAILS, type Usage } from '../llm/usage.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ErrorType } from '../telemetry/metrics/error-type.ts';

import type { AiTarget } from '../providers/target.ts';
import type { GatewayRequest } from './request.ts';

/** Takes one finished request. */
export type LogRequest = (line: object) => void;

/**
 * The settle stage: what a request came to, in the metrics and as one line of the access log. The keys are Envoy Gateway's and the
 * reference's; there is no content, no credential and no query among them.
 */
export function settle(request: GatewayRequest, metrics: Metrics, log: LogRequest | undefined): void {
  const { outcome } = request;
  const status = outcome?.status ?? request.reply.status;
  const usage = request.usage ?? (outcome === undefined ? undefined : usageOf(outcome));
  const now = performance.now();
  const errorType = metrics.settled.record(request, status, usage, now);
  log?.(lineOf(request, status, now - request.startedAt, usage, errorType));
}

function lineOf(
  request: GatewayRequest,
  status: number,
  durationMs: number,
  usage: Usage | undefined,
  errorType: ErrorType | undefined,
): object {
  const { outcome, rule, headers } = request;
  const last = outcome?.attempts.at(-1);
  const target = last?.target as AiTarget | undefined;
  const ttft = outcome?.firstTokenAt === undefined ? undefined : outcome.firstTokenAt - request.startedAt;
  const tokens = usage?.output;
  return {
    start_time: new Date(request.startTime).toISOString(),
    'x-request-id': request.id,
    trace_id: request.trace?.traceId,
    method: request.method,
    'x-envoy-origin-path': request.path,
    protocol: `HTTP/${request.raw.httpVersion}`,
    response_code: status,
    response_flags: flagsOf(request),
    error_type: errorType,
    response_code_details: request.errorCode ?? outcome?.failure?.reason ?? 'via_upstream',
    bytes_received: request.bodyBytes,
    bytes_sent: request.reply.bytes,
    content_length: headers['content-length'],
    duration: Math.round(durationMs),
    ':authority': request.host,
    'user-agent': headers['user-agent'],
    downstream_remote_address: request.address,
    client_id: request.identity.clientId,
    upstream_host: last?.endpoint === undefined ? undefined : originUrl(last.endpoint.origin),
    upstream_cluster: target?.id,
    route_name: rule === undefined ? undefined : `${rule.route.namespace}/${rule.route.name}/rule/${rule.name ?? rule.index}`,
    operation: request.endpoint?.operation,
    genai_model_name: request.model,
    model_name_override: target?.modelOverride,
    response_model: outcome?.facts.model,
    backend_name: last?.target.backend.name,
    ai_service_backend_name: rule?.ai === true ? last?.target.backend.name : undefined,
    genai_tokens_input: usage?.input,
    genai_tokens_output: usage?.output,
    genai_tokens_total: usage?.total,
    genai_tokens_cached_input: usage?.cachedInput,
    genai_tokens_cache_creation_input: usage?.cacheCreation,
    genai_tokens_reasoning: usage?.reasoning,
    usage_source: usage?.source,
    token_latency_ttft: ttft === undefined ? undefined : Math.round(ttft),
    token_latency_itl:
      ttft === undefined || tokens === undefined || tokens < 2 || !request.stream ? undefined : round((durationMs - ttft) / (tokens - 1)),
    stream: request.stream || undefined,
    complete: outcome?.complete,
    attempts: attemptsOf(outcome),
    translated_to: request.told?.api,
    translation_dropped: listed(request.told?.dropped),
    translation_approximated: listed(request.told?.approximated),
    ...request.details,
  };
}

/** Reported usage; for a stream that broke off before it, the content events that passed: the least that was generated. */
export function usageOf(outcome: Pick<Outcome, 'complete' | 'drained' | 'facts' | 'tokens'>): Usage | undefined {
  const { facts, complete, drained, tokens } = outcome;
  if (facts.usage?.output !== undefined && (complete || drained === true || tokens === 0)) return facts.usage;
  if (tokens === 0) return facts.usage;
  // An early report, as in Anthropic's message_start, counts what was there at the time.
  const output = Math.max(tokens, facts.usage?.output ?? 0);
  const input = facts.usage?.input;
  return { ...NO_DETAILS, ...facts.usage, input, output, total: (input ?? 0) + output, source: 'estimated' };
}

/** Envoy's response flags, as far as they apply. */
function flagsOf({ outcome, errorCode, rule }: GatewayRequest): string {
  if (outcome?.clientGone === true) return 'DC';
  if (rule === undefined && errorCode !== undefined) return 'NR';
  switch (outcome?.failure?.reason) {
    case 'connect':
      return 'UF';
    case 'reset':
    case 'truncated':
      return 'UC';
    case 'timeout':
      return 'UT';
    case 'idle':
      return 'SI';
    case 'malformed':
    case 'stream_error':
      return 'UPE';
    case 'status':
    case 'filtered':
    case 'local':
    case undefined:
      return errorCode === 'TK_NO_BACKEND' ? 'UO' : '-';
  }
}

/** All attempts but a single good one, in short. */
function attemptsOf(outcome: Outcome | undefined): object[] | undefined {
  if (outcome === undefined || (outcome.attempts.length <= 1 && outcome.failure === undefined)) return undefined;
  return outcome.attempts.map(({ target, status, failure, startedAt, endedAt }) => ({
    backend: target.backend.name,
    status,
    failure: failure?.reason,
    detail: failure?.message,
    ms: endedAt === undefined ? undefined : Math.round(endedAt - startedAt),
  }));
}

function listed(names: readonly string[] | undefined): readonly string[] | undefined {
  return names === undefined || names.length === 0 ? undefined : names;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
