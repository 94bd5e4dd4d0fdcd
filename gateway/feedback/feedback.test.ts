// The feedback endpoint through a whole gateway, with a Phoenix that the test has in its hands.
import { afterEach, describe, expect, it } from 'vitest';

import { EndpointTable } from '#core/read/endpoints';

import { backendsYaml, routeYaml, startGateway } from '../gateway.fixture.ts';
import { closeAll, startFeedback } from './feedback.fixture.ts';

afterEach(closeAll);

describe('feedback on an answer', () => {
  it('becomes an annotation of the span of its model call, and the answer says which', async () => {
    const { call, arrive, judge, phoenix, spans, counted } = await startFeedback();
    const id = await call({ 'x-request-id': 'of-another-call' }).then(() => call());
    expect(id).toMatch(/^[\da-f]{32}$/);
    await arrive(2);
    const { status, body } = await judge({
      request_id: id,
      name: 'helpful',
      score: 0.5,
      label: 'fair',
      explanation: 'too long',
      annotator_kind: 'CODE',
      identifier: 'check-7',
      metadata: { run: 3 },
    });
    expect(status).toBe(200);
    const root = (await spans()).find(({ attributes }) => attributes['tierkit.request_id'] === id)!;
    const { traceId, spanId } = root.spanContext();
    expect(body).toEqual({ request_id: id, trace_id: traceId, span_id: spanId });
    expect(phoenix.annotations).toEqual([
      {
        span_id: spanId,
        name: 'helpful',
        annotator_kind: 'CODE',
        result: { score: 0.5, label: 'fair', explanation: 'too long' },
        metadata: { run: 3 },
        identifier: 'tierkit:check-7',
      },
    ]);
    expect(phoenix.asked).toHaveLength(1);
    expect(await counted('stored')).toBe(1);
  });

  it('replaces what was said before under its name and identifier, and nothing of an evaluator', async () => {
    const { call, arrive, judge, phoenix } = await startFeedback();
    const id = await call();
    await arrive(1);
    for (const score of [0, 1]) expect((await judge({ request_id: id, score })).status).toBe(200);
    await judge({ request_id: id, score: 5, identifier: 'another' });
    expect(phoenix.annotations.map(({ name, identifier, result }) => [name, identifier, result!['score']])).toEqual([
      ['user_feedback', 'tierkit', 1],
      ['user_feedback', 'tierkit:another', 5],
    ]);
  });

  it('can be given to a call with an id of the client', async () => {
    const { call, arrive, judge } = await startFeedback();
    expect(await call({ 'x-request-id': 'mine:1' })).toBe('mine:1');
    await arrive(1);
    expect(await judge({ request_id: 'mine:1', label: 'good' })).toMatchObject({ status: 200, body: { request_id: 'mine:1' } });
  });

  it('is told without what the caller is known by', async () => {
    const { call, arrive, judge, phoenix } = await startFeedback({ key: 'phoenix-key' });
    phoenix.key = 'phoenix-key';
    const id = await call();
    await arrive(1);
    const secrets = {
      authorization: 'Bearer canary-1',
      'x-api-key': 'canary-2',
      cookie: 'canary-3',
      traceparent: `00-${'c'.repeat(32)}-${'a'.repeat(16)}-01`,
    };
    expect((await judge({ request_id: id, score: 1 }, secrets)).status).toBe(200);
    const { headers, body } = phoenix.asked[0]!;
    expect(headers.authorization).toBe('Bearer phoenix-key');
    expect(JSON.stringify([headers, body])).not.toMatch(/canary|cccc/);
  });

  it('waits for a span that is on its way', async () => {
    const { call, arrive, judge, phoenix } = await startFeedback({ patienceMs: 6000 });
    const id = await call();
    const judged = judge({ request_id: id, score: 1 });
    while (phoenix.asked.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(phoenix.annotations).toHaveLength(0);
    await arrive(1);
    expect((await judged).status).toBe(200);
    expect(phoenix.annotations).toHaveLength(1);
  });

  it('outlives a reload of the configuration', async () => {
    const { call, arrive, judge, gateway } = await startFeedback();
    const id = await call();
    await arrive(1);
    await gateway.tier.reload('test');
    expect((await judge({ request_id: id, score: 1 })).status).toBe(200);
  });
});

describe('where there is nothing to judge', () => {
  const unknown = { status: 404, body: { error: { code: 'TK_FEEDBACK_UNKNOWN', param: 'request_id' } } };

  it('says so of an id that nobody had', async () => {
    const { judge, counted, phoenix } = await startFeedback({ patienceMs: 1500 });
    expect(await judge({ request_id: 'nobody', score: 1 })).toMatchObject(unknown);
    expect(phoenix.asked.length).toBeGreaterThan(1);
    expect(await counted('unknown')).toBe(1);
  });

  it('says so of a call that was not sampled', async () => {
    const env = { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' };
    const { call, judge } = await startFeedback({ patienceMs: 1500, env });
    expect(await judge({ request_id: await call(), score: 1 })).toMatchObject(unknown);
  });

  it('says so where another gateway’s span is the model call’s', async () => {
    const { call, arrive, judge } = await startFeedback({ patienceMs: 1500, env: { TIERKIT_TRACES_LLM_SPAN: 'never' } });
    const id = await call();
    await arrive(1);
    expect(await judge({ request_id: id, score: 1 })).toMatchObject(unknown);
  });

  it('is an unknown path where it is not configured, and answers have no header for it', async () => {
    expect(new EndpointTable().find('/v1/feedback')).toBeUndefined();
    const { upstream } = await startFeedback();
    const gateway = await startGateway({ yaml: `${backendsYaml([{ name: 'a', port: upstream.port }])}\n---\n${routeYaml('m', ['a'])}` });
    const post = (path: string, body: object) =>
      fetch(gateway.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    const answer = await post('/v1/feedback', { request_id: 'r', score: 1 });
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain('TK_UNKNOWN_PATH');
    expect((await post('/v1/chat/completions', { model: 'm', messages: [] })).headers.has('x-tierkit-request-id')).toBe(false);
    expect(await (await fetch(`${gateway.adminUrl}/metrics`)).text()).not.toContain('tierkit_feedback_total{');
    await gateway.close();
  });
});

describe('a bad request', () => {
  it('is told what is wrong with it, before Phoenix is asked', async () => {
    const { judge, gateway, phoenix, counted } = await startFeedback();
    expect(await judge({ request_id: 'r', scor: 1 })).toMatchObject({ status: 400, body: { error: { code: 'TK_BAD_JSON' } } });
    expect(await judge('{"x":"'.padEnd(65 * 1024, 'x'))).toMatchObject({ status: 413, body: { error: { code: 'TK_LENGTH' } } });
    expect(await judge({ request_id: 'r', score: 1 }, { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
    const get = await fetch(`${gateway.url}/v1/feedback`);
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    const near = await fetch(`${gateway.url}/v1/feedbak`);
    expect(await near.text()).toContain('did you mean \\"/v1/feedback\\"?');
    expect(phoenix.asked).toHaveLength(0);
    expect(await counted('invalid')).toBe(3);
  });
});

it('leaves nothing of what was said in a log, a span or a metric', async () => {
  const { call, arrive, judge, gateway, spans, phoenix } = await startFeedback({ key: 'canary-phoenix-key' });
  const id = await call();
  await arrive(1);
  const said = { label: 'canary-label', explanation: 'canary-explanation', name: 'canary-name', metadata: { canary: 'canary-metadata' } };
  expect((await judge({ request_id: id, ...said })).status).toBe(200);
  expect((await judge({ request_id: id, ...said, 'canary-field': 1 })).status).toBe(400);
  phoenix.instead = (response) => {
    response.writeHead(422, { 'content-type': 'application/json' }).end('{"detail":[{"input":"canary-echo"}]}');
    return true;
  };
  const refused = await judge({ request_id: id, ...said, explanation: 'canary-refused' });
  expect([refused.status, JSON.stringify(refused.body)]).toEqual([502, expect.not.stringContaining('canary')]);
  const lines = gateway.accessLog.filter(({ 'x-envoy-origin-path': path }) => path === '/v1/feedback');
  expect(lines.map(({ response_code, operation }) => [response_code, operation])).toEqual([
    [200, 'feedback'],
    [400, 'feedback'],
    [502, 'feedback'],
  ]);
  expect(lines.every(({ bytes_received }) => Number(bytes_received) > 0)).toBe(true);
  const all = await spans();
  const page = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  const recent = await (await fetch(`${gateway.adminUrl}/config`)).text();
  expect(
    JSON.stringify([gateway.accessLog, gateway.log, all.map(({ name, attributes, events }) => [name, attributes, events])]),
  ).not.toContain('canary');
  expect(page + recent).not.toContain('canary');
  // Nor does it have a span of its own.
  expect(all.map(({ name }) => name)).toEqual(['ChatCompletion', 'attempt default/a']);
});
