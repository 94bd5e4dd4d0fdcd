import type { IncomingHttpHeaders } from 'node:http';

import { ERRORS, type GatewayError } from '../errors.ts';
import { isObject } from '../is-object.ts';

/** The APIs that a client may speak; `plain` is ordinary HTTP. */
export type Dialect = 'openai' | 'anthropic' | 'cohere' | 'plain';

/** Our own error as the body of an answer in the client's dialect. */
export function errorBody(dialect: Dialect, error: GatewayError, requestId: string): Buffer {
  return Buffer.from(JSON.stringify(errorObject(dialect, error, requestId)));
}

function errorObject(dialect: Dialect, error: GatewayError, requestId: string): object {
  const kind = ERRORS[error.code];
  // https://platform.openai.com/docs/guides/error-codes/api-errors
  if (dialect === 'openai')
    return { error: { message: error.message, type: kind.openai, param: error.param ?? null, code: openaiCode(error) } };
  // https://docs.anthropic.com/en/api/errors
  if (dialect === 'anthropic')
    return { type: 'error', error: { type: kind.anthropic, message: error.message, code: error.code }, request_id: requestId };
  // https://docs.cohere.com/reference/errors
  if (dialect === 'cohere') return { id: requestId, message: error.message, code: error.code };
  return { code: error.code, message: error.message };
}

/** Codes that clients of the OpenAI API look for; ours elsewhere. */
function openaiCode(error: GatewayError): string {
  if (error.code === 'TK_MODEL_NOT_FOUND') return 'model_not_found';
  if (error.code === 'TK_UNAUTHENTICATED') return 'invalid_api_key';
  if (error.code === 'TK_FILTERED') return 'content_policy_violation';
  return error.code;
}

/** The event that ends a broken stream, in the client's dialect. No end marker follows it. */
export function errorEvent(dialect: Dialect, error: GatewayError, requestId: string, typed: boolean): Buffer {
  const body = errorObject(dialect, error, requestId);
  if (dialect === 'anthropic') return Buffer.from(`event: error\ndata: ${JSON.stringify(body)}\n\n`);
  // https://platform.openai.com/docs/api-reference/responses-streaming/error
  if (typed) {
    const event = { type: 'error', code: openaiCode(error), message: error.message, param: error.param ?? null };
    return Buffer.from(`event: error\ndata: ${JSON.stringify(event)}\n\n`);
  }
  return Buffer.from(`data: ${JSON.stringify(body)}\n\n`);
}

/** What a backend answered instead of an answer. */
export interface BackendError {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * A backend's own error as the client's dialect has it. JSON that already has the dialect's shape passes unchanged; anything
 * else is put into that shape, with the text of a short plain message.
 */
export function backendError(dialect: Dialect, { status, body }: BackendError, requestId: string): Buffer {
  const whole = parsedOrNot(body);
  if (isObject(whole) && hasShape(dialect, whole)) return body;
  const parsed = onlyOf(whole);
  const text = messageIn(parsed) ?? plainText(body) ?? `the backend answered ${status}`;
  if (dialect === 'anthropic')
    return Buffer.from(JSON.stringify({ type: 'error', error: { type: anthropicType(status), message: text }, request_id: requestId }));
  if (dialect === 'cohere') return Buffer.from(JSON.stringify({ id: requestId, message: text }));
  return Buffer.from(JSON.stringify({ error: { message: text, type: openaiType(status), param: null, code: String(status) } }));
}

/**
 * An error of a backend that speaks another dialect, as the client's dialect has it: `type` is of the client's API, and what the backend
 * calls it is the `code`.
 */
export function translatedError(dialect: Dialect, { status, headers, body }: BackendError, requestId: string): Buffer {
  const parsed = onlyOf(parsedOrNot(body));
  const message = messageIn(parsed) ?? plainText(body) ?? `the backend answered ${status}`;
  const code = codeIn(parsed) ?? awsType(headers['x-amzn-errortype']) ?? String(status);
  if (dialect === 'anthropic')
    return Buffer.from(JSON.stringify({ type: 'error', error: { type: anthropicType(status), message, code }, request_id: requestId }));
  if (dialect === 'cohere') return Buffer.from(JSON.stringify({ id: requestId, message, code }));
  return Buffer.from(JSON.stringify({ error: { message, type: openaiType(status), param: paramIn(parsed), code } }));
}

function parsedOrNot(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** Google's OpenAI compatibility has errors as lists of one. @see https://ai.google.dev/gemini-api/docs/openai */
function onlyOf(body: unknown): unknown {
  return Array.isArray(body) ? body[0] : body;
}

/** What a provider calls an error: `error.code` and `error.type` (OpenAI, Anthropic), `error.status` (Google), `__type` (AWS). */
function codeIn(body: unknown): string | undefined {
  if (!isObject(body)) return undefined;
  const { code, status, type } = errorIn(body);
  const found = [status, code, type, body['__type']].find((each) => typeof each === 'string' && each !== '') as string | undefined;
  return found?.slice(0, 200);
}

/** `ThrottlingException:http://…` of services whose errors are named in a header. @see https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html */
function awsType(header: string | string[] | undefined): string | undefined {
  const type = typeof header === 'string' ? header.split(':')[0]!.trim() : '';
  return type === '' ? undefined : type.slice(0, 200);
}

function errorIn({ error }: Record<string, unknown>): Record<string, unknown> {
  return isObject(error) ? error : {};
}

function paramIn(body: unknown): string | null {
  const { param } = isObject(body) ? errorIn(body) : {};
  return typeof param === 'string' ? param.slice(0, 200) : null;
}

function openaiType(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

function hasShape(dialect: Dialect, body: Record<string, unknown>): boolean {
  if (dialect === 'cohere') return typeof body['message'] === 'string';
  const error = body['error'];
  const known = typeof error === 'object' && error !== null && typeof (error as Record<string, unknown>)['message'] === 'string';
  return dialect === 'anthropic' ? known && body['type'] === 'error' : known;
}

/** Where servers put the text: `error.message`, `error`, `message` (vLLM), `detail` (FastAPI), `Message` (AWS). */
function messageIn(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const { error, message, detail, Message } = body as Record<string, unknown>;
  for (const candidate of [
    typeof error === 'object' && error !== null ? (error as Record<string, unknown>)['message'] : error,
    message,
    detail,
    Message,
  ]) {
    const text = typeof candidate === 'string' ? candidate : faultsIn(isObject(candidate) ? candidate['detail'] : candidate);
    if (text !== undefined && text !== '') return text.slice(0, 2000);
  }
  return undefined;
}

/** Faults of single fields, as FastAPI tells them, and Mistral within `message`; without what was sent. */
function faultsIn(faults: unknown): string | undefined {
  if (!Array.isArray(faults)) return undefined;
  const told = faults.slice(0, 8).map((fault: unknown) => {
    if (!isObject(fault) || typeof fault['msg'] !== 'string') return undefined;
    const place = Array.isArray(fault['loc']) ? `${fault['loc'].join('.')}: ` : '';
    return place + fault['msg'];
  });
  return told.filter((each) => each !== undefined).join('; ') || undefined;
}

function plainText(body: Buffer): string | undefined {
  const text = body.toString('utf8', 0, 500).trim();
  return text === '' || text.startsWith('<') || text.startsWith('{') || /[^\u0020-\u{10ffff}\n\t]/u.test(text) ? undefined : text;
}

function anthropicType(status: number): string {
  if (status === 401) return 'authentication_error';
  if (status === 403) return 'permission_error';
  if (status === 404) return 'not_found_error';
  if (status === 413) return 'request_too_large';
  if (status === 429) return 'rate_limit_error';
  if (status === 529 || status === 503) return 'overloaded_error';
  return status < 500 ? 'invalid_request_error' : 'api_error';
}
