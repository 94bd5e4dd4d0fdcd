import { afterEach, describe, expect, it } from 'vitest';

import { named, SHOWS, startTracing } from '#core/telemetry/trace/tracing.fixture';

import { backendsYaml, routeYaml, startGateway } from './gateway.fixture.ts';
import { answer, hang, resetBeforeHead, type Script, slow, sse, startUpstream } from './upstream.fixture.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const KEY = 'sk-backend-canary-0123456789';
const CHAT = {
  id: 'chat-1',
  model: 'm-2026',
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello you' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12, prompt_tokens_details: { cached_tokens: 4 } },
};
const HI = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };

interface Options {
  readonly env?: Record<string, string>;
  readonly scripts?: readonly Script[];
  /** Of a second backend. */
  readonly second?: readonly Script[];
  /** Further resources. */
  readonly yaml?: string;
}

async function start({ env = {}, scripts = [answer(200, CHAT)], second, yaml = '' }: Options = {}) {
  const upstream = await startUpstream(...scripts);
  const other = await startUpstream(...(second ?? [hang]));
  const test = startTracing(env);
  const backends = [
    { name: 'a', port: upstream.port, key: KEY },
    { name: 'b', port: other.port, key: KEY },
  ];
  const gateway = await startGateway({
    yaml: `${backendsYaml(backends)}\n---\n${routeYaml('m', second === undefined ? ['a'] : ['a', 'b'])}${yaml}`,
    tracing: test.tracing,
  });
  closers.push(
    () => upstream.close(),
    () => other.close(),
    () => gateway.close(),
  );
  const post = (body: object, headers: Record<string, string> = {}, path = '/v1/chat/completions', signal?: AbortSignal) =>
    fetch(gateway.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      ...(signal === undefined ? {} : { signal }),
    });
  return { upstream, other, gateway, post, ...test };
}

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', model: 'm-1', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const STREAM = [
  chunk({ role: 'assistant', content: '' }),
  chunk({ content: 'hel' }),
  chunk({ content: 'lo' }),
  chunk({}, 'length'),
  'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}}\n\n',
  'data: [DONE]\n\n',
];

describe('a chat completion', () => {
  it('has one span with tokens, and one for its attempt', async () => {
    const { post, spans, upstream, gateway } = await start({ env: SHOWS });
    await (await post({ ...HI, temperature: 0.5 }, { 'agent-session-id': 's-1' })).text();
    const all = await spans(2);
    expect(all.map(({ name }) => name)).toEqual(['ChatCompletion', 'attempt default/a']);
    const root = named(all, 'ChatCompletion');
    expect(root.attributes).toMatchObject({
      'openinference.span.kind': 'LLM',
      'llm.model_name': 'm-2026',
      'llm.token_count.prompt': 9,
      'llm.token_count.completion': 3,
      'llm.token_count.total': 12,
      'llm.token_count.prompt_details.cache_read': 4,
      'llm.input_messages.0.message.content': 'hi',
      'llm.output_messages.0.message.content': 'hello you',
      'llm.invocation_parameters': '{"model":"m","temperature":0.5}',
      'session.id': 's-1',
      'tierkit.request_id': gateway.accessLog[0]!['x-request-id'],
    });
    expect(root.status.code).toBe(1);
    expect(root.parentSpanContext).toBeUndefined();
    const attempt = named(all, 'attempt default/a');
    expect(attempt.parentSpanContext?.spanId).toBe(root.spanContext().spanId);
    const { traceId } = root.spanContext();
    expect(upstream.requests[0]!.headers).toMatchObject({
      traceparent: `00-${traceId}-${attempt.spanContext().spanId}-01`,
      tracestate: 'tierkit=llm',
    });
    expect(gateway.accessLog[0]!['trace_id']).toBe(traceId);
  });

  it('streamed has the text of its parts', async () => {
    const { post, spans } = await start({ env: SHOWS, scripts: [sse(STREAM)] });
    const text = await (await post({ ...HI, stream: true })).text();
    // What the client gets is the same as without traces: the usage that it did not ask for is not in it.
    expect(text).toBe(STREAM.filter((event) => !event.includes('"usage"')).join(''));
    const root = named(await spans(2), 'ChatCompletion');
    expect(root.attributes).toMatchObject({
      'llm.output_messages.0.message.content': 'hello',
      'llm.finish_reason': 'length',
      'llm.token_count.completion': 2,
    });
    expect(root.events.map(({ name }) => name)).toContain('First Token Stream Event');
  });

  it('of a client of messages is told as its client hears it, with what could not be said', async () => {
    const { post, spans } = await start({ env: SHOWS, scripts: [sse(STREAM), answer(200, CHAT)] });
    const messages = { ...HI, max_tokens: 9, top_k: 5 };
    await (await post({ ...messages, stream: true }, {}, '/anthropic/v1/messages')).text();
    const streamed = named(await spans(2), 'Message');
    expect(streamed.attributes).toMatchObject({
      'llm.output_messages.0.message.content': 'hello',
      'llm.token_count.completion': 2,
      'tierkit.translated_to': 'openai-chat',
      'tierkit.translation.dropped': ['top_k'],
    });
    await (await post(messages, {}, '/anthropic/v1/messages')).text();
    const whole = (await spans(4)).findLast(({ name }) => name === streamed.name)!;
    expect(JSON.stringify(whole.attributes)).toContain('hello you');
  });

  it("goes on with the trace that it comes with, and with nobody else's headers", async () => {
    const { post, spans, upstream } = await start();
    const trace = 'd'.repeat(32);
    await (await post(HI, { traceparent: `00-${trace}-${'e'.repeat(16)}-01`, tracestate: 'vendor=1' })).text();
    const root = named(await spans(2), 'ChatCompletion');
    expect(root.spanContext().traceId).toBe(trace);
    expect(root.parentSpanContext).toMatchObject({ spanId: 'e'.repeat(16), isRemote: true });
    const { lines } = upstream.requests[0]!;
    expect(lines.filter(([name]) => name === 'traceparent')).toHaveLength(1);
    expect(lines.filter(([name]) => name === 'tracestate')).toEqual([['tracestate', 'tierkit=llm,vendor=1']]);
  });
});

describe('what went wrong', () => {
  it('a fallback has a span for each attempt, with why it ended', async () => {
    const { post, spans } = await start({ scripts: [answer(503, { error: 'x' })], second: [answer(200, CHAT)] });
    await (await post(HI)).text();
    const all = await spans(3);
    expect(all.map(({ name }) => name)).toEqual(['ChatCompletion', 'attempt default/a', 'attempt default/b']);
    expect(named(all, 'attempt default/a').attributes).toMatchObject({
      'tierkit.attempt.ended': 'status',
      'http.response.status_code': 503,
      'error.type': 'upstream_overloaded',
    });
    expect(named(all, 'attempt default/a').status.code).toBe(2);
    expect(named(all, 'attempt default/b').attributes['tierkit.attempt.ended']).toBe('ok');
    expect(named(all, 'ChatCompletion').status.code).toBe(1);
    expect(named(all, 'ChatCompletion').attributes['tierkit.kept_for']).toBe('fallback');
  });

  it.each([
    ['reset', [resetBeforeHead], 'upstream_reset', 'InternalServerError'],
    ['429', [answer(429, { error: { message: 'slow down' } })], 'upstream_rate_limited', 'RateLimitError'],
    ['400', [answer(400, { error: { message: 'bad' } })], 'upstream_invalid_request', 'BadRequestError'],
    ['no JSON', [answer(200, 'hello')], 'upstream_malformed', 'InternalServerError'],
  ] as const)('%s has its type', async (_, scripts, type, exception) => {
    const { post, spans } = await start({ scripts });
    await (await post(HI)).text();
    const root = named(await spans(2), 'ChatCompletion');
    expect(root.attributes['error.type']).toBe(type);
    expect(root.status.code).toBe(2);
    expect(root.events.find(({ name }) => name === 'exception')!.attributes!['exception.type']).toBe(exception);
  });

  it('a stream that breaks off says so, and has what was said', async () => {
    const { post, spans } = await start({ env: SHOWS, scripts: [sse(STREAM.slice(0, 3), { close: 'cut' })] });
    await (await post({ ...HI, stream: true })).text();
    const root = named(await spans(2), 'ChatCompletion');
    expect(root.attributes).toMatchObject({
      'error.type': 'upstream_truncated',
      'llm.output_messages.0.message.content': 'hello',
      'tierkit.usage_source': 'estimated',
    });
    expect(root.status.code).toBe(2);
  });

  it('a client that leaves is no error', async () => {
    const { post, spans } = await start({ env: SHOWS, scripts: [sse(STREAM.slice(0, 3), { close: 'hang' })] });
    const abort = new AbortController();
    const response = await post({ ...HI, stream: true }, {}, undefined, abort.signal);
    await response.body!.getReader().read();
    abort.abort();
    const all = await spans(2);
    expect(named(all, 'ChatCompletion').attributes).toMatchObject({ 'tierkit.client_gone': true });
    expect(named(all, 'ChatCompletion').status.code).toBe(0);
    expect(named(all, 'attempt default/a').attributes['tierkit.attempt.ended']).toBe('client_gone');
  });

  it('what we refuse has our code and our words', async () => {
    const { post, spans } = await start();
    expect((await post({ model: 'other', messages: [] })).status).toBe(404);
    const [root] = await spans(1);
    expect(root!.attributes).toMatchObject({ 'error.type': 'not_found', 'tierkit.error_code': 'TK_MODEL_NOT_FOUND' });
    expect(root!.attributes).not.toHaveProperty('llm.token_count.prompt');
  });

  it('a path that nobody serves is no span: scanners would fill the traces', async () => {
    const { post, spans } = await start();
    await (await post(HI, {}, '/wp-admin')).text();
    await (await post(HI)).text();
    expect((await spans(2)).map(({ name }) => name)).toEqual(['ChatCompletion', 'attempt default/a']);
  });
});

it('a body that is too large is not held for its span', async () => {
  const { post, spans } = await start({ env: { ...SHOWS, TIERKIT_TRACES_QUEUE_BYTES: '100000' } });
  expect((await post({ ...HI, messages: [{ role: 'user', content: 'x'.repeat(2_200_000) }] })).status).toBe(200);
  expect(named(await spans(2), 'ChatCompletion').attributes).toMatchObject({
    'input.value': '__REDACTED__',
    'tierkit.truncated': true,
    'llm.token_count.total': 12,
  });
});

describe('where one in a hundred is sampled', () => {
  const FEW = { ...SHOWS, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
  const BUDGET = `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: few}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  rateLimit: {type: Global, global: {rules: [{limit: {requests: 1, unit: Hour}}]}}`;

  it('a good request is not told, and the backend hears that it is not sampled', async () => {
    const { post, spans, upstream, gateway, tracing } = await start({ env: FEW });
    await (await post(HI)).text();
    await (await post({ ...HI, stream: false })).text();
    await tracing.flush(100);
    expect(await spans(0)).toEqual([]);
    expect(upstream.requests[0]!.headers['traceparent']).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/);
    // The log names the trace all the same: a tier behind may have kept it.
    expect(gateway.accessLog[0]!['trace_id']).toBe(upstream.requests[0]!.headers['traceparent']!.slice(3, 35));
  });

  it.each([
    ['error', { scripts: [answer(500, {})] }, 1],
    ['fallback', { scripts: [answer(500, {})], second: [answer(200, CHAT)] }, 1],
    ['limited', { yaml: BUDGET }, 2],
  ] as const)('what is kept for it: %s', async (kept, options, times) => {
    const { post, spans } = await start({ env: FEW, ...options });
    for (let each = 0; each < times; each++) await (await post(HI)).text();
    const all = await spans(1);
    expect(all.filter(({ name }) => name === 'ChatCompletion').map(({ attributes }) => attributes['tierkit.kept_for'])).toEqual([kept]);
    expect(named(all, 'ChatCompletion').attributes['llm.input_messages.0.message.content']).toBe('hi');
  });

  it('what is kept for it: slow', async () => {
    const { post, spans } = await start({ env: { ...FEW, TIERKIT_TRACES_SLOW_MS: '20' }, scripts: [slow(40, answer(200, CHAT))] });
    await (await post(HI)).text();
    expect(named(await spans(2), 'ChatCompletion').attributes['tierkit.kept_for']).toBe('slow');
  });

  it('a caller that samples is followed', async () => {
    const { post, spans } = await start({ env: FEW });
    await (await post(HI, { traceparent: `00-${'d'.repeat(32)}-${'e'.repeat(16)}-01` })).text();
    expect(named(await spans(2), 'ChatCompletion').attributes['tierkit.kept_for']).toBe('sampled');
  });
});

describe('credentials', () => {
  const CLIENT = 'sk-client-canary-9876543210';
  it.each([
    ['an error that repeats them', answer(400, { error: { message: `key ${KEY}, yours ${CLIENT}, Bearer abcdef0123456789` } })],
    ['an answer that repeats ours', answer(200, { ...CHAT, choices: [{ index: 0, message: { role: 'assistant', content: KEY } }] })],
    ['a refusal in other words', answer(403, { error: { message: 'the key of form canary-form-42 is unknown' } })],
    ['a refusal of ours', answer(401, { error: { message: `Incorrect API key provided: ${KEY.slice(0, 14)}****6789` } })],
  ])('%s: none is on a span, an event or in the log', async (_, script) => {
    for (const env of [SHOWS, { AI_GATEWAY_TRACING_SEMCONV: 'gen_ai', OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' }]) {
      const { post, spans, gateway } = await start({ env, scripts: [script] });
      const secrets = { authorization: `Bearer ${CLIENT}`, 'x-api-key': CLIENT, cookie: `session=${CLIENT}` };
      await (await post(HI, secrets, `/v1/chat/completions?key=${CLIENT}`)).text();
      const all = await spans(2);
      const text = JSON.stringify(all.map(({ name, attributes, events, status }) => ({ name, attributes, events, status })));
      expect(text).toContain('hi');
      for (const secret of [KEY, CLIENT, 'abcdef0123456789', 'canary-form-42', KEY.slice(0, 14)]) {
        expect(text).not.toContain(secret);
        expect(JSON.stringify(gateway.accessLog) + gateway.log.join('')).not.toContain(secret);
      }
    }
  });
});

it('by default no span has what was said, in either convention, streamed or not', async () => {
  for (const env of [{}, { AI_GATEWAY_TRACING_SEMCONV: 'gen_ai' }]) {
    const { post, spans } = await start({
      env,
      scripts: [answer(200, CHAT), sse(STREAM), answer(400, { error: { message: 'you said canary-input' } })],
    });
    const body = { ...HI, user: 'canary-user', messages: [{ role: 'user', content: 'canary-input' }] };
    for (const stream of [false, true, false]) await (await post({ ...body, stream })).text();
    const all = await spans(6);
    expect(all.length).toBe(6);
    const text = JSON.stringify(all.map(({ name, attributes, events, status }) => ({ name, attributes, events, status })));
    expect(text).not.toMatch(/canary|hello/);
    expect(text).toMatch(/finish_reason/);
  }
});

it('an exporter that hangs holds no request, and no stop', async () => {
  const { post, tracing, gateway } = await start({ env: { OTEL_BSP_MAX_QUEUE_SIZE: '3', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '1' } });
  // Closed, it takes nothing; a hanging export is in the queue's own tests.
  await tracing.close(10);
  for (let each = 0; each < 20; each++) expect((await post(HI)).status).toBe(200);
  expect(tracing.counts.dropped).toBeGreaterThanOrEqual(19);
  await gateway.close();
});
