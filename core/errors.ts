/** How an error of ours looks in each API that a client may speak. */
export interface ErrorKind {
  readonly status: number;
  /** `error.type` of the OpenAI API. */
  readonly openai: string;
  /** `error.type` of the Anthropic API. */
  readonly anthropic: string;
  /** What the code means, for the documentation. */
  readonly meaning: string;
}

/** The one table of errors that the gateways answer by themselves. The code is in every answer and in the access log. */
export const ERRORS = {
  TK_BAD_PATH: {
    status: 400,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning: 'The path could be read in two ways (escaped slash, backslash, NUL, bad escape).',
  },
  TK_BAD_REQUEST: {
    status: 400,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning: 'The request is malformed.',
  },
  TK_BAD_JSON: {
    status: 400,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning: 'The body is not the JSON object that the endpoint takes.',
  },
  TK_MODEL_REQUIRED: {
    status: 400,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning: 'The body names no model.',
  },
  TK_UNAUTHENTICATED: {
    status: 401,
    openai: 'authentication_error',
    anthropic: 'authentication_error',
    meaning: 'No valid credential of the kind that the route asks for.',
  },
  TK_CREDENTIAL_MISSING: {
    status: 401,
    openai: 'authentication_error',
    anthropic: 'authentication_error',
    meaning: 'The backend takes its credential from the request, and the request has none.',
  },
  TK_FORBIDDEN: {
    status: 403,
    openai: 'permission_error',
    anthropic: 'permission_error',
    meaning: 'The caller is known and may not do this.',
  },
  TK_UNKNOWN_PATH: {
    status: 404,
    openai: 'invalid_request_error',
    anthropic: 'not_found_error',
    meaning: 'No endpoint and no route has this path.',
  },
  TK_MODEL_NOT_FOUND: {
    status: 404,
    openai: 'invalid_request_error',
    anthropic: 'not_found_error',
    meaning: 'No route serves this model to this host.',
  },
  TK_FEEDBACK_UNKNOWN: {
    status: 404,
    openai: 'invalid_request_error',
    anthropic: 'not_found_error',
    meaning: 'The caller has made no traced model call with this request id.',
  },
  TK_METHOD: {
    status: 405,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning: 'The endpoint takes another method.',
  },
  TK_TIMEOUT_REQUEST: {
    status: 408,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning: 'The request did not arrive in time.',
  },
  TK_LENGTH: {
    status: 413,
    openai: 'invalid_request_error',
    anthropic: 'request_too_large',
    meaning: 'The body is larger than the limit.',
  },
  TK_MEDIA_TYPE: {
    status: 415,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning: 'The endpoint takes another content type or coding.',
  },
  TK_REFUSED: {
    status: 400,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning: 'An extension refused the request.',
  },
  TK_MISDIRECTED: {
    status: 421,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning:
      'The connection was made for the name of one listener, and the request is for another listener: it belongs on a connection of its own.',
  },
  TK_UNSUPPORTED: {
    status: 422,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning:
      'The backends of the route do not have this endpoint; or the route is strict, and the API of its backend cannot say all of the request.',
  },
  TK_FILTERED: {
    status: 400,
    openai: 'invalid_request_error',
    anthropic: 'invalid_request_error',
    meaning: 'The safety filters of the provider left nothing of the answer.',
  },
  TK_RATE_LIMITED: {
    status: 429,
    openai: 'rate_limit_error',
    anthropic: 'rate_limit_error',
    meaning: 'Every backend of the route asks to wait, or a limit is reached.',
  },
  TK_BUDGET: {
    status: 429,
    openai: 'insufficient_quota',
    anthropic: 'rate_limit_error',
    meaning: 'A budget is used up, or what is left of it is too little for the request.',
  },
  TK_PRICE_UNKNOWN: {
    status: 403,
    openai: 'permission_error',
    anthropic: 'permission_error',
    meaning: 'A budget that must hold covers the request, and no price of the model or tool is known.',
  },
  TK_LIMITS_UNAVAILABLE: {
    status: 503,
    openai: 'server_error',
    anthropic: 'overloaded_error',
    meaning: 'The counts of a limit cannot be had, and the limit is set to hold all the same.',
  },
  TK_FEEDBACK_UNAVAILABLE: {
    status: 503,
    openai: 'server_error',
    anthropic: 'overloaded_error',
    meaning: 'Phoenix has not confirmed that it stored the feedback.',
  },
  TK_INTERNAL: { status: 500, openai: 'server_error', anthropic: 'api_error', meaning: 'A defect of the gateway or of an extension.' },
  TK_BROKEN_ROUTE: {
    status: 500,
    openai: 'server_error',
    anthropic: 'api_error',
    meaning: 'The route leads nowhere, or a policy that holds for it has problems: who wrote it can read why in its status.',
  },
  TK_UPSTREAM_CREDENTIAL: {
    status: 502,
    openai: 'server_error',
    anthropic: 'api_error',
    meaning: 'A backend did not accept the credential of the gateway, or the gateway has none for it now.',
  },
  TK_UPSTREAM: { status: 502, openai: 'server_error', anthropic: 'api_error', meaning: 'No backend gave a complete answer.' },
  TK_NO_BACKEND: { status: 503, openai: 'server_error', anthropic: 'overloaded_error', meaning: 'No backend can take the request now.' },
  TK_DRAINING: { status: 503, openai: 'server_error', anthropic: 'overloaded_error', meaning: 'The gateway is about to stop.' },
  TK_TIMEOUT: { status: 504, openai: 'server_error', anthropic: 'api_error', meaning: 'No backend answered in time.' },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** The one error type of the request path. Its message goes to the client: no secret, no upstream text. */
export class GatewayError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  /** Headers of the answer, such as `retry-after` or `www-authenticate`. */
  readonly headers: Readonly<Record<string, string>>;
  /** The field of the request that is at fault, as the OpenAI API's `error.param`. */
  readonly param: string | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { status?: number; headers?: Record<string, string>; param?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'GatewayError';
    this.code = code;
    this.status = options.status ?? ERRORS[code].status;
    this.headers = options.headers ?? {};
    this.param = options.param;
  }
}

/** Any throw as a GatewayError: what we did not foresee is TK_INTERNAL, and its text stays with us. */
export function toGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error;
  return new GatewayError('TK_INTERNAL', 'internal error', { cause: error });
}
