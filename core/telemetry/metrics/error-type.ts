import type { Outcome } from '../../attempt/call.ts';
import type { Failure, FailureReason } from '../../attempt/failure.ts';
import { type ErrorCode, GatewayError } from '../../errors.ts';

/** Every value of the label `error_type`, and what it means. Absent: the client got what it asked for. */
export const ERROR_TYPES = {
  client_gone: 'The client left before its answer was whole.',
  invalid_request: 'The request is malformed, too large, or not served in this form.',
  authentication: 'No valid credential of the client.',
  permission: 'The client is known and may not do this.',
  not_found: 'No route, endpoint or model of this name.',
  refused: 'An extension refused the request.',
  rate_limited: 'A limit of ours is reached, or the queue of a pool is full.',
  budget: 'A budget is used up.',
  price_unknown: 'A budget needs a price that is not known.',
  limits_unavailable: 'The counts of a limit cannot be had.',
  feedback_unavailable: 'Phoenix has not confirmed that it stored feedback.',
  broken_route: 'The route leads nowhere, or a policy that holds for it has problems.',
  no_backend: 'No backend can take the request now.',
  draining: 'The gateway is about to stop.',
  internal: 'A defect of the gateway or of an extension.',
  upstream_connect: 'No connection to the backend.',
  upstream_reset: 'The connection ended before the answer began.',
  upstream_timeout: 'The backend did not answer in time.',
  upstream_idle: 'The backend fell silent.',
  upstream_rate_limited: 'The backend answered 429.',
  upstream_overloaded: 'The backend answered 503 or 529.',
  upstream_credential: 'The backend answered 401 or 403, or there is no credential for it.',
  upstream_not_found: 'The backend answered 404.',
  upstream_context_length: 'The backend says that the prompt is too long.',
  upstream_content_filter: 'The backend says that a content filter refused.',
  upstream_invalid_request: 'The backend answered another 4xx.',
  upstream_server_error: 'The backend answered another 5xx.',
  upstream_malformed: 'The answer is none of the API.',
  upstream_stream_error: 'The stream brought an error event.',
  upstream_truncated: 'The answer ended before it was complete.',
} as const;

export type ErrorType = keyof typeof ERROR_TYPES;

const BY_CODE: Readonly<Record<ErrorCode, ErrorType>> = {
  TK_BAD_PATH: 'invalid_request',
  TK_BAD_REQUEST: 'invalid_request',
  TK_BAD_JSON: 'invalid_request',
  TK_MODEL_REQUIRED: 'invalid_request',
  TK_UNAUTHENTICATED: 'authentication',
  TK_CREDENTIAL_MISSING: 'authentication',
  TK_FORBIDDEN: 'permission',
  TK_UNKNOWN_PATH: 'not_found',
  TK_MODEL_NOT_FOUND: 'not_found',
  TK_FEEDBACK_UNKNOWN: 'not_found',
  TK_METHOD: 'invalid_request',
  TK_MISDIRECTED: 'invalid_request',
  TK_TIMEOUT_REQUEST: 'invalid_request',
  TK_LENGTH: 'invalid_request',
  TK_MEDIA_TYPE: 'invalid_request',
  TK_REFUSED: 'refused',
  TK_UNSUPPORTED: 'invalid_request',
  TK_FILTERED: 'upstream_content_filter',
  TK_RATE_LIMITED: 'rate_limited',
  TK_BUDGET: 'budget',
  TK_PRICE_UNKNOWN: 'price_unknown',
  TK_LIMITS_UNAVAILABLE: 'limits_unavailable',
  TK_FEEDBACK_UNAVAILABLE: 'feedback_unavailable',
  TK_INTERNAL: 'internal',
  TK_BROKEN_ROUTE: 'broken_route',
  TK_UPSTREAM_CREDENTIAL: 'upstream_credential',
  TK_UPSTREAM: 'upstream_malformed',
  TK_NO_BACKEND: 'no_backend',
  TK_DRAINING: 'draining',
  TK_TIMEOUT: 'upstream_timeout',
};

const BY_REASON: Readonly<Record<Exclude<FailureReason, 'status' | 'local'>, ErrorType>> = {
  connect: 'upstream_connect',
  reset: 'upstream_reset',
  timeout: 'upstream_timeout',
  idle: 'upstream_idle',
  malformed: 'upstream_malformed',
  stream_error: 'upstream_stream_error',
  truncated: 'upstream_truncated',
  filtered: 'upstream_content_filter',
};

/** What is told of a finished request. */
export interface Ended {
  readonly status: number;
  /** Of the answer that the gateway gave itself. */
  readonly errorCode: string | undefined;
  readonly outcome: Pick<Outcome, 'complete' | 'clientGone' | 'failure'> | undefined;
}

/** The class of a request's failure; undefined: it succeeded. */
export function errorTypeOf({ status, errorCode, outcome }: Ended): ErrorType | undefined {
  if (outcome?.clientGone === true) return 'client_gone';
  if (outcome?.failure !== undefined) return failureTypeOf(outcome.failure);
  if (errorCode !== undefined) return BY_CODE[errorCode as ErrorCode] ?? 'internal';
  return status >= 400 ? statusType(status) : undefined;
}

/** The class of an attempt's failure. */
export function failureTypeOf({ reason, answer, cause }: Failure): ErrorType {
  if (reason === 'local') return cause instanceof GatewayError ? BY_CODE[cause.code] : 'internal';
  if (reason !== 'status') return BY_REASON[reason];
  return answer === undefined ? 'upstream_server_error' : statusType(answer.status, answer.body);
}

function statusType(status: number, body?: Buffer): ErrorType {
  if (status === 401 || status === 403) return 'upstream_credential';
  if (status === 404) return 'upstream_not_found';
  if (status === 408 || status === 504) return 'upstream_timeout';
  if (status === 429) return 'upstream_rate_limited';
  if (status === 503 || status === 529) return 'upstream_overloaded';
  if (status >= 500) return 'upstream_server_error';
  if (body !== undefined) {
    // Codes of OpenAI and Azure, the words of Anthropic and vLLM.
    if (/context_length_exceeded|prompt is too long|maximum context length/i.test(textOf(body))) return 'upstream_context_length';
    if (/content_filter|content_policy_violation|responsible_ai/i.test(textOf(body))) return 'upstream_content_filter';
  }
  return 'upstream_invalid_request';
}

/** An error message says what it is about at its beginning. */
function textOf(body: Buffer): string {
  return body.toString('latin1', 0, Math.min(body.length, 2048));
}
