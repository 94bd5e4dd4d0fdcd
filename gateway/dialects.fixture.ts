// For tests: the same conversation in the three APIs that stream, as clients ask and backends answer.
import http from 'node:http';

import { backendsYaml, routeYaml } from './gateway.fixture.ts';

export interface TestDialect {
  readonly name: 'chat' | 'messages' | 'responses';
  /** At the gateway. */
  readonly path: string;
  /** Model of the route that has two backends. */
  readonly model: string;
  request(model: string, stream: boolean): object;
  /** A whole answer with this text. */
  whole(text: string): object;
  /** Events of a stream: those before the first token, one for each word, and those that end it. */
  stream(words: readonly string[]): { readonly before: string[]; readonly tokens: string[]; readonly after: string[] };
  /** A backend's own error event. */
  errorEvent(message: string): string;
  /** What only a complete stream has. */
  readonly endMarker: string;
  /** Whether the text ends with an error event in the API's own form. */
  endsWithError(text: string): boolean;
  /** Message and code of an error answer; throws when it has another form. */
  error(body: string): { message: string; code: string | undefined };
}

const event = (data: object, named = true) =>
  `${named ? `event: ${(data as { type: string }).type}\n` : ''}data: ${JSON.stringify(data)}\n\n`;

function lastData(text: string): Record<string, unknown> {
  const data = /data: (.*)\n\n$/.exec(text)?.[1] ?? '';
  return data.startsWith('{') ? (JSON.parse(data) as Record<string, unknown>) : {};
}

function openaiError(body: string) {
  const { error } = JSON.parse(body) as { error: { message: string; type: string; code: string } };
  if (typeof error.message !== 'string' || typeof error.type !== 'string') throw new Error(`no error of the OpenAI API: ${body}`);
  return { message: error.message, code: error.code };
}

const chunkOf = (choices: object[], more: object = {}) =>
  event({ id: 'c1', object: 'chat.completion.chunk', model: 'real-chat', choices, ...more }, false);

export const CHAT: TestDialect = {
  name: 'chat',
  path: '/v1/chat/completions',
  model: 'openai-pair',
  request: (model, stream) => ({ model, messages: [{ role: 'user', content: 'hi' }], ...(stream ? { stream: true } : {}) }),
  whole: (text) => ({
    id: 'c1',
    object: 'chat.completion',
    model: 'real-chat',
    choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 },
  }),
  stream: (words) => ({
    before: [chunkOf([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }])],
    tokens: words.map((word) => chunkOf([{ index: 0, delta: { content: word }, finish_reason: null }])),
    after: [
      chunkOf([{ index: 0, delta: {}, finish_reason: 'stop' }]),
      chunkOf([], { usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 } }),
      'data: [DONE]\n\n',
    ],
  }),
  errorEvent: (message) => event({ error: { message, type: 'server_error' } }, false),
  endMarker: '[DONE]',
  endsWithError: (text) => typeof (lastData(text)['error'] as { message?: unknown } | undefined)?.message === 'string',
  error: openaiError,
};

export const MESSAGES: TestDialect = {
  name: 'messages',
  path: '/anthropic/v1/messages',
  model: 'anthropic-pair',
  request: (model, stream) => ({
    model,
    max_tokens: 100,
    messages: [{ role: 'user', content: 'hi' }],
    ...(stream ? { stream: true } : {}),
  }),
  whole: (text) => ({
    id: 'm1',
    type: 'message',
    role: 'assistant',
    model: 'real-messages',
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    usage: { input_tokens: 5, output_tokens: 7 },
  }),
  stream: (words) => ({
    before: [
      event({
        type: 'message_start',
        message: { id: 'm1', role: 'assistant', model: 'real-messages', content: [], usage: { input_tokens: 5, output_tokens: 1 } },
      }),
      event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
      event({ type: 'ping' }),
    ],
    tokens: words.map((word) => event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: word } })),
    after: [
      event({ type: 'content_block_stop', index: 0 }),
      event({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 7 } }),
      event({ type: 'message_stop' }),
    ],
  }),
  errorEvent: (message) => event({ type: 'error', error: { type: 'overloaded_error', message } }),
  endMarker: 'message_stop',
  endsWithError: (text) => /event: error\n.*\n\n$/.test(text) && lastData(text)['type'] === 'error',
  error(body) {
    const { type, error } = JSON.parse(body) as { type: string; error: { type: string; message: string; code?: string } };
    if (type !== 'error' || typeof error.type !== 'string') throw new Error(`no error of the Anthropic API: ${body}`);
    return { message: error.message, code: error.code };
  },
};

const response = (status: string, more: object = {}) => ({ id: 'r1', object: 'response', model: 'real-responses', status, ...more });

export const RESPONSES: TestDialect = {
  name: 'responses',
  path: '/v1/responses',
  model: 'openai-pair',
  request: (model, stream) => ({ model, input: 'hi', ...(stream ? { stream: true } : {}) }),
  whole: (text) =>
    response('completed', {
      error: null,
      output: [{ type: 'message', content: [{ type: 'output_text', text }] }],
      usage: { input_tokens: 5, output_tokens: 7, total_tokens: 12 },
    }),
  stream: (words) => ({
    before: [
      event({ type: 'response.created', response: response('in_progress') }),
      event({ type: 'response.in_progress', response: response('in_progress') }),
      event({ type: 'response.output_item.added', output_index: 0, item: { type: 'message', content: [] } }),
      event({ type: 'response.content_part.added', output_index: 0, content_index: 0, part: { type: 'output_text', text: '' } }),
    ],
    tokens: words.map((word) => event({ type: 'response.output_text.delta', output_index: 0, content_index: 0, delta: word })),
    after: [
      event({ type: 'response.output_text.done', output_index: 0, text: words.join('') }),
      event({
        type: 'response.completed',
        response: response('completed', { usage: { input_tokens: 5, output_tokens: 7, total_tokens: 12 } }),
      }),
    ],
  }),
  errorEvent: (message) => event({ type: 'error', code: 'server_error', message, param: null }),
  endMarker: 'response.completed',
  endsWithError: (text) => /event: error\n.*\n\n$/.test(text) && typeof lastData(text)['message'] === 'string',
  error: openaiError,
};

export const DIALECTS: readonly TestDialect[] = [CHAT, MESSAGES, RESPONSES];

export function dialectOf(path: string): TestDialect {
  return path.includes('messages') ? MESSAGES : path.includes('responses') ? RESPONSES : CHAT;
}

/** The whole stream as one list of events. */
export function eventsOf(dialect: TestDialect, words: readonly string[]): string[] {
  const { before, tokens, after } = dialect.stream(words);
  return [...before, ...tokens, ...after];
}

/**
 * Routes `openai-pair` and `anthropic-pair`, whose first backend is at the one port and the second at the other, and `openai-only` and
 * `anthropic-only` with the first alone. The first backends have the key `sk-first`, the second `sk-second`.
 * @param rule further lines of each rule, indented by four spaces
 */
export function pairsYaml(firstPort: number, secondPort: number, rule = ''): string {
  return [
    backendsYaml([
      { name: 'openai-first', port: firstPort, key: 'sk-first' },
      { name: 'openai-second', port: secondPort, key: 'sk-second' },
      { name: 'anthropic-first', port: firstPort, schema: 'Anthropic', key: 'sk-first' },
      { name: 'anthropic-second', port: secondPort, schema: 'Anthropic', key: 'sk-second' },
    ]),
    routeYaml('openai-pair', ['openai-first', 'openai-second'], rule),
    routeYaml('openai-only', ['openai-first'], rule),
    routeYaml('anthropic-pair', ['anthropic-first', 'anthropic-second'], rule),
    routeYaml('anthropic-only', ['anthropic-first'], rule),
  ].join('\n---\n');
}

export interface TestAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** Whether the HTTP message is whole: its last chunk, or all of its length. */
  readonly whole: boolean;
}

/** Asks on a connection of its own, and reads to the end. */
export function ask(url: string, path: string, body: object | string, headers: Record<string, string> = {}): Promise<TestAnswer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url + path, { method: 'POST', agent: false, headers: { 'content-type': 'application/json', ...headers } });
    request.on('error', reject);
    request.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (data: Buffer) => chunks.push(data));
      incoming.on('error', () => {});
      incoming.on('close', () =>
        resolve({
          status: incoming.statusCode!,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString(),
          whole: incoming.complete,
        }),
      );
    });
    request.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}

/** Waits for the n-th line of the access log. */
export async function logged(lines: readonly Record<string, unknown>[], count = 1): Promise<Record<string, unknown>> {
  await eventually(() => lines.length >= count, `${count} lines in the access log`);
  return lines[count - 1]!;
}

/** Waits until it is so. @throws after three seconds */
export async function eventually(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 3000;
  while (!(await check())) {
    if (performance.now() > end) throw new Error(`not within three seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Requests in flight at all backends, as the admin port says. */
export async function inFlight(adminUrl: string): Promise<number> {
  const config = await (await fetch(`${adminUrl}/config`)).text();
  return [...config.matchAll(/"inFlight":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
}
