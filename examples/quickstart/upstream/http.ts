/** What a handler of the example upstream takes and returns, and the errors it throws. */
import type { IncomingHttpHeaders } from 'node:http';

export type Dialect = 'openai' | 'anthropic' | 'cohere';
export type JsonObject = Record<string, unknown>;

/** A request whose body has arrived in full. */
export interface Incoming {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer<ArrayBuffer>;
}

/** One server-sent event; `event` is absent where an API names its events only inside the data, or not at all. */
export interface ServerEvent {
  readonly event?: string;
  readonly data: string;
}

export type Answer =
  | { readonly kind: 'json'; readonly body: object }
  | { readonly kind: 'bytes'; readonly contentType: string; readonly body: Buffer | string }
  | { readonly kind: 'events'; readonly events: Iterable<ServerEvent> };

export type Handler = (request: Incoming) => Answer | Promise<Answer>;

interface ApiErrorDetail {
  /** The body field at fault, where the dialect has a place for it (OpenAI `param`). */
  readonly param?: string;
  /** OpenAI `code`. */
  readonly code?: string;
}

/** A refusal; `errorBody` words it in the caller's API. */
export class ApiError extends Error {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;

  constructor(status: number, message: string, detail: ApiErrorDetail = {}) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.param = detail.param ?? null;
    this.code = detail.code ?? null;
  }
}

/** A 400 about one field of the body; `path` as `messages[0].content`. */
export function badField(path: string, problem: string): ApiError {
  return new ApiError(400, `${path}: ${problem}`, { param: path });
}

const anthropicTypes: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  404: 'not_found_error',
  413: 'request_too_large',
};

/**
 * The error as each API writes it.
 * @see https://platform.openai.com/docs/guides/error-codes
 * @see https://docs.anthropic.com/en/api/errors
 * @see https://docs.cohere.com/reference/errors
 */
export function errorBody(dialect: Dialect, error: ApiError, requestId: string): object {
  const { status, message, param, code } = error;
  const ours = status >= 500;
  if (dialect === 'cohere') return { id: requestId, message };
  if (dialect === 'openai') return { error: { message, type: ours ? 'server_error' : 'invalid_request_error', param, code } };
  const type = anthropicTypes[status] ?? (ours ? 'api_error' : 'invalid_request_error');
  return { type: 'error', error: { type, message }, request_id: requestId };
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body as a JSON object; anything else is a 400. */
export function readJson(request: Incoming): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(request.body.toString('utf8'));
  } catch (error) {
    throw new ApiError(400, `The body is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) throw new ApiError(400, 'The body must be a JSON object.');
  return value;
}

/** An optional whole number of at least `min`; `null` when absent. */
export function readInteger(body: JsonObject, field: string, min: number): number | null {
  const value = body[field];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min)
    throw badField(field, `must be a whole number of at least ${min}`);
  return value;
}

export function readString(body: JsonObject, field: string): string {
  const value = body[field];
  if (typeof value !== 'string' || value === '') throw badField(field, 'must be a string that is not empty');
  return value;
}

/** A field that is a string or a list of strings; `[]` when absent. */
export function readStrings(body: JsonObject, field: string): string[] {
  const value = body[field];
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw badField(field, 'must be a string or a list of strings');
}

export function json(body: object): Answer {
  return { kind: 'json', body };
}
