import type { AttemptRecord } from '../../attempt/call.ts';
import type { Origin } from '../../http/origin.ts';
import type { Usage } from '../../llm/usage.ts';
import type { AiTarget } from '../../providers/target.ts';
import type { GatewayRequest } from '../request.ts';
import { usageOf } from '../settle.ts';

/** Requests that are kept. */
export const KEPT = 200;
/** Of the attempts of one request. */
const MOST_ATTEMPTS = 16;
const MOST_CHARACTERS = 256;

/** One attempt. Times are milliseconds from the beginning of its request. */
export interface RecentAttempt {
  readonly backend: string;
  readonly origin: Origin | undefined;
  readonly status: number | undefined;
  /** Why it gave no answer: a word, and a sentence of ours. */
  readonly failure: string | undefined;
  readonly detail: string | undefined;
  readonly startMs: number;
  readonly endMs: number | undefined;
}

/** What is kept of a request that has ended: what the access log has of it, and when each stage began, in milliseconds from its beginning. */
export interface RecentRequest {
  /** Counts from 1. */
  readonly sequence: number;
  readonly startTime: number;
  readonly id: string;
  readonly traceId: string | undefined;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly operation: string | undefined;
  readonly client: string | undefined;
  readonly route: string | undefined;
  readonly rule: string | number | undefined;
  readonly model: string | undefined;
  readonly modelOverride: string | undefined;
  readonly responseModel: string | undefined;
  readonly stream: boolean;
  readonly status: number;
  readonly complete: boolean | undefined;
  readonly clientGone: boolean;
  /** Code of our own error, or why the last attempt failed. */
  readonly reason: string | undefined;
  readonly attempts: readonly RecentAttempt[];
  readonly usage: Usage | undefined;
  /** When it was known who calls. */
  readonly identifiedMs: number | undefined;
  /** When caller, body and route were known. */
  readonly routedMs: number | undefined;
  readonly firstTokenMs: number | undefined;
  readonly durationMs: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Further fields of the access log: pod, queue, cost, budgets. */
  readonly details: Readonly<Record<string, unknown>> | undefined;
}

const NO_ATTEMPTS: readonly RecentAttempt[] = [];

/** The last requests, for the status page. A record holds nothing of its request: no body, no header, no backend of an old configuration. */
export class RecentRequests {
  readonly #ring: RecentRequest[] = [];
  readonly #size: number;
  #sequence = 0;

  constructor(size = KEPT) {
    this.#size = size;
  }

  /** The number of the last one. */
  get last(): number {
    return this.#sequence;
  }

  /** Takes a request that has ended. */
  add(request: GatewayRequest): void {
    const { outcome, rule, startedAt, identifiedAt, routedAt, reply } = request;
    const attempts = outcome?.attempts;
    const target = attempts?.at(-1)?.target as AiTarget | undefined;
    const sequence = ++this.#sequence;
    this.#ring[sequence % this.#size] = {
      sequence,
      startTime: request.startTime,
      id: request.id,
      traceId: request.trace?.traceId,
      method: request.method,
      path: short(request.path),
      operation: request.endpoint?.operation,
      client: shortened(request.identity.clientId),
      route: rule === undefined ? undefined : `${rule.route.namespace}/${rule.route.name}`,
      rule: rule?.name ?? rule?.index,
      model: shortened(request.model),
      modelOverride: target?.modelOverride,
      responseModel: shortened(outcome?.facts.model),
      stream: request.stream,
      status: outcome?.status ?? reply.status,
      complete: outcome?.complete,
      clientGone: outcome?.clientGone ?? false,
      reason: request.errorCode ?? outcome?.failure?.reason,
      attempts: attempts === undefined || attempts.length === 0 ? NO_ATTEMPTS : attemptsOf(attempts, startedAt),
      usage: request.usage ?? (outcome === undefined ? undefined : usageOf(outcome)),
      identifiedMs: identifiedAt === undefined ? undefined : identifiedAt - startedAt,
      routedMs: routedAt === undefined ? undefined : routedAt - startedAt,
      firstTokenMs: outcome?.firstTokenAt === undefined ? undefined : outcome.firstTokenAt - startedAt,
      durationMs: performance.now() - startedAt,
      bytesReceived: request.bodyBytes,
      bytesSent: reply.bytes,
      details: request.details,
    };
  }

  /** Those that ended after the one of a number, the oldest first. */
  since(sequence: number): RecentRequest[] {
    const from = Math.max(sequence, this.#sequence - this.#size);
    const records: RecentRequest[] = [];
    for (let at = from + 1; at <= this.#sequence; at++) records.push(this.#ring[at % this.#size]!);
    return records;
  }
}

function attemptsOf(attempts: readonly AttemptRecord[], startedAt: number): RecentAttempt[] {
  const kept: RecentAttempt[] = [];
  for (const { target, endpoint, status, failure, startedAt: from, endedAt } of attempts) {
    if (kept.length === MOST_ATTEMPTS) break;
    kept.push({
      backend: target.backend.name,
      origin: endpoint?.origin,
      status,
      failure: failure?.reason,
      detail: shortened(failure?.message),
      startMs: from - startedAt,
      endMs: endedAt === undefined ? undefined : endedAt - startedAt,
    });
  }
  return kept;
}

function shortened(text: string | undefined): string | undefined {
  return text === undefined ? undefined : short(text);
}

/** Clients choose some of these texts. A part of a string can hold on to all of it: so a copy. */
function short(text: string): string {
  if (text.length <= MOST_CHARACTERS) return text;
  return `${Buffer.from(text.slice(0, MOST_CHARACTERS - 1), 'utf16le').toString('utf16le')}…`;
}
