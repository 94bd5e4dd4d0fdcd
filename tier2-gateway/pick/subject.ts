import type { IncomingHttpHeaders } from 'node:http';

import type { JsonObjectScan } from '#core/json/scan';
import { ANYONE } from '#core/identify/identity';
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
/** Names of what the client allows, in chat (new and old), responses, completions and messages. */
const LIMITS = ['max_completion_tokens', 'max_output_tokens', 'max_tokens'];
/** Bodies name what a request belongs to in these members. */
const SESSIONS = ['prompt_cache_key', 'previous_response_id'];

/**
 * What picker and flow control go by.
 *
 * Whose request it is, how important, and by when its answer is wanted comes from tier one's token. Without tier one a caller that a policy
 * has identified may name an InferenceObjective and a fairness id; of anyone else these headers mean nothing.
 */
export function subjectOf(
  { request, json }: ApiRequest,
  pool: ServedPool,
  model: string,
  hasOthers: boolean,
): Omit<PickSubject, 'outbound'> {
  const { headers, claims, identity } = request;
  const trusted = isTrusted(request);
  const objective = trusted ? named(headers, 'x-llm-d-inference-objective', 'x-gateway-inference-objective') : undefined;
  const fairness = trusted ? named(headers, 'x-llm-d-inference-fairness-id', 'x-gateway-inference-fairness-id') : undefined;
  const prompt = json === undefined ? NO_PROMPT : digestRequest(json.scan);
  const maxOutput = json === undefined ? undefined : firstNumber(json.scan, LIMITS);
  const session = text(headers['x-session-id']) ?? (json === undefined ? undefined : firstText(json.scan, SESSIONS));
  const sloTtftMs = milliseconds(named(headers, 'x-llm-d-slo-ttft-ms', 'x-slo-ttft-ms'));
  const sloTpotMs = milliseconds(named(headers, 'x-llm-d-slo-tpot-ms', 'x-slo-tpot-ms'));
  const tenant = claims?.tenant ?? identity.clientId ?? 'anonymous';
  return {
    pick: {
      id: request.id,
      model,
      ...(pool.service.isAdapter(model) ? { lora: model } : {}),
      tenant,
      prompt,
      inputTokens: Math.ceil(prompt.bytes / BYTES_PER_TOKEN),
      priority: (objective === undefined ? undefined : pool.rules.objectives.get(objective)) ?? claims?.priority ?? 0,
      streaming: request.stream,
      ...(maxOutput === undefined ? {} : { maxOutput }),
      ...(session === undefined ? {} : { session }),
      ...(sloTtftMs === undefined ? {} : { sloTtftMs }),
      ...(sloTpotMs === undefined ? {} : { sloTpotMs }),
    },
    flow: fairness ?? tenant,
    bytes: request.bodyBytes,
    deadlineMs: claims?.deadline === undefined ? undefined : claims.deadline - performance.timeOrigin,
    waitMs: hasOthers ? SPILL_AFTER_MS : undefined,
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

function firstNumber(scan: JsonObjectScan, names: readonly string[]): number | undefined {
  for (const name of names) {
    const value = scan.type(name) === 'number' ? scan.number(name) : undefined;
    if (value !== undefined && value > 0) return value;
  }
  return undefined;
}

function firstText(scan: JsonObjectScan, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = text(scan.string(name));
    if (value !== undefined) return value;
  }
  return undefined;
}
