import type { IncomingHttpHeaders } from 'node:http';

import type { JsonObjectScan } from '#core/json/scan';
import { ANYONE } from '#core/identify/identity';
import { outputLimitOf } from '#core/read/output-limit';
import type { ApiRequest } from '#core/serve/pipeline';
import type { GatewayRequest } from '#core/serve/request';

import { PromptHasher } from '../picker/digest.ts';
import { digestRequest } from '../picker/prompt.ts';
import type { PickSubject } from './pod-picking.ts';
import type { ServedPool } from './served-pool.ts';

/** How long a request waits for room in a pool when another backend stands behind it. */
const SPILL_AFTER_MS = 1000;
const NO_PROMPT = new PromptHasher().digest();
const BYTES_PER_TOKEN = 4;
/** Tenant of those that nobody has identified. */
export const ANYBODY = 'anonymous';
/** Bodies name what a request belongs to in these members. */
const SESSIONS = ['prompt_cache_key', 'previous_response_id'];

/** What is known of a request, whoever received it. */
export interface Asking {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  /** Of its body; undefined for one that is no JSON object, or was not seen. */
  readonly scan: JsonObjectScan | undefined;
  /** Whether the first token of the answer will be seen. */
  readonly streaming: boolean;
  /** Of the body. */
  readonly bytes: number;
  readonly tenant: string;
  /** Unless an InferenceObjective says another. @default 0 */
  readonly priority: number | undefined;
  /** `performance.now()` by which the answer is wanted. */
  readonly deadlineMs: number | undefined;
  /** Whether what the headers say of its importance, and of whose it is, counts. */
  readonly trusted: boolean;
}

/**
 * What picker and flow control go by at tier two.
 *
 * Whose request it is, how important, and by when its answer is wanted comes from tier one's token. Without tier one a caller that a policy
 * has identified may name an InferenceObjective and a fairness id; of anyone else these headers mean nothing.
 */
export function subjectOf({ request, json }: ApiRequest, pool: ServedPool, model: string, hasOthers: boolean): PickSubject {
  const { id, headers, claims, identity, stream, bodyBytes } = request;
  const asking: Asking = {
    id,
    headers,
    scan: json?.scan,
    streaming: stream,
    bytes: bodyBytes,
    tenant: claims?.tenant ?? identity.clientId ?? ANYBODY,
    priority: claims?.priority,
    deadlineMs: claims?.deadline === undefined ? undefined : claims.deadline - performance.timeOrigin,
    trusted: isTrusted(request),
  };
  return subjectFor(asking, pool, model, hasOthers ? SPILL_AFTER_MS : undefined);
}

/** What picker and flow control go by. @param waitMs how long the request waits for room; undefined: as long as its band says */
export function subjectFor(asking: Asking, pool: ServedPool, model: string, waitMs: number | undefined): PickSubject {
  const { id, headers, scan, streaming, bytes, tenant, priority, deadlineMs, trusted } = asking;
  const objective = trusted ? named(headers, 'x-llm-d-inference-objective', 'x-gateway-inference-objective') : undefined;
  const fairness = trusted ? named(headers, 'x-llm-d-inference-fairness-id', 'x-gateway-inference-fairness-id') : undefined;
  const prompt = scan === undefined ? NO_PROMPT : digestRequest(scan);
  const maxOutput = scan === undefined ? undefined : outputLimitOf(scan)?.tokens;
  const session = text(headers['x-session-id']) ?? (scan === undefined ? undefined : firstText(scan, SESSIONS));
  const sloTtftMs = milliseconds(named(headers, 'x-llm-d-slo-ttft-ms', 'x-slo-ttft-ms'));
  const sloTpotMs = milliseconds(named(headers, 'x-llm-d-slo-tpot-ms', 'x-slo-tpot-ms'));
  return {
    pick: {
      id,
      model,
      ...(pool.service.isAdapter(model) ? { lora: model } : {}),
      tenant,
      prompt,
      inputTokens: Math.ceil(prompt.bytes / BYTES_PER_TOKEN),
      priority: (objective === undefined ? undefined : pool.rules.objectives.get(objective)) ?? priority ?? 0,
      streaming,
      ...(maxOutput === undefined ? {} : { maxOutput }),
      ...(session === undefined ? {} : { session }),
      ...(sloTtftMs === undefined ? {} : { sloTtftMs }),
      ...(sloTpotMs === undefined ? {} : { sloTpotMs }),
    },
    flow: fairness ?? tenant,
    bytes,
    deadlineMs,
    waitMs,
  };
}

/** Whether what a request says of its own importance counts. */
export function isTrusted({ claims, identity }: GatewayRequest): boolean {
  return claims !== undefined || identity !== ANYONE;
}

function named(headers: IncomingHttpHeaders, name: string, formerName: string): string | undefined {
  return text(headers[name]) ?? text(headers[formerName]);
}

function text(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' && value !== '' && value.length <= 256 ? value : undefined;
}

function milliseconds(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,8}(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

function firstText(scan: JsonObjectScan, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = text(scan.string(name));
    if (value !== undefined) return value;
  }
  return undefined;
}
