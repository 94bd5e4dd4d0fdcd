// For tests: a client of 2026-07-28.
const META = 'io.modelcontextprotocol/';

export interface Reply {
  readonly status: number;
  readonly type: string;
  /** All messages, the response last. */
  readonly messages: readonly Message[];
  readonly result: Record<string, unknown>;
  readonly error: { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> };
}

export interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: Record<string, unknown>;
  readonly result?: Record<string, unknown>;
  readonly error?: Reply['error'];
}

export interface AskOptions {
  readonly capabilities?: object;
  readonly meta?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly id?: number | string;
}

const NAMED: Readonly<Record<string, string>> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' };

function send(url: string, method: string, params: Readonly<Record<string, unknown>>, options: AskOptions): Promise<Response> {
  const { capabilities = { sampling: {}, elicitation: {}, roots: {} }, meta, headers, signal, id = 7 } = options;
  const named = NAMED[method];
  return fetch(url, {
    method: 'POST',
    ...(signal !== undefined && { signal }),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(named !== undefined && { 'mcp-name': params[named] as string }),
      ...headers,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id,
      method,
      params: {
        ...params,
        _meta: {
          [`${META}protocolVersion`]: '2026-07-28',
          [`${META}clientInfo`]: { name: 'test', version: '1' },
          [`${META}clientCapabilities`]: capabilities,
          ...meta,
        },
      },
    }),
  });
}

export async function askModern(
  url: string,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  options: AskOptions = {},
): Promise<Reply> {
  const response = await send(url, method, params, options);
  const type = response.headers.get('content-type') ?? '';
  const text = await response.text();
  const messages = type.startsWith('text/event-stream') ? messagesIn(text) : [JSON.parse(text) as Message];
  const { result = {}, error = { code: 0, message: '' } } = messages.at(-1) ?? {};
  return { status: response.status, type, messages, result, error };
}

/** Messages of a stream as they come, until it ends. It throws where the stream is cut off. */
export async function* listenModern(
  url: string,
  notifications: Readonly<Record<string, unknown>>,
  options: AskOptions = {},
): AsyncGenerator<Message, void, undefined> {
  const response = await send(url, 'subscriptions/listen', { notifications }, options);
  let rest = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const events = `${rest}${chunk}`.split('\n\n');
    rest = events.pop()!;
    yield* messagesIn(events.join('\n\n'));
  }
}

function messagesIn(stream: string): Message[] {
  return stream
    .split('\n')
    .flatMap((line) => (line.startsWith('data: ') && line !== 'data: ' ? [JSON.parse(line.slice(6)) as Message] : []));
}
