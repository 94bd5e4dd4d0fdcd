// How a trace comes with messages of MCP and goes on to servers: in headers, and in `_meta`.
import { describe, expect, test } from 'vitest';

import { named } from '#core/telemetry/trace/tracing.fixture';

import { askModern } from './modern-client.fixture.ts';
import { closeAfterEach, gateway, server } from './opening.fixture.ts';
import { initialize, openStream, requestOf } from './raw-client.fixture.ts';
import { result } from './scripted.fixture.ts';
import { modernServer, seenOf, traced } from './traced.fixture.ts';
import { events, response } from './upstream/fake-server.fixture.ts';

closeAfterEach();

const IN_META = { traceId: 'a'.repeat(32), spanId: '1'.repeat(16) };
const IN_HEADER = { traceId: 'b'.repeat(32), spanId: '2'.repeat(16) };
const text = ({ traceId, spanId }: typeof IN_META, flags = '01'): string => `00-${traceId}-${spanId}-${flags}`;
const GEN_AI = { AI_GATEWAY_TRACING_SEMCONV: 'gen_ai' };

describe('a client of 2025-11-25', () => {
  test.each([
    ['nothing', {}, {}, undefined, undefined],
    ['headers', {}, { traceparent: text(IN_HEADER), tracestate: 'v=h' }, IN_HEADER, 'v=h'],
    ['_meta', { traceparent: text(IN_META), tracestate: 'tierkit=llm,v=m' }, {}, IN_META, 'v=m'],
    ['_meta that is malformed', { traceparent: 'oh' }, { traceparent: text(IN_HEADER) }, IN_HEADER, undefined],
    ['both, which are the same', { traceparent: text(IN_META) }, { traceparent: text(IN_META), tracestate: 'v=h' }, IN_META, undefined],
  ])('%s: the parent, and what the server gets', async (_, meta, headers, parent, state) => {
    const one = await server('one');
    const { mcp, spans, accessLog } = await traced([one], { env: GEN_AI });
    const session = await initialize(mcp);
    await session.ask('tools/call', { name: 'echo', _meta: { progressToken: 1.0, ...meta } }, headers);
    const all = (await spans(4)).filter(({ name }) => name === 'tools/call echo');
    const [root, call] = all;
    expect(root!.parentSpanContext).toEqual(parent && { ...parent, traceFlags: 1, isRemote: true });
    expect(root!.links).toEqual([]);
    expect(call!.parentSpanContext?.spanId).toBe(root!.spanContext().spanId);
    const ours = text(call!.spanContext());
    const [got] = seenOf(one, 'tools/call');
    expect(got!.headers).toMatchObject({ traceparent: ours });
    expect(got!.headers['tracestate']).toBe(state);
    expect(got!.meta).toEqual({ progressToken: 1, traceparent: ours, ...(state !== undefined && { tracestate: state }) });
    expect(accessLog.at(-1)!['trace_id']).toBe(root!.spanContext().traceId);
  });

  test('_meta is the parent, and the headers are linked', async () => {
    const one = await server('one');
    const { mcp, spans } = await traced([one]);
    const session = await initialize(mcp);
    await session.ask('tools/call', { name: 'echo', _meta: { traceparent: text(IN_META) } }, { traceparent: text(IN_HEADER) });
    const root = named(await spans(4), 'CallTool');
    expect(root.spanContext().traceId).toBe(IN_META.traceId);
    expect(root.parentSpanContext).toMatchObject(IN_META);
    expect(root.links.map(({ context }) => context)).toMatchObject([IN_HEADER]);
  });

  test('the rest of a message stays as it was, byte for byte', async () => {
    const one = await server('one');
    const { mcp, spans } = await traced([one]);
    const session = await initialize(mcp);
    const params = '{ "arguments":{"n":1.50e3}, "_meta" : {"x":  1} ,"name":"echo" }';
    await session.post(`{"jsonrpc":"2.0", "method":"tools/call","params":${params},"id":"\\u0041"}`);
    await spans(4);
    expect(seenOf(one, 'tools/call')[0]!.body).toMatch(
      /^\{"jsonrpc":"2.0", "method":"tools\/call","params":\{ "arguments":\{"n":1.50e3\}, "_meta" : \{"x": {2}1,"traceparent":"00-[\da-f]{32}-[\da-f]{16}-01"\} ,"name":"echo" \},"id":"\\u0041"\}$/,
    );
  });

  test('notifications, settings and lists go on below spans of their own', async () => {
    const sets = { 'logging/setLevel': result({}) };
    const [one, two] = [await server('one', sets), await server('two', sets)];
    const { mcp, spans } = await traced([one, two], { env: GEN_AI });
    const session = await initialize(mcp);
    await session.ask('tools/list');
    await session.ask('logging/setLevel', { level: 'error' });
    await session.post({ jsonrpc: '2.0', method: 'notifications/roots/list_changed' });
    const all = await spans(12);
    for (const method of ['initialize', 'tools/list', 'logging/setLevel', 'notifications/roots/list_changed']) {
      const [root, ...calls] = all.filter(({ name }) => name === method);
      expect(calls.map(({ attributes }) => attributes['tierkit.backend'])).toEqual(['one', 'two']);
      for (const [index, at] of [one, two].entries()) {
        const [got] = seenOf(at, method);
        const ours = text(calls[index]!.spanContext());
        expect([got!.meta?.['traceparent'], got!.headers['traceparent']]).toEqual([ours, ours]);
        expect(calls[index]!.parentSpanContext?.spanId).toBe(root!.spanContext().spanId);
      }
    }
  });

  test('one that is not sampled says so to servers, and is not told', async () => {
    const one = await server('one');
    const env = { OTEL_TRACES_SAMPLER: 'parentbased_always_off' };
    const { mcp, spans, tracing } = await traced([one], { env: { ...env } });
    const session = await initialize(mcp);
    await session.ask('tools/call', { name: 'echo', _meta: { traceparent: text(IN_META, '00') } });
    await tracing.flush(100);
    expect(await spans(0)).toEqual([]);
    const [got] = seenOf(one, 'tools/call');
    expect(got!.meta!['traceparent']).toMatch(new RegExp(`^00-${IN_META.traceId}-[\\da-f]{16}-00$`));
    expect(got!.headers['traceparent']).toBe(got!.meta!['traceparent']);
  });

  test('where nothing is traced, messages pass untouched', async () => {
    const one = await server('one');
    const { mcp } = await gateway([one]);
    const session = await initialize(mcp);
    const meta = { traceparent: text(IN_META), tracestate: 'v=m', baggage: 'who=ann' };
    const body = JSON.stringify(requestOf('tools/call', { name: 'echo', _meta: meta }));
    await session.post(body, { traceparent: text(IN_HEADER) });
    const [got] = seenOf(one, 'tools/call');
    expect(got!.body).toBe(body);
    expect(got!.headers['traceparent']).toBeUndefined();
  });
});

describe('OTEL_PROPAGATORS', () => {
  test.each([
    ['none', undefined, false],
    ['b3', 'b3', false],
    ['b3,tracecontext', 'b3', true],
  ])('%s', async (propagators, header, isInMeta) => {
    const one = await server('one');
    const { mcp, spans } = await traced([one], { env: { OTEL_PROPAGATORS: propagators } });
    const session = await initialize(mcp);
    await session.ask('tools/call', { name: 'echo', _meta: { traceparent: text(IN_META), baggage: 'who=ann' } });
    const call = named(await spans(4), 'CallTool one').spanContext();
    const [got] = seenOf(one, 'tools/call');
    expect(got!.headers['b3']).toBe(header && `${call.traceId}-${call.spanId}-1`);
    expect(got!.meta).toEqual({ traceparent: isInMeta ? text(call) : text(IN_META) });
    expect(call.traceId === IN_META.traceId).toBe(isInMeta);
  });
});

test.each([
  ['is nothing for a server', '', undefined],
  ['goes on to one that is to have it', ', forwardHeaders: [{name: baggage}, {name: traceparent}]', 'who=ann'],
])('baggage %s', async (_, extra, baggage) => {
  const one = await server('one');
  const { mcp, spans } = await traced([{ name: 'one', port: one.port, extra }]);
  const session = await initialize(mcp);
  const headers = { baggage: 'who=ann', traceparent: text(IN_HEADER) };
  await session.ask('tools/call', { name: 'echo', _meta: { baggage: 'who=ann' } }, headers);
  const call = named(await spans(4), 'CallTool one').spanContext();
  const [got] = seenOf(one, 'tools/call');
  expect([got!.headers['baggage'], got!.meta!['baggage']]).toEqual([baggage, baggage]);
  // Two would be one too many.
  expect(got!.headers['traceparent']).toBe(text(call));
});

describe('a client of 2026-07-28', () => {
  test.each(['modern', 'legacy'] as const)('at a %s server', async (era) => {
    const one = era === 'modern' ? await modernServer('one') : await server('one');
    const { mcp, spans } = await traced([one], { env: GEN_AI });
    const meta = { traceparent: text(IN_META), tracestate: 'v=m' };
    await askModern(mcp, 'tools/call', { name: 'echo' }, { meta, headers: { traceparent: text(IN_HEADER) } });
    const [root, ...calls] = await spans(3);
    expect(root).toMatchObject({ name: 'tools/call echo', parentSpanContext: IN_META, links: [{ context: IN_HEADER }] });
    const call = calls.find(({ name }) => name === 'tools/call echo')!;
    const [got] = seenOf(one, 'tools/call');
    const ours = { traceparent: text(call.spanContext()), tracestate: 'v=m' };
    expect(got!.headers).toMatchObject(ours);
    expect(got!.meta).toMatchObject(ours);
    // What the gateway asked first is a part of the same trace.
    const asked = era === 'modern' ? 'server/discover' : 'initialize';
    const own = calls.find(({ name }) => name === asked)!;
    expect(own.parentSpanContext?.spanId).toBe(root!.spanContext().spanId);
    expect(seenOf(one, asked).map(({ meta: its }) => its?.['traceparent'])).toContain(text(own.spanContext()));
  });
});

test('a client of 2025-11-25 at a modern server that asks it something: each round has a span', async () => {
  let round = 0;
  const one = await modernServer('one', {
    'tools/call': (reply, seen) => {
      const { id } = JSON.parse(seen.body) as { id: number };
      const question = { method: 'elicitation/create', params: { message: 'who?', requestedSchema: { type: 'object', properties: {} } } };
      const said =
        round++ === 0
          ? { resultType: 'input_required', inputRequests: { q: question }, requestState: 's' }
          : { resultType: 'complete', content: [] };
      return events([`data: ${JSON.stringify(response(id, said))}\n\n`])(reply, seen);
    },
  });
  const { mcp, spans } = await traced([one], { env: GEN_AI });
  const session = await initialize(mcp, {}, { elicitation: {} });
  const stream = await openStream(mcp, session.headers, requestOf('tools/call', { name: 'echo' }));
  await expect.poll(() => stream.messages.length).toBe(1);
  await session.post({ jsonrpc: '2.0', id: stream.messages[0]!['id'], result: { action: 'accept', content: {} } });
  await expect.poll(() => stream.messages.length).toBe(2);
  const all = (await spans(5)).filter(({ name }) => name === 'tools/call echo');
  expect(all).toHaveLength(3);
  expect(seenOf(one, 'tools/call').map(({ meta }) => meta!['traceparent'])).toEqual(all.slice(1).map((span) => text(span.spanContext())));
});
