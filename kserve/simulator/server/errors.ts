/** An answer with an error, in the shape of vLLM's `ErrorResponse`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly type: string;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    options: { readonly type?: string; readonly param?: string | null; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.type = options.type ?? TYPES[status] ?? (status < 500 ? 'BadRequestError' : 'InternalServerError');
    this.param = options.param ?? null;
    this.headers = options.headers ?? {};
  }

  /** The body as OpenAI's endpoints say it. */
  body(): object {
    return { error: { message: this.message, type: this.type, param: this.param, code: this.status } };
  }

  /** The body as Anthropic's endpoints say it. */
  anthropicBody(): object {
    const type =
      this.status === 404
        ? 'not_found_error'
        : this.status === 429
          ? 'rate_limit_error'
          : this.status < 500
            ? 'invalid_request_error'
            : 'api_error';
    return { type: 'error', error: { type, message: this.message } };
  }
}

/** vLLM's names of errors, by status. */
const TYPES: Readonly<Record<number, string>> = {
  400: 'BadRequestError',
  404: 'NotFoundError',
  405: 'MethodNotAllowed',
  413: 'BadRequestError',
  429: 'RateLimitError',
  500: 'InternalServerError',
  501: 'NotImplementedError',
  503: 'ServiceUnavailableError',
};

/** The refusal of a prompt and answer that do not fit the context (vLLM from 0.19 on). */
export function contextLengthError(maxModelLen: number, inputTokens: number, outputTokens: number): ApiError {
  const sum = inputTokens + outputTokens;
  return new ApiError(
    400,
    `This model's maximum context length is ${maxModelLen} tokens. However, you requested ${outputTokens} output tokens and your prompt ` +
      `contains at least ${inputTokens} input tokens, for a total of at least ${sum} tokens. Please reduce the length of the input prompt ` +
      `or the number of requested output tokens. (parameter=input_tokens, value=${inputTokens})`,
    { param: 'input_tokens' },
  );
}

export function modelNotFound(model: string): ApiError {
  return new ApiError(404, `The model \`${model}\` does not exist.`, { param: 'model' });
}
