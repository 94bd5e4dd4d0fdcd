// Spans of MCP: what they are called, what is on them, and what is never on them.
import { SpanKind } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';

import { named, SHOWS } from '#core/telemetry/trace/tracing.fixture';

import { askModern } from './modern-client.fixture.ts';
import { closeAfterEach, opening, server } from './opening.fixture.ts';
import { initialize, openStream, requestOf, send } from './raw-client.fixture.ts';
import { idOf, result } from './scripted.fixture.ts';
import { modernServer, saying, textOf, traced } from './traced.fixture.ts';
import { startEverything } from './upstream/everything.fixture.ts';
import { answer, events, type FakeScript, hang, reset, rpcError } from './upstream/fake-server.fixture.ts';

closeAfterEach();

const GEN_AI = { AI_GATEWAY_TRACING_SEMCONV: 'gen_ai' };
const GEN_AI_SHOWS = { ...GEN_AI, OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' };
function policy(spec: string): string {
  return `\n---\napiVersion: tierkit.dev/v1alpha1\nkind: TracePolicy\nmetadata: {name: p}\nspec: ${spec}`;
}

const refused: FakeScript = (reply, seen) => answer(200, rpcError(idOf(seen.body), -32602, 'canary-words'))(reply, seen);

describe('by OpenTelemetry’s conventions', () => {
  test('a session at one server', async () => {
    const one = await server('one');
    const { mcp, spans, accessLog } = await traced([one], { env: GEN_AI });
    const session = await initialize(mcp);
    const { id } = requestOf('');
    await session.ask('tools/call', { name: 'echo' });
    const all = await spans(4);
    expect(all.map(({ name, kind }) => [name, kind])).toEqual([
      ['initialize', 1],
      ['initialize', 2],
      ['tools/call echo', 1],
      ['tools/call echo', 2],
    ]);
    const [hello, , root, call] = all;
    expect(hello!.attributes).toMatchObject({ 'mcp.method.name': 'initialize', 'mcp.protocol.version': '2025-11-25' });
    const both = {
      'mcp.method.name': 'tools/call',
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'echo',
      'jsonrpc.request.id': String(id + 1),
      'mcp.protocol.version': '2025-11-25',
      'network.transport': 'tcp',
      'network.protocol.name': 'http',
      'http.response.status_code': 200,
      'tierkit.backend': 'one',
    };
    expect(root!.attributes).toMatchObject({
      ...both,
      'mcp.session.id': accessLog.at(-1)!['mcp_session'],
      'network.protocol.version': '1.1',
      'url.path': '/mcp',
      'tierkit.route': 'default/tools',
      'tierkit.kept_for': 'sampled',
      'tierkit.request_id': accessLog.at(-1)!['x-request-id'],
    });
    expect(call!.attributes).toMatchObject({ ...both, 'server.address': '127.0.0.1', 'server.port': one.port });
    for (const span of all) {
      expect(span.status.code).toBe(0);
      expect(span.attributes).not.toHaveProperty('error.type');
      expect(span.attributes).not.toHaveProperty('openinference.span.kind');
    }
    // The id by which the session is used is a credential.
    expect(textOf(all)).not.toContain(session.id.slice(0, 40));
  });

  test('tools of several servers have the client’s name, and the server’s own', async () => {
    const [one, two] = [await server('one'), await server('two')];
    const { mcp, spans } = await traced([one, two], { env: GEN_AI });
    const session = await initialize(mcp);
    await session.ask('tools/list');
    await session.ask('tools/call', { name: 'two__echo' });
    const all = (await spans(8)).slice(3);
    expect(all.map(({ name, attributes }) => [name, attributes['tierkit.backend']])).toEqual([
      ['tools/list', undefined],
      ['tools/list', 'one'],
      ['tools/list', 'two'],
      ['tools/call two__echo', 'two'],
      ['tools/call echo', 'two'],
    ]);
  });

  test('prompts and resources: a URI is told where inputs are', async () => {
    const methods = { 'prompts/get': result({ messages: [] }), 'resources/read': result({ contents: [] }) };
    for (const [env, uri] of [
      [GEN_AI, undefined],
      [GEN_AI_SHOWS, 'file:///canary'],
    ] as const) {
      const { mcp, spans } = await traced([await server('one', methods)], { env });
      const session = await initialize(mcp);
      await session.ask('prompts/get', { name: 'greet' });
      await session.ask('resources/read', { uri: 'file:///canary' });
      const all = await spans(6);
      expect(named(all, 'prompts/get greet').attributes['gen_ai.prompt.name']).toBe('greet');
      const read = all.filter(({ name }) => name === 'resources/read');
      expect(read.map(({ attributes }) => attributes['mcp.resource.uri'])).toEqual([uri, uri]);
    }
  });

  test('a modern client: the revision of each side', async () => {
    const [one, two] = [await modernServer('one'), await server('two')];
    const { mcp, spans } = await traced([one, two], { env: GEN_AI });
    await askModern(mcp, 'tools/list', {}, { id: 'mine' });
    const lists = (await spans(5)).filter(({ name }) => name === 'tools/list');
    expect(lists.map(({ attributes }) => attributes['mcp.protocol.version'])).toEqual(['2026-07-28', '2026-07-28', '2025-11-25']);
    expect(lists[0]!.attributes['jsonrpc.request.id']).toBe('mine');
    expect(lists[0]!.attributes).not.toHaveProperty('mcp.session.id');
  });

  test('a method that nobody knows is no name of a span', async () => {
    const { mcp, spans } = await traced([await server('one', { 'x/anything': result({}) })], { env: GEN_AI });
    await (await initialize(mcp)).ask('x/anything');
    const all = await spans(4);
    expect(all.slice(2).map(({ name, attributes }) => [name, attributes['mcp.method.name']])).toEqual([
      ['_OTHER', 'x/anything'],
      ['_OTHER', 'x/anything'],
    ]);
  });
});

test('by OpenInference the names are the reference’s, and one span is of the tool', async () => {
  const { mcp, spans } = await traced([await server('one')], { env: SHOWS });
  const session = await initialize(mcp);
  await session.ask('tools/list');
  await session.ask('tools/call', { name: 'echo', arguments: { city: 'Paris' } });
  const all = await spans(6);
  expect(all.map(({ name, attributes }) => [name, attributes['openinference.span.kind']])).toEqual([
    ['Initialize', 'CHAIN'],
    ['Initialize one', 'CHAIN'],
    ['ListTools', 'CHAIN'],
    ['ListTools one', 'CHAIN'],
    ['CallTool', 'TOOL'],
    ['CallTool one', 'CHAIN'],
  ]);
  const root = named(all, 'CallTool');
  expect(root.attributes).toMatchObject({
    'tool.name': 'echo',
    'mcp.method.name': 'tools/call',
    'input.value': '{"city":"Paris"}',
    'input.mime_type': 'application/json',
    'output.value': '{"content":[{"type":"text","text":"one"}]}',
  });
  expect(root.status.code).toBe(1);
});

describe('what went wrong', () => {
  test.each<readonly [string, FakeScript, { root: string; call: string; code?: number | undefined }]>([
    ['a JSON-RPC error', refused, { root: '-32602', call: '-32602', code: -32602 }],
    ['a tool that failed', saying('canary-words', { isError: true }), { root: 'tool_error', call: 'tool_error' }],
    ['a connection that broke', reset, { root: '-32010', call: 'reset', code: undefined }],
    ['a status', answer(503), { root: '-32010', call: '503' }],
    ['no answer', answer(202), { root: '-32010', call: 'malformed' }],
    ['no answer in a stream', events([': \n\n']), { root: '-32010', call: 'malformed' }],
    ['what is no JSON', answer(200, 'oh', { 'content-type': 'application/json' }), { root: '-32010', call: 'malformed' }],
  ])('%s', async (_, script, { root: type, call: callType, code }) => {
    for (const env of [{}, GEN_AI]) {
      const one = await server('one', { 'tools/call': script });
      const { mcp, spans, adminUrl } = await traced([one], { env });
      await (await initialize(mcp)).ask('tools/call', { name: 'echo' });
      const [root, call] = (await spans(4)).slice(2);
      expect([root!.attributes['error.type'], call!.attributes['error.type']]).toEqual([type, callType]);
      expect([root!.status.code, call!.status.code]).toEqual([2, 2]);
      expect(call!.attributes['rpc.response.status_code']).toBe(code === undefined ? undefined : String(code));
      expect(root!.events.map(({ name, attributes }) => [name, attributes!['exception.type']])).toEqual([['exception', type]]);
      expect(root!.attributes['tierkit.kept_for']).toBe('error');
      // What servers say of an error can be content.
      expect(textOf([root!, call!])).not.toContain('canary');
      const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
      expect(metrics).toMatch(
        new RegExp(`mcp_server_operation_duration_seconds_count\\{mcp_method_name="tools/call",error_type="${type}"`),
      );
      expect(metrics).toMatch(
        new RegExp(`mcp_client_operation_duration_seconds_count\\{mcp_method_name="tools/call",error_type="${callType}",mcp_backend="one"`),
      );
    }
  });

  test('a server that is away is in the list of spans, with why', async () => {
    const [one, two] = [await server('one'), await server('two', { 'tools/list': hang })];
    const { mcp, spans } = await traced([one, two], { env: GEN_AI, options: { mcpLimits: { fanOutMs: 200 } } });
    await (await initialize(mcp)).ask('tools/list');
    const [root, ...calls] = (await spans(6)).filter(({ name }) => name === 'tools/list');
    expect(root!.status.code).toBe(0);
    expect(calls.map(({ attributes, status }) => [attributes['error.type'], status.code])).toEqual([
      [undefined, 0],
      ['timeout', 2],
    ]);
  });

  test('what the request itself lacks', async () => {
    const { mcp, spans } = await traced([await server('one')], { env: GEN_AI });
    await (await initialize(mcp)).ask('tools/call', { name: 7 });
    const root = named(await spans(3), 'tools/call');
    expect(root.attributes).toMatchObject({ 'error.type': '-32602', 'rpc.response.status_code': '-32602' });
    expect(root.status).toMatchObject({ code: 2, message: 'JSON-RPC error -32602' });
  });

  test('a refusal that is no answer of MCP has its status and our code', async () => {
    const extra =
      ', securityPolicy: {authorization: {defaultAction: Deny, rules: [{action: Allow, target: {tools: [{backend: one, tool: other}]}}]}}';
    const { mcp, spans, adminUrl } = await traced([await server('one')], { env: GEN_AI, extra });
    expect((await (await initialize(mcp)).ask('tools/call', { name: 'echo' })).status).toBe(403);
    const root = named(await spans(3), 'tools/call');
    expect(root.attributes).toMatchObject({ 'error.type': '403', 'http.response.status_code': 403, 'tierkit.error_code': 'TK_FORBIDDEN' });
    expect(root.status).toMatchObject({ code: 2, message: 'TK_FORBIDDEN' });
    const metrics = await (await fetch(`${adminUrl}/metrics`)).text();
    expect(metrics).toMatch(/mcp_method_count_total\{mcp_method_name="tools\/call",status="failed"[^}]*\} 1/);
  });

  test('a session that a server has forgotten: one span of the call, and the session is opened below the same request', async () => {
    const one = await server('one');
    const { mcp, spans, clear } = await traced([one], { env: GEN_AI });
    const session = await initialize(mcp);
    await spans(2);
    clear();
    one.forget();
    expect((await session.ask('tools/call', { name: 'echo' })).message.result).toBeDefined();
    const all = await spans(3);
    expect(all.map(({ name, kind }) => [name, kind])).toEqual([
      ['tools/call echo', 1],
      ['tools/call echo', 2],
      ['initialize', 2],
    ]);
    expect(all.map(({ status }) => status.code)).toEqual([0, 0, 0]);
  });

  test('a client that leaves is no error', async () => {
    const progress = 'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}\n\n';
    const one = await server('one', { 'tools/call': events([progress], { close: 'hang' }) });
    const { mcp, spans } = await traced([one], { env: GEN_AI });
    const session = await initialize(mcp);
    const stream = await openStream(mcp, session.headers, requestOf('tools/call', { name: 'echo' }));
    await expect.poll(() => stream.messages.length).toBe(1);
    stream.close();
    const [root, call] = (await spans(4)).slice(2);
    expect(root!.attributes['tierkit.client_gone']).toBe(true);
    expect(root!.events.map(({ name }) => name)).toEqual(['client left']);
    expect([root!.status.code, call!.status.code]).toEqual([0, 0]);
    expect(call!.attributes).not.toHaveProperty('error.type');
  });
});

test('what is not sampled is kept for its error alone', async () => {
  const one = await server('one', { 'tools/call': saying('', { isError: true }) });
  const env = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
  const { mcp, spans } = await traced([one], { env });
  await (await initialize(mcp)).ask('tools/call', { name: 'echo' });
  expect((await spans(2)).map(({ name }) => name)).toEqual(['CallTool', 'CallTool one']);
});

test('a call that is held while the client answers is told when it is over', async () => {
  const everything = await opening(startEverything({ name: 'old' }));
  const { mcp, spans } = await traced([{ name: 'old', port: everything.port }], { env: GEN_AI });
  const asked = await askModern(mcp, 'tools/call', { name: 'test_elicitation', arguments: { message: 'who?' } });
  expect(asked.result['resultType']).toBe('input_required');
  const tool = 'tools/call test_elicitation';
  expect((await spans(2)).filter(({ name }) => name === tool)).toHaveLength(1);
  const inputResponses = { 'question-1': { action: 'accept', content: {} } };
  const params = { name: 'test_elicitation', arguments: { message: 'who?' }, inputResponses, requestState: asked.result['requestState'] };
  expect((await askModern(mcp, 'tools/call', params)).result['resultType']).toBe('complete');
  await expect.poll(async () => (await spans(3)).filter(({ name }) => name === tool).length).toBe(3);
  const [first, ...others] = (await spans(3)).filter(({ name }) => name === tool);
  const call = others.find(({ kind }) => kind === SpanKind.CLIENT)!;
  expect(call.parentSpanContext?.spanId).toBe(first!.spanContext().spanId);
});

/** All that is told of a call of a tool and of a resource. */
async function ask(env: Record<string, string>, yaml = '', script: FakeScript = saying('canary-answer')): Promise<string> {
  const one = await server('one', { 'tools/call': script, 'resources/read': result({ contents: [] }) });
  const { mcp, spans, log, accessLog } = await traced([one], { env, options: { yaml } });
  const session = await initialize(mcp);
  await session.ask('tools/call', { name: 'echo', arguments: { x: 'canary-question' }, _meta: { y: 'canary-meta' } });
  await session.ask('resources/read', { uri: 'file:///canary-uri' });
  const all = await spans(6);
  expect(all).toHaveLength(6);
  expect(JSON.stringify(accessLog) + log.join('')).not.toMatch(/canary-(question|answer|meta)/);
  return textOf(all);
}

describe('what is said', () => {
  test.each([
    ['by default nothing, in either convention', {}, '', []],
    ['by default nothing by the GenAI conventions', GEN_AI, '', []],
    ['what switches show', SHOWS, '', ['question', 'answer', 'uri']],
    ['what the switch of the GenAI conventions shows', GEN_AI_SHOWS, '', ['question', 'answer', 'uri']],
    ['not what a finer switch hides', { ...SHOWS, OPENINFERENCE_HIDE_OUTPUT_TEXT: 'true' }, '', ['question', 'uri']],
    [
      'what a TracePolicy of the route shows',
      {},
      policy('{targetRefs: [{kind: MCPRoute, name: tools}], content: {inputs: Show}}'),
      ['question', 'uri'],
    ],
    ['what one of all requests shows', GEN_AI, policy('{content: {outputs: Show}}'), ['answer']],
    [
      'not what a TracePolicy of the route hides',
      SHOWS,
      policy('{targetRefs: [{kind: MCPRoute, name: tools, group: aigateway.envoyproxy.io}], content: {inputs: Hide, outputs: Hide}}'),
      [],
    ],
    [
      'nor where its model call is another gateway’s',
      { ...SHOWS, TIERKIT_TRACES_LLM_SPAN: 'never' },
      policy('{content: {inputs: Hide}}'),
      ['answer'],
    ],
  ] as const)('%s', async (_, env, yaml, shown) => {
    const text = await ask(env, yaml);
    const told = ['question', 'answer', 'uri', 'meta'].filter((word) => text.includes(`canary-${word}`));
    expect(told).toEqual(shown);
  });

  test('no credential, whatever is shown', async () => {
    const key = 'sk-server-canary-0123456789';
    const one = await server('one', {
      'tools/call': (reply, seen) =>
        saying(`you came with ${String(seen.headers['x-key'])} ${String(seen.headers['authorization'])}`)(reply, seen),
    });
    const extra = `, securityPolicy: {apiKey: {inline: ${key}, header: x-key}}, forwardHeaders: [{name: authorization}]`;
    for (const env of [SHOWS, GEN_AI_SHOWS]) {
      const { mcp, spans } = await traced([{ name: 'one', port: one.port, extra }], { env });
      const session = await initialize(mcp);
      const secrets = { authorization: 'Bearer client-canary-987', 'x-api-key': 'other-canary-654' };
      expect((await session.ask('tools/call', { name: 'echo' }, secrets)).text).toContain(key);
      const text = textOf(await spans(4));
      for (const secret of [key, 'client-canary-987', 'other-canary-654']) expect(text).not.toContain(secret);
    }
  });

  test('pictures are not', async () => {
    const picture = { type: 'image', mimeType: 'image/png', data: 'A'.repeat(40_000) };
    const script = result({ content: [picture] });
    for (const env of [SHOWS, GEN_AI_SHOWS]) {
      const text = await ask(env, '', script);
      expect(text).toContain('image/png');
      expect(text).not.toContain('AAAAAAAA');
    }
  });
});

test('what is no message has no span', async () => {
  const { mcp, spans, tracing } = await traced([await server('one')]);
  await send(mcp, { body: '{' });
  await send(mcp, { method: 'DELETE' });
  await send(mcp, { body: requestOf('tools/list') });
  await tracing.flush(100);
  // The last one is a request, of a client without a session.
  expect((await spans(1)).map(({ name, attributes }) => [name, attributes['error.type']])).toEqual([['ListTools', '-32600']]);
});
