import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { partPath } from '#core/real-part.fixture';

import { initialize } from '../gateway/mcp/raw-client.fixture.ts';
import { type RealPart, startJaeger, startPhoenix, until } from './real-parts.fixture.ts';
import { PROVIDER_KEY, startTracedPlatform, type TracedPlatform } from './traced-platform.fixture.ts';

const PARTS = [
  { name: 'Phoenix', variable: 'TIERKIT_PHOENIX', program: 'phoenix', how: 'pip install arize-phoenix' },
  { name: 'Jaeger', variable: 'TIERKIT_JAEGER', program: 'jaeger', how: 'https://www.jaegertracing.io/download' },
] as const;

const [PHOENIX, JAEGER] = PARTS.map(({ name, variable, program, how }) => {
  const path = partPath(variable, program);
  if (path === undefined) console.warn(`skipped: the real ${name}. Put "${program}" on PATH, or name it in ${variable} (${how})`);
  return { path, skip: path === undefined && process.env['REQUIRE_REAL'] !== '1', variable };
}) as [Part, Part];

interface Part {
  readonly path: string | undefined;
  readonly skip: boolean;
  readonly variable: string;
}

function found({ path, variable }: Part): string {
  if (path === undefined) throw new Error(`REQUIRE_REAL is set, and ${variable} names nothing`);
  return path;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const CLIENT_KEY = 'sk-client-canary-77aa66bb55cc44dd';
const SECRET = 'tulip-canary';

/** Each operation once, and streamed where it streams: name of its span, tokens. */
const CALLS = [
  {
    span: 'ChatCompletion',
    path: '/v1/chat/completions',
    body: { model: 'm', messages: [{ role: 'user', content: SECRET }] },
    tokens: [11, 4],
  },
  {
    span: 'ChatCompletion',
    path: '/v1/chat/completions',
    body: { model: 'm', stream: true, messages: [{ role: 'user', content: SECRET }] },
    tokens: [11, 4],
  },
  { span: 'Completion', path: '/v1/completions', body: { model: 'm', prompt: SECRET }, tokens: [11, 4] },
  { span: 'CreateEmbeddings', path: '/v1/embeddings', body: { model: 'm', input: SECRET }, tokens: [7, undefined] },
  { span: 'Responses', path: '/v1/responses', body: { model: 'm', input: SECRET }, tokens: [12, 5] },
  { span: 'Responses', path: '/v1/responses', body: { model: 'm', stream: true, input: SECRET }, tokens: [12, 5] },
  { span: 'ImagesResponse', path: '/v1/images/generations', body: { model: 'm', prompt: SECRET }, tokens: [8, 2] },
  { span: 'Message', path: '/anthropic/v1/messages', body: { model: 'claude', max_tokens: 9, messages: [] }, tokens: [10, 3] },
  { span: 'Message', path: '/anthropic/v1/messages', body: { model: 'claude', max_tokens: 9, stream: true, messages: [] }, tokens: [6, 3] },
  {
    span: 'CountTokens',
    path: '/anthropic/v1/messages/count_tokens',
    body: { model: 'claude', messages: [] },
    tokens: [undefined, undefined],
  },
  { span: 'Rerank', path: '/cohere/v2/rerank', body: { model: 'ranker', query: SECRET, documents: ['a', 'b'] }, tokens: [13, 0] },
  { span: 'Tokenize', path: '/tokenize', body: { model: 'm', prompt: SECRET }, tokens: [undefined, undefined] },
] as const;

interface PhoenixSpan {
  readonly name: string;
  readonly span_kind: string;
  readonly parent_id: string | null;
  readonly status_code: string;
  readonly context: { readonly trace_id: string; readonly span_id: string };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly object[];
}

let traces = 0;
/** As a client's own tracing has it. */
function newTrace() {
  const id = (0xabc0000 + traces++).toString(16).padStart(32, 'a');
  return { id, headers: { traceparent: `00-${id}-00f067aa0ba902b7-01` } };
}

describe.skipIf(PHOENIX.skip)('the real Phoenix', () => {
  let phoenix: RealPart;
  let platform: TracedPlatform;
  beforeAll(async () => {
    phoenix = await startPhoenix(found(PHOENIX));
    platform = await startTracedPlatform({
      OTEL_EXPORTER_OTLP_ENDPOINT: phoenix.otlp,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_RESOURCE_ATTRIBUTES: 'openinference.project.name=shop',
      OTEL_AIGW_SPAN_REQUEST_HEADER_ATTRIBUTES: 'agent-session-id:session.id,x-user-id:user.id',
      OPENINFERENCE_HIDE_INPUTS: 'false',
      OPENINFERENCE_HIDE_OUTPUTS: 'false',
    });
  }, 120_000);
  afterAll(async () => {
    await platform?.close();
    await phoenix?.close();
  });

  const spansOf = async (traceId: string): Promise<PhoenixSpan[]> => {
    const answer = await fetch(`${phoenix.url}/v1/projects/shop/spans?trace_id=${traceId}&limit=100`);
    return answer.ok ? ((await answer.json()) as { data: PhoenixSpan[] }).data : [];
  };
  const post = (path: string, body: object, headers: Record<string, string>) =>
    fetch(platform.url + path, { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) });

  it.each(CALLS)('has $span of $path with its tokens, once', async ({ span, path, body, tokens: [input, output] }) => {
    const { id, headers } = newTrace();
    const answer = await post(path, body, headers);
    await answer.text();
    expect(answer.status).toBe(200);
    const spans = await until(
      () => spansOf(id),
      (all) => all.length >= 2,
    );
    const counted = spans.filter(({ attributes }) => Object.keys(attributes).some((name) => name.startsWith('llm.token_count.')));
    expect(counted).toHaveLength(input === undefined ? 0 : 1);
    const root = spans.find(({ name }) => name === span)!;
    expect(root.parent_id).toBe('00f067aa0ba902b7');
    expect(root.attributes['llm.token_count.prompt']).toBe(input);
    expect(root.attributes['llm.token_count.completion']).toBe(output);
    expect(spans.every(({ span_kind }) => span_kind !== 'UNKNOWN')).toBe(true);
  });

  it('has a conversation, its cost, its session and its user', async () => {
    const { id, headers } = newTrace();
    const body = { model: 'm', messages: [{ role: 'user', content: SECRET }] };
    await (await post('/v1/chat/completions', body, { ...headers, 'agent-session-id': 'session-7', 'x-user-id': 'ann' })).text();
    const spans = await until(
      () => spansOf(id),
      (all) => all.length >= 2,
    );
    expect(spans.find(({ name }) => name === 'ChatCompletion')!.attributes).toMatchObject({
      'session.id': 'session-7',
      'user.id': 'ann',
      'llm.model_name': 'm-2026',
      'llm.input_messages.0.message.content': SECRET,
      'llm.output_messages.0.message.content': 'said by a chat',
      // 6 fresh tokens for 2 $, 5 cached ones for 1 $, 4 of output for 10 $ a million.
      'llm.cost.total': 0.000057,
      'llm.cost.prompt': 0.000017,
      'llm.cost.completion': 0.00004,
    });
    const sessions = await until(
      async () => ((await (await fetch(`${phoenix.url}/v1/projects/shop/sessions`)).json()) as { data: { session_id: string }[] }).data,
      (all) => all.length > 0,
    );
    expect(sessions.map(({ session_id }) => session_id)).toContain('session-7');
  });

  it.each([false, true])('has one trace over both tiers, and one span that counts; streamed: %s', async (stream) => {
    const { id, headers } = newTrace();
    const answer = await post('/v1/chat/completions', { model: 'own', stream, messages: [{ role: 'user', content: SECRET }] }, headers);
    await answer.text();
    const spans = await until(
      () => spansOf(id),
      (all) => all.length >= 6,
    );
    expect(spans.map(({ name }) => name).sort()).toEqual([
      'ChatCompletion',
      'TierTwo ChatCompletion',
      'attempt default/own',
      'attempt default/tier-two',
      'pick',
      'queue',
    ]);
    expect(spans.filter(({ span_kind }) => span_kind === 'LLM').map(({ name }) => name)).toEqual(['ChatCompletion']);
    const byName = new Map(spans.map((span) => [span.name, span]));
    const parentOf = (name: string) => spans.find(({ context }) => context.span_id === byName.get(name)!.parent_id)?.name;
    expect(parentOf('attempt default/tier-two')).toBe('ChatCompletion');
    expect(parentOf('TierTwo ChatCompletion')).toBe('attempt default/tier-two');
    expect(parentOf('pick')).toBe('TierTwo ChatCompletion');
    expect(parentOf('attempt default/own')).toBe('TierTwo ChatCompletion');
    const counted = spans.filter(({ attributes }) => attributes['llm.token_count.total'] !== undefined);
    expect(counted.map(({ name }) => name)).toEqual(['ChatCompletion']);
    expect(byName.get('pick')!.attributes).toMatchObject({ 'inference.pick.candidate_count': 2 });
  });

  it("has failures, with why each attempt ended, and nobody's key", async () => {
    const { id, headers } = newTrace();
    const answer = await post(
      '/v1/chat/completions',
      { model: 'broken', messages: [{ role: 'user', content: SECRET }] },
      { ...headers, authorization: `Bearer ${CLIENT_KEY}` },
    );
    // The provider repeats our key: its answer is not passed on.
    expect(answer.status).toBe(502);
    await answer.text();
    const spans = await until(
      () => spansOf(id),
      (all) => all.length >= 2,
    );
    const root = spans.find(({ name }) => name === 'ChatCompletion')!;
    expect(root.status_code).toBe('ERROR');
    expect(root.attributes['error.type']).toBe('upstream_server_error');
    expect(JSON.stringify(root.events)).toContain('InternalServerError');
    const text = JSON.stringify(spans);
    expect(text).not.toContain(PROVIDER_KEY);
    expect(text).not.toContain(CLIENT_KEY);
  });

  it('has a call of a tool, and what its server was asked', async () => {
    const { id, headers } = newTrace();
    const session = await initialize(`${platform.url}/mcp`);
    await session.ask('tools/call', { name: 'echo', arguments: { x: SECRET } }, headers);
    const spans = await until(
      () => spansOf(id),
      (all) => all.length >= 2,
    );
    expect(new Map(spans.map(({ name, span_kind }) => [name, span_kind]))).toEqual(
      new Map([
        ['CallTool', 'TOOL'],
        ['CallTool tools', 'CHAIN'],
      ]),
    );
    const root = spans.find(({ name }) => name === 'CallTool')!;
    expect(root.attributes).toMatchObject({ 'tool.name': 'echo', 'input.value': JSON.stringify({ x: SECRET }) });
    expect(spans.find(({ name }) => name === 'CallTool tools')!.parent_id).toBe(root.context.span_id);
  });

  it('has fallbacks, and clients that left', async () => {
    const flaky = newTrace();
    await (await post('/v1/chat/completions', { model: 'flaky', messages: [] }, flaky.headers)).text();
    const spans = await until(
      () => spansOf(flaky.id),
      (all) => all.length >= 3,
    );
    const attempts = spans.filter(({ name }) => name.startsWith('attempt'));
    expect(new Map(attempts.map(({ name, attributes }) => [name, attributes['tierkit.attempt.ended']]))).toEqual(
      new Map([
        ['attempt default/dead', 'connect'],
        ['attempt default/provider', 'ok'],
      ]),
    );

    const left = newTrace();
    const abort = new AbortController();
    const answer = await fetch(`${platform.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { ...JSON_TYPE, ...left.headers },
      body: JSON.stringify({ model: 'endless', stream: true, messages: [] }),
      signal: abort.signal,
    });
    const reader = answer.body!.getReader();
    await reader.read();
    abort.abort();
    const gone = await until(
      () => spansOf(left.id),
      (all) => all.length >= 2,
    );
    expect(gone.find(({ name }) => name === 'ChatCompletion')!.attributes).toMatchObject({
      'tierkit.client_gone': true,
      'tierkit.usage_source': 'estimated',
      'llm.output_messages.0.message.content': 'said in pieces',
    });
  });

  it('has nothing that the access log has not, and the log has the trace', () => {
    expect(platform.output()).toContain('"trace_id":"');
    expect(platform.output()).not.toContain(PROVIDER_KEY);
    expect(platform.output()).not.toContain(CLIENT_KEY);
    expect(platform.output()).not.toContain(SECRET);
  });
});

interface OtlpSpan {
  readonly name: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
}

describe.skipIf(JAEGER.skip)('the real Jaeger', () => {
  let jaeger: RealPart;
  let platform: TracedPlatform;
  beforeAll(async () => {
    jaeger = await startJaeger(found(JAEGER));
    platform = await startTracedPlatform({ OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlp, OTEL_BSP_SCHEDULE_DELAY: '50' });
  }, 120_000);
  afterAll(async () => {
    await platform?.close();
    await jaeger?.close();
  });

  it('has one trace of both tiers with the right parents, and no content', async () => {
    const { id, headers } = newTrace();
    await (
      await fetch(`${platform.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { ...JSON_TYPE, ...headers },
        body: JSON.stringify({ model: 'own', messages: [{ role: 'user', content: SECRET }] }),
      })
    ).text();
    const read = async () => {
      const answer = await fetch(`${jaeger.url}/api/v3/traces/${id}`);
      if (!answer.ok) return { services: [], spans: [], text: '' };
      const text = await answer.text();
      const { result } = JSON.parse(text) as {
        result: {
          resourceSpans: {
            resource: { attributes: { key: string; value: { stringValue?: string } }[] };
            scopeSpans: { spans: OtlpSpan[] }[];
          }[];
        };
      };
      const services = result.resourceSpans.map(
        ({ resource }) => resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue,
      );
      return { services, spans: result.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)), text };
    };
    const { services, spans, text } = await until(read, (answer) => answer.spans.length >= 6);
    expect(new Set(services)).toEqual(new Set(['ai-gateway', 'ai-gateway-tier2']));
    const chain = (name: string): string[] => {
      const names: string[] = [];
      for (let span = spans.find((one) => one.name === name); span !== undefined;) {
        names.push(span.name);
        const { parentSpanId } = span;
        span = spans.find((one) => one.spanId === parentSpanId);
      }
      return names;
    };
    expect(chain('attempt default/own')).toEqual([
      'attempt default/own',
      'TierTwo ChatCompletion',
      'attempt default/tier-two',
      'ChatCompletion',
    ]);
    expect(text).not.toContain(SECRET);
  });
});
