// A client speaks one API, the backend another one: what each of them gets, in good times and in bad ones.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { ask, CHAT, eventsOf, logged, MESSAGES, RESPONSES, type TestAnswer, type TestDialect } from './dialects.fixture.ts';
import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, raw, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let openai: Upstream;
let anthropic: Upstream;
let gateway: TestGateway;

beforeAll(async () => {
  [openai, anthropic] = await Promise.all([startUpstream(answer(500, {})), startUpstream(answer(500, {}))]);
  const strict = routeYaml('strict', ['claude']).replace(
    'metadata: {name: strict}',
    'metadata: {name: strict, annotations: {tierkit.dev/translation: strict}}',
  );
  gateway = await startGateway({
    yaml: [
      backendsYaml([
        { name: 'gpt', port: openai.port, key: 'sk-openai' },
        { name: 'old', port: openai.port },
        { name: 'claude', port: anthropic.port, schema: 'Anthropic', key: 'sk-anthropic' },
      ]).replace(
        'kind: AIServiceBackend\nmetadata: {name: old}',
        'kind: AIServiceBackend\nmetadata: {name: old, annotations: {tierkit.dev/stream-usage: client, tierkit.dev/output-limit: max_tokens}}',
      ),
      routeYaml('on-old', ['old']),
      routeYaml('on-claude', ['claude']),
      routeYaml('on-gpt', ['gpt']).replace('{name: gpt, priority: 0}', '{name: gpt, priority: 0, modelNameOverride: gpt-real}'),
      routeYaml('claude-then-gpt', ['claude', 'gpt']),
      strict,
    ].join('\n---\n'),
  });
});

afterEach(() => {
  openai.requests.length = 0;
  anthropic.requests.length = 0;
  gateway.accessLog.length = 0;
});

afterAll(async () => {
  await gateway.close();
  await Promise.all([openai.close(), anthropic.close()]);
});

interface Pair {
  readonly client: TestDialect;
  readonly backend: TestDialect;
  readonly model: string;
  readonly upstream: () => Upstream;
  readonly path: string;
  /** Headers that a backend of this API has to get. */
  readonly own: object;
}

const PAIRS: readonly Pair[] = [
  {
    client: CHAT,
    backend: MESSAGES,
    model: 'on-claude',
    upstream: () => anthropic,
    path: '/v1/messages',
    own: { 'x-api-key': 'sk-anthropic', 'anthropic-version': '2023-06-01' },
  },
  {
    client: MESSAGES,
    backend: CHAT,
    model: 'on-gpt',
    upstream: () => openai,
    path: '/v1/chat/completions',
    own: { authorization: 'Bearer sk-openai' },
  },
];
/** The path of a client's API at the gateway. */
const call = ({ client, model }: Pair, stream: boolean, more: object = {}): Promise<TestAnswer> =>
  ask(gateway.url, client.path, { ...client.request(model, stream), max_tokens: 50, ...more });

const textIn = ({ text }: TestAnswer): string =>
  [...text.matchAll(/"(?:content|text)":"((?:\\.|[^"\\])*)"/g)].map(([, each]) => JSON.parse(`"${each}"`) as string).join('');

describe.each(PAIRS)('a client of $client.name, and a backend of $backend.name', (pair) => {
  test('a whole answer', async () => {
    pair.upstream().script(answer(200, pair.backend.whole('hello')));
    const told = await call(pair, false);
    expect(told.status).toBe(200);
    expect(told.headers['content-type']).toBe('application/json');
    const mine = JSON.parse(told.text) as object;
    expect(Object.keys(mine)).toEqual(expect.arrayContaining(Object.keys(pair.client.whole('')).filter((key) => key !== 'object')));
    expect(textIn(told)).toBe('hello');
    const [request] = pair.upstream().requests;
    expect(request).toMatchObject({ method: 'POST', path: pair.path });
    expect(JSON.parse(request!.body.toString())).toMatchObject({ model: pair.model === 'on-gpt' ? 'gpt-real' : 'on-claude' });
    expect(await logged(gateway.accessLog)).toMatchObject({
      response_code: 200,
      genai_tokens_input: 5,
      genai_tokens_output: 7,
      translated_to: pair.backend.name === 'chat' ? 'openai-chat' : 'anthropic-messages',
    });
  });

  test('a stream, with the usage for the settlement', async () => {
    pair.upstream().script(sse(eventsOf(pair.backend, ['hel', 'lo'])));
    const told = await call(pair, true);
    expect(told).toMatchObject({ status: 200, whole: true });
    expect(told.headers['content-type']).toMatch('text/event-stream');
    expect(textIn(told)).toBe('hello');
    expect(told.text).toContain(pair.client.endMarker);
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: true, genai_tokens_input: 5, genai_tokens_output: 7 });
  });

  test('the credential and the version are of the backend, and nothing is the client’s', async () => {
    pair.upstream().script(answer(200, pair.backend.whole('hello')));
    await ask(gateway.url, pair.client.path, { ...pair.client.request(pair.model, false), max_tokens: 5 }, CLIENT);
    const { headers } = pair.upstream().requests[0]!;
    expect(JSON.stringify(headers)).not.toContain('client-');
    expect(headers).toMatchObject(pair.own);
  });

  test('an error of the backend: its status, its text and its name of it, in the client’s form', async () => {
    const body = { type: 'error', error: { type: 'billing_error', message: 'no money' } };
    pair.upstream().script(answer(402, body, { 'request-id': 'req_1', 'retry-after': '7' }));
    const told = await call(pair, false);
    expect(told.status).toBe(402);
    expect(pair.client.error(told.text)).toEqual({ message: 'no money', code: 'billing_error' });
    expect(told.headers).toMatchObject({ 'request-id': 'req_1', 'retry-after': '7' });
  });

  test.each([
    ['HTML', answer(503, '<html>busy</html>', { 'content-type': 'text/html' }), 503, 'the backend answered 503'],
    ['a text', answer(500, 'out of memory', { 'content-type': 'text/plain' }), 500, 'out of memory'],
    ['an answer of another API', answer(200, { nothing: 'of this kind' }), 502, 'the backend’s answer'],
    ['a whole answer where a stream is asked for', answer(200, { id: 'x' }), 502, 'no stream'],
  ])('%s', async (name, script, status, message) => {
    pair.upstream().script(script);
    const told = await call(pair, name.includes('stream'));
    expect(told.status).toBe(status);
    expect(pair.client.error(told.text).message).toContain(message);
  });

  test('a stream that breaks off says so', async () => {
    const { before, tokens } = pair.backend.stream(['hel', 'lo']);
    pair.upstream().script(sse([...before, ...tokens], { close: 'cut' }));
    const told = await call(pair, true);
    expect(textIn(told)).toContain('hello');
    expect(pair.client.endsWithError(told.text)).toBe(true);
    expect(told.text).not.toContain(pair.client.endMarker);
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: false });
  });

  test('a stream that ends in the midst of its answer says so, though its connection ended well', async () => {
    const { before, tokens } = pair.backend.stream(['hel', 'lo']);
    pair.upstream().script(sse([...before, ...tokens]));
    const told = await call(pair, true);
    expect(pair.client.endsWithError(told.text)).toBe(true);
  });

  test('an error event of the backend is one of the client’s API', async () => {
    const { before, tokens } = pair.backend.stream(['hel']);
    pair.upstream().script(sse([...before, ...tokens, pair.backend.errorEvent('overloaded')]));
    const told = await call(pair, true);
    expect(pair.client.endsWithError(told.text)).toBe(true);
    expect(told.text).toContain('overloaded');
  });

  test('an event that is no JSON, after the first token', async () => {
    const { before, tokens } = pair.backend.stream(['hel']);
    pair.upstream().script(sse([...before, ...tokens, 'event: message_delta\ndata: {"a\n\n']));
    const told = await call(pair, true);
    expect(pair.client.endsWithError(told.text)).toBe(true);
    expect(told.text).toContain('no JSON');
  });

  test('the client leaves, and so does the request to the backend', async () => {
    const { before, tokens } = pair.backend.stream(['hel']);
    pair.upstream().script(sse([...before, ...tokens], { close: 'hang' }));
    const leave = new AbortController();
    const body = JSON.stringify({ ...pair.client.request(pair.model, true), max_tokens: 5 });
    const response = await fetch(gateway.url + pair.client.path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
      signal: leave.signal,
    });
    await response.body!.getReader().read();
    leave.abort();
    await pair.upstream().requests[0]!.closed;
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: false, response_flags: 'DC', usage_source: 'estimated' });
  });
});

const CLIENT = {
  authorization: 'Bearer client-1',
  'x-api-key': 'client-2',
  'anthropic-beta': 'client-3',
  'openai-organization': 'client-4',
  cookie: 'a=client-5',
};

describe('one rule, two APIs', () => {
  test('a failure before the first token moves on to the backend of the other API', async () => {
    anthropic.script(sse(MESSAGES.stream(['x']).before, { close: 'cut' }));
    openai.script(sse(eventsOf(CHAT, ['hel', 'lo'])));
    for (const client of [CHAT, MESSAGES]) {
      const told = await ask(gateway.url, client.path, { ...client.request('claude-then-gpt', true), max_tokens: 5 });
      expect(told).toMatchObject({ status: 200, whole: true });
      expect(textIn(told)).toBe('hello');
      expect(told.text).toContain(client.endMarker);
    }
    // What passes to a backend of the client's own API has nothing of the attempt before.
    expect(JSON.parse(openai.requests[0]!.body.toString())).toEqual({
      ...CHAT.request('claude-then-gpt', true),
      max_tokens: 5,
      stream_options: { include_usage: true },
    });
  });

  test('what only one of the APIs can say goes to its backend', async () => {
    openai.script(answer(200, RESPONSES.whole('hello')));
    const request = { model: 'claude-then-gpt', input: 'hi', previous_response_id: 'resp_1' };
    expect(textIn(await ask(gateway.url, RESPONSES.path, request))).toBe('hello');
    expect(anthropic.requests).toEqual([]);
    expect(JSON.parse(openai.requests[0]!.body.toString())).toEqual(request);
    const alone = await ask(gateway.url, RESPONSES.path, { ...request, model: 'on-claude' });
    expect(alone.status).toBe(422);
    expect(RESPONSES.error(alone.text).message).toContain('previous_response_id');
  });

  test('several answers are asked of the one that gives them', async () => {
    openai.script(answer(200, CHAT.whole('hello')));
    const request = { ...CHAT.request('claude-then-gpt', false), n: 2 };
    expect((await ask(gateway.url, CHAT.path, request)).status).toBe(200);
    expect(anthropic.requests).toEqual([]);
    expect(JSON.parse(openai.requests[0]!.body.toString())).toEqual(request);
    const alone = await ask(gateway.url, CHAT.path, { ...request, model: 'on-claude' });
    expect(alone).toMatchObject({ status: 422, text: expect.stringContaining('"param":"n"') as string });
  });

  test('a backend without such an endpoint is passed over', async () => {
    openai.script(answer(200, { object: 'list', data: [], model: 'e', usage: { prompt_tokens: 1, total_tokens: 1 } }));
    const told = await ask(gateway.url, '/v1/embeddings', { model: 'claude-then-gpt', input: 'hi' });
    expect(told.status).toBe(200);
    expect(anthropic.requests).toEqual([]);
  });
});

test('a server that does not know all of chat completions is asked in the words that it knows', async () => {
  openai.script(sse(eventsOf(CHAT, ['hel', 'lo'])));
  const request = { ...MESSAGES.request('on-old', true), max_tokens: 50 };
  const told = await ask(gateway.url, MESSAGES.path, request);
  expect(textIn(told)).toBe('hello');
  expect(JSON.parse(openai.requests[0]!.body.toString())).toEqual({
    model: 'on-old',
    messages: [{ role: 'user', content: 'hi' }],
    stream: true,
    max_tokens: 50,
  });
  expect(await logged(gateway.accessLog)).toMatchObject({ genai_tokens_input: 5, genai_tokens_output: 7 });
});

describe('what cannot be said', () => {
  const request = { ...CHAT.request('on-claude', false), max_tokens: 9, seed: 1, logit_bias: { 5: 1 }, temperature: 1.5 };

  test('is told, in the answer and in the log', async () => {
    anthropic.script(answer(200, MESSAGES.whole('hello')));
    const { headers } = await ask(gateway.url, CHAT.path, request);
    expect(headers['x-tierkit-dropped']!.toString().split(', ').sort()).toEqual(['logit_bias', 'seed']);
    expect(headers['x-tierkit-approximated']).toBe('temperature');
    expect(await logged(gateway.accessLog)).toMatchObject({
      translation_dropped: expect.arrayContaining(['seed', 'logit_bias']) as unknown,
      translation_approximated: ['temperature'],
    });
  });

  test('of a stream is told before it begins', async () => {
    anthropic.script(sse(eventsOf(MESSAGES, ['hello'])));
    const { headers } = await ask(gateway.url, CHAT.path, { ...request, stream: true });
    expect(headers['x-tierkit-dropped']).toContain('seed');
  });

  test('is refused where the route is strict, by its name', async () => {
    const told = await ask(gateway.url, CHAT.path, { ...request, model: 'strict' });
    expect(told.status).toBe(422);
    expect(JSON.parse(told.text)).toMatchObject({ error: { param: expect.stringMatching(/seed|logit_bias/) as unknown } });
    expect(told.text).toContain('anthropic-messages');
    expect(anthropic.requests).toEqual([]);
  });

  test('names that no header can have are told as far as they can be', async () => {
    anthropic.script(answer(200, MESSAGES.whole('hello')));
    const told = await ask(gateway.url, CHAT.path, { ...CHAT.request('on-claude', false), max_tokens: 9, 'größe, \n': 1 });
    expect(told.status).toBe(200);
    expect(told.headers['x-tierkit-dropped']).toBe('gr??e???');
  });

  test('a request that cannot be understood is the client’s to mend, and no backend is asked', async () => {
    const told = await ask(gateway.url, CHAT.path, { model: 'claude-then-gpt', messages: [{ role: 'robot', content: 'hi' }] });
    expect(told.status).toBe(400);
    expect(JSON.parse(told.text)).toMatchObject({ error: { param: 'messages[0].role' } });
    expect([...anthropic.requests, ...openai.requests]).toEqual([]);
  });
});

test('a stream whose bytes come one by one, and end without a blank line', async () => {
  const bytes = Buffer.from(eventsOf(CHAT, ['hel', 'lo']).join('').trimEnd());
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
  const chunks = [...bytes].map((byte) => Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
  openai.script(raw(Buffer.concat([Buffer.from(head), ...chunks, Buffer.from('0\r\n\r\n')])));
  const told = await ask(gateway.url, MESSAGES.path, { ...MESSAGES.request('on-gpt', true), max_tokens: 5 });
  expect(textIn(told)).toBe('hello');
  expect(told.text).toContain('message_stop');
});

const lacking = (name: string, lacks: string) => (yaml: string) =>
  yaml.replace(
    `kind: AIServiceBackend\nmetadata: {name: ${name}}`,
    `kind: AIServiceBackend\nmetadata: {name: ${name}, annotations: {tierkit.dev/lacks: "${lacks}"}}`,
  );

test('a server whose model goes on from its thoughts gets them back, whatever API the client speaks', async () => {
  const yaml = backendsYaml([{ name: 'deep', port: openai.port }]).replace(
    'kind: AIServiceBackend\nmetadata: {name: deep}',
    'kind: AIServiceBackend\nmetadata: {name: deep, annotations: {tierkit.dev/thoughts: reasoning_content, tierkit.dev/lacks: responses}}',
  );
  const deep = await startGateway({ yaml: [yaml, routeYaml('deep', ['deep'])].join('\n---\n') });
  const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{}' } };
  const message = { role: 'assistant', content: null, reasoning_content: 'hm', tool_calls: [call] };
  const thought = { ...CHAT.whole(''), choices: [{ index: 0, message, finish_reason: 'tool_calls' }] };
  try {
    openai.script(answer(200, thought));
    const tools = [{ name: 'weather', input_schema: { type: 'object' } }];
    const first = { ...MESSAGES.request('deep', false), tools };
    const { content } = JSON.parse((await ask(deep.url, MESSAGES.path, first)).text) as { content: object[] };
    const results = [{ type: 'tool_result', tool_use_id: 'c1', content: 'sun' }];
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content },
      { role: 'user', content: results },
    ];
    const told = await ask(deep.url, MESSAGES.path, { ...first, messages });
    expect(told.headers).not.toHaveProperty('x-tierkit-dropped');
    const asked = { model: 'deep', input: 'hi', tools: [{ type: 'function', name: 'weather', parameters: {} }] };
    const { output } = JSON.parse((await ask(deep.url, RESPONSES.path, asked)).text) as { output: object[] };
    const given = { type: 'function_call_output', call_id: 'c1', output: 'sun' };
    await ask(deep.url, RESPONSES.path, { ...asked, input: [{ role: 'user', content: 'hi' }, ...output, given] });
    const sent = openai.requests.map(({ body }) => (JSON.parse(body.toString()) as { messages: object[] }).messages[1]);
    const back = { role: 'assistant', reasoning_content: 'hm', tool_calls: [{ id: 'c1' }] };
    expect([sent[1], sent[3]]).toMatchObject([back, back]);
  } finally {
    await deep.close();
  }
});

describe('a server that does not have all of its API', () => {
  let partial: TestGateway;
  beforeAll(async () => {
    const names = ['only-chat', 'only-responses', 'whole'];
    const backends = backendsYaml(names.map((name) => ({ name, port: openai.port })));
    const yaml = lacking('only-chat', 'responses, embeddings')(lacking('only-responses', 'chat')(backends));
    const routes = [...names.map((name) => routeYaml(name, [name])), routeYaml('chat-then-whole', ['only-chat', 'whole'])];
    partial = await startGateway({ yaml: [yaml, ...routes].join('\n---\n') });
  });

  afterAll(() => partial.close());

  test.each([
    [RESPONSES, CHAT, 'only-chat'],
    [CHAT, RESPONSES, 'only-responses'],
    [MESSAGES, RESPONSES, 'only-responses'],
    [MESSAGES, CHAT, 'only-chat'],
  ])('%# is asked in the one that it has', async (client, backend, model) => {
    openai.script(answer(200, backend.whole('hello')), sse(eventsOf(backend, ['hel', 'lo'])));
    expect(textIn(await ask(partial.url, client.path, client.request(model, false)))).toBe('hello');
    const told = await ask(partial.url, client.path, client.request(model, true));
    expect(textIn(told)).toMatch(/^hello/);
    expect(told.text).toContain(client.endMarker);
    expect(openai.requests.map(({ path }) => path)).toEqual([backend.path, backend.path]);
  });

  test('is passed over for one that has it, or refuses', async () => {
    openai.script(answer(200, { object: 'list', data: [] }));
    expect((await ask(partial.url, '/v1/embeddings', { model: 'chat-then-whole', input: 'x' })).status).toBe(200);
    expect(openai.requests).toHaveLength(1);
    const refused = await ask(partial.url, '/v1/embeddings', { model: 'only-chat', input: 'x' });
    expect(refused).toMatchObject({ status: 422, text: expect.stringContaining('nothing like /v1/embeddings') as string });
  });
});
