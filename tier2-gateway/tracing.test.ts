import { afterEach, describe, expect, it } from 'vitest';

import { named, SHOWS, startTracing } from '#core/telemetry/trace/tracing.fixture';

import { asChat, modelYaml, poolYaml, startPod, startTierTwo, type TestPod } from './tier-two.fixture.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(env: Record<string, string> = {}, answers: readonly TestPod['answer'][] = [asChat, asChat]) {
  const pods = await Promise.all(answers.map((answer) => startPod(answer)));
  const test = startTracing(env);
  const two = await startTierTwo([poolYaml('pool', pods), modelYaml('m', ['pool'])], { tracing: test.tracing });
  closers.push(...pods.map((pod) => () => pod.close()), () => two.close());
  const chat = (body: object, headers?: Record<string, string>) => two.chat(body, headers);
  return { pods, chat, ...test };
}

const TRACE = 'd'.repeat(32);
const PARENT = { traceparent: `00-${TRACE}-${'e'.repeat(16)}-01` };
const FROM_TIER_ONE = { ...PARENT, tracestate: 'tierkit=llm' };

describe('behind tier one', () => {
  it.each([false, true])('has queue, pick and attempt in the trace that it comes with, and no tokens; streamed: %s', async (stream) => {
    const { chat, spans, pods } = await start(SHOWS);
    await (await chat({ model: 'm', stream }, FROM_TIER_ONE)).text();
    const all = await spans(4);
    expect(all.map(({ name }) => name)).toEqual(['TierTwo ChatCompletion', 'queue', 'pick', 'attempt default/pool']);
    expect(all.every((span) => span.spanContext().traceId === TRACE)).toBe(true);
    const [root, queue, pick, attempt] = all;
    expect(root!.parentSpanContext?.spanId).toBe('e'.repeat(16));
    expect(root!.attributes['openinference.span.kind']).toBe('CHAIN');
    expect(JSON.stringify(all.map(({ attributes }) => attributes))).not.toMatch(/token_count|"hello"|messages/);
    for (const child of [queue, pick, attempt]) expect(child!.parentSpanContext?.spanId).toBe(root!.spanContext().spanId);
    const asked = pods.find(({ seen }) => seen.length > 0)!;
    expect(pick!.attributes).toMatchObject({
      'inference.pool.name': 'default/pool',
      'inference.pick.candidate_count': 2,
      'inference.endpoint': asked.address,
    });
    expect(new Set(pick!.attributes['inference.pick.candidates'] as string[])).toEqual(new Set(pods.map(({ address }) => address)));
    expect(pick!.attributes['inference.pick.scores']).toHaveLength(2);
    expect(pick!.attributes['inference.pick.reason']).toMatch(/cost/);
    // The pod joins the trace below the attempt.
    expect(asked.seen[0]!.headers).toMatchObject({
      traceparent: `00-${TRACE}-${attempt!.spanContext().spanId}-01`,
      tracestate: 'tierkit=llm',
    });
  });

  it('has an attempt for each pod that was asked', async () => {
    const { chat, spans } = await start({}, [
      (_, response) => void response.writeHead(503).end('{}'),
      (_, response) => void response.writeHead(503).end('{}'),
    ]);
    await (await chat({ model: 'm' }, FROM_TIER_ONE)).text();
    const all = await spans(5);
    expect(all.filter(({ name }) => name.startsWith('attempt')).map(({ attributes }) => attributes['error.type'])).toEqual([
      'upstream_overloaded',
      'upstream_overloaded',
    ]);
    expect(all.filter(({ name }) => name === 'pick')).toHaveLength(1);
    expect(named(all, 'TierTwo ChatCompletion').status.code).toBe(2);
  });
});

describe('without a tier one', () => {
  it("has the model call's own span", async () => {
    const { chat, spans } = await start(SHOWS);
    await (await chat({ model: 'm' }, PARENT)).text();
    expect(named(await spans(4), 'ChatCompletion').attributes).toMatchObject({
      'openinference.span.kind': 'LLM',
      'llm.token_count.prompt': 7,
      'llm.token_count.completion': 2,
      'llm.input_messages.0.message.content': 'hello',
    });
  });

  it.each([
    ['never', PARENT, 'TierTwo ChatCompletion'],
    ['always', FROM_TIER_ONE, 'ChatCompletion'],
  ] as const)('TIERKIT_TRACES_LLM_SPAN=%s', async (llmSpan, headers, name) => {
    const { chat, spans } = await start({ TIERKIT_TRACES_LLM_SPAN: llmSpan });
    await (await chat({ model: 'm' }, headers)).text();
    expect('llm.token_count.total' in named(await spans(4), name).attributes).toBe(llmSpan === 'always');
  });
});

it('a pool without an endpoint says so', async () => {
  const { chat, spans, pods } = await start();
  await Promise.all(pods.map((pod) => pod.close()));
  await (await chat({ model: 'm' }, FROM_TIER_ONE)).text();
  const all = await spans(3);
  expect(named(all, 'TierTwo ChatCompletion').status.code).toBe(2);
});

it('where nothing is traced, what the client sends passes', async () => {
  const pod = await startPod();
  const two = await startTierTwo([poolYaml('pool', [pod]), modelYaml('m', ['pool'])]);
  closers.push(
    () => pod.close(),
    () => two.close(),
  );
  await (await two.chat({ model: 'm' }, PARENT)).text();
  expect(pod.seen[0]!.headers).toMatchObject(PARENT);
  expect(two.accessLog[0]).not.toHaveProperty('trace_id');
});
