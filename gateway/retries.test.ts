import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, describe, expect, it } from 'vitest';

import { ask, CHAT, eventsOf, eventually, inFlight, logged, pairsYaml } from './dialects.fixture.ts';
import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, hang, headThen, resetBeforeHead, type Script, slow, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let gateway: TestGateway;
const upstreams: Upstream[] = [];

afterEach(async () => {
  await gateway.close();
  await Promise.all(upstreams.splice(0).map((one) => one.close()));
});

interface Setup {
  readonly first: readonly Script[];
  readonly second?: Script;
  /** Lines of the BackendTrafficPolicy's spec, indented by two spaces. */
  readonly policy?: string;
  /** Lines of each rule, indented by four spaces. */
  readonly rule?: string;
}

const fine = answer(200, CHAT.whole('fine'));

async function start({ first, second = fine, policy, rule = '' }: Setup): Promise<{ first: Upstream; second: Upstream }> {
  const one = await startUpstream(...first);
  const two = await startUpstream(second);
  upstreams.push(one, two);
  const resource = `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: traffic}
spec:
  targetRefs:
  - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: openai-pair}
  - {group: gateway.networking.k8s.io, kind: HTTPRoute, name: openai-only}
${policy}
`;
  gateway = await startGateway({ yaml: pairsYaml(one.port, two.port, rule) + (policy === undefined ? '' : resource) });
  return { first: one, second: two };
}

const pair = (stream = false, more: object = {}) => ask(gateway.url, CHAT.path, { ...CHAT.request('openai-pair', stream), ...more });
const only = (stream = false) => ask(gateway.url, CHAT.path, CHAT.request('openai-only', stream));

function counts(upstream: { first: Upstream; second: Upstream }): [number, number] {
  return [upstream.first.requests.length, upstream.second.requests.length];
}

const RETRY_503 = 'retryOn: {triggers: [retriable-status-codes], httpStatusCodes: [503]}, perRetry: {backOff: {baseInterval: 1ms}}';

const policy = (base: string, most: string) =>
  `  retry: {numRetries: 4, retryOn: {triggers: [5xx]}, perRetry: {backOff: {baseInterval: ${base}, maxInterval: ${most}}}}`;

describe('attempts', () => {
  it('without a policy ask each backend once', async () => {
    const both = await start({ first: [answer(503, {})], second: answer(500, { error: { message: 'second', type: 'x' } }) });
    const got = await pair();
    expect([got.status, CHAT.error(got.text).message]).toEqual([500, 'second']);
    expect(counts(both)).toEqual([1, 1]);
    expect((await only()).status).toBe(503);
    expect(counts(both)).toEqual([2, 1]);
    expect((await logged(gateway.accessLog))['attempts']).toMatchObject([
      { backend: 'default/openai-first', status: 503, failure: 'status' },
      { backend: 'default/openai-second', status: 500, failure: 'status' },
    ]);
  });

  it('ask the only backend once more when its connection broke, for a kept connection may be stale', async () => {
    const both = await start({ first: [fine, resetBeforeHead, fine] });
    expect((await only()).status).toBe(200);
    expect((await only()).status).toBe(200);
    expect(both.first.requests).toHaveLength(3);
    both.first.script(resetBeforeHead);
    expect((await only()).status).toBe(502);
    expect(both.first.requests).toHaveLength(5);
  });

  it('ask the only backend again while it cannot be connected to, for others are behind its address', async () => {
    const { first } = await start({ first: [fine] });
    const { port } = first;
    await first.close();
    expect((await only()).status).toBe(502);
    const { attempts } = (await logged(gateway.accessLog)) as { attempts: { failure: string }[] };
    expect(attempts.map(({ failure }) => failure)).toEqual(Array.from({ length: 6 }, () => 'connect'));
    const answered = only();
    const back = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(CHAT.whole('back')));
    }).listen(port, '127.0.0.1');
    expect((await answered).status).toBe(200);
    back.closeAllConnections();
    back.close();
  });

  it('follow numRetries', async () => {
    for (const [numRetries, attempts] of [
      [0, 1],
      [1, 2],
      [3, 4],
    ] as const) {
      const both = await start({ first: [answer(503, {})], policy: `  retry: {numRetries: ${numRetries}, ${RETRY_503}}` });
      const got = await only();
      expect([got.status, both.first.requests.length]).toEqual([503, attempts]);
      await gateway.close();
    }
    const both = await start({ first: [answer(503, {}), answer(503, {}), fine], policy: `  retry: {numRetries: 2, ${RETRY_503}}` });
    expect([(await only()).status, both.first.requests.length]).toEqual([200, 3]);
  });

  it('go to the next priority first, then back, up to numRetries', async () => {
    const both = await start({
      first: [answer(503, {})],
      second: answer(503, {}),
      policy: `  retry: {numRetries: 4, ${RETRY_503}}`,
    });
    expect((await pair()).status).toBe(503);
    expect(counts(both)).toEqual([4, 1]);
  });

  it('stay numAttemptsPerPriority times at one priority', async () => {
    const both = await start({
      first: [answer(503, {})],
      policy: `  retry: {numRetries: 5, numAttemptsPerPriority: 3, ${RETRY_503}}`,
    });
    expect((await pair()).status).toBe(200);
    expect(counts(both)).toEqual([3, 1]);
  });

  it('follow retryOn: another status is the answer', async () => {
    const both = await start({
      first: [answer(500, { error: { message: 'mine', type: 'x' } })],
      policy: `  retry: {numRetries: 3, ${RETRY_503}}`,
    });
    const got = await pair();
    expect([got.status, CHAT.error(got.text).message]).toEqual([500, 'mine']);
    expect(counts(both)).toEqual([1, 0]);
  });

  it('keep the words of a backend about our credential to themselves, also where they are no failure', async () => {
    const both = await start({
      first: [answer(401, 'bad key sk-first', { 'content-type': 'text/plain' })],
      policy: `  retry: {numRetries: 3, ${RETRY_503}}`,
    });
    for (const path of [CHAT.path, '/v1/audio/speech']) {
      const got = await ask(gateway.url, path, { ...CHAT.request('openai-pair', false), input: 'x', voice: 'v' });
      expect([got.status, CHAT.error(got.text).code]).toEqual([502, 'TK_UPSTREAM_CREDENTIAL']);
      expect(got.text).not.toContain('key');
    }
    expect(both.second.requests).toHaveLength(0);
  });

  it('do not follow a reset or a refusal that retryOn does not name', async () => {
    const both = await start({ first: [resetBeforeHead], policy: `  retry: {numRetries: 3, ${RETRY_503}}` });
    expect((await pair()).status).toBe(502);
    expect(counts(both)).toEqual([1, 0]);
  });

  it('have a time limit each', async () => {
    const policy = '  retry: {numRetries: 3, retryOn: {triggers: [5xx]}, perRetry: {timeout: 300ms, backOff: {baseInterval: 1ms}}}';
    const both = await start({ first: [hang], policy });
    const began = performance.now();
    expect((await pair()).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(290);
    expect(counts(both)).toEqual([1, 1]);
    expect(await logged(gateway.accessLog)).toMatchObject({ attempts: [{ failure: 'timeout' }, { status: 200 }] });
    expect((await only()).status).toBe(504);
    expect(both.first.requests).toHaveLength(5);
  });

  it('have a time limit up to the first token: a stream under way is not cut', async () => {
    const policy = '  retry: {numRetries: 1, retryOn: {triggers: [5xx]}, perRetry: {timeout: 400ms}}';
    const both = await start({ first: [sse(eventsOf(CHAT, ['a', 'b', 'c', 'd', 'e']), { pauseMs: 70 })], policy });
    const got = await pair(true);
    expect(got.text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(counts(both)).toEqual([1, 0]);
  });

  it('wait at a backend that was tried before, longer each time and never beyond the limit', async () => {
    await start({ first: [answer(500, {})], policy: policy('1ms', '2ms') });
    let began = performance.now();
    await only();
    const short = performance.now() - began;
    await gateway.close();
    await start({ first: [answer(500, {})], policy: policy('400ms', '400ms') });
    began = performance.now();
    await only();
    // Four waits between 0 and 400 ms: that all are below 25 ms happens once in 65,000 times.
    expect(performance.now() - began).toBeGreaterThan(short + 10);
    expect(performance.now() - began).toBeLessThan(2500);
  });

  it('do not wait where the next backend is another one', async () => {
    const policy = '  retry: {numRetries: 4, retryOn: {triggers: [5xx]}, perRetry: {backOff: {baseInterval: 5s, maxInterval: 5s}}}';
    await start({ first: [answer(500, {})], policy });
    const began = performance.now();
    expect((await pair()).status).toBe(200);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe('the circuit breaker', () => {
  const policy = '  circuitBreaker: {maxParallelRequests: 1}';

  it('passes a full backend over, and takes it again when it has room', async () => {
    const both = await start({ first: [slow(400, fine)], policy });
    const early = pair();
    await eventually(() => both.first.requests.length === 1, 'the first request at its backend');
    const [two, one] = [await pair(), await early];
    expect([one.status, two.status]).toEqual([200, 200]);
    expect(counts(both)).toEqual([1, 1]);
    await pair();
    expect(counts(both)).toEqual([2, 1]);
    expect(await inFlight(gateway.adminUrl)).toBe(0);
  });

  it('refuses where no backend has room, and says when to come again', async () => {
    const both = await start({ first: [slow(400, fine)], policy });
    const early = only();
    await eventually(() => both.first.requests.length === 1, 'the first request at its backend');
    const [two, one] = [await only(), await early];
    expect([one.status, two.status, two.headers['retry-after']]).toEqual([200, 503, '1']);
    expect(CHAT.error(two.text).code).toBe('TK_NO_BACKEND');
    expect(counts(both)).toEqual([1, 0]);
    expect(gateway.accessLog[0]).toMatchObject({ response_code: 503, response_flags: 'UO', response_code_details: 'TK_NO_BACKEND' });
    expect((await only()).status).toBe(200);
  });
});

describe('a backend that fails again and again', () => {
  it('is passed over for a time, then tried by one request', async () => {
    const policy = '  healthCheck: {passive: {consecutive5XxErrors: 2, baseEjectionTime: 1s, interval: 1s, maxEjectionPercent: 100}}';
    const both = await start({ first: [answer(500, {})], policy });
    for (let turn = 0; turn < 5; turn++) expect((await pair()).status).toBe(200);
    expect(counts(both)).toEqual([2, 5]);
    expect(await (await fetch(`${gateway.adminUrl}/config`)).text()).toContain('"available":false');
    await sleep(1050);
    both.first.script(slow(400, fine));
    const trial = pair();
    await eventually(() => both.first.requests.length === 3, 'the trial');
    expect((await Promise.all([pair(), pair()])).map(({ status }) => status)).toEqual([200, 200]);
    expect((await trial).status).toBe(200);
    expect(counts(both)).toEqual([3, 7]);
    await Promise.all([pair(), pair()]);
    expect(counts(both)).toEqual([5, 7]);
  });

  it('is asked all the same when it is the only one', async () => {
    const policy = '  healthCheck: {passive: {consecutive5XxErrors: 1, baseEjectionTime: 60s, interval: 1s, maxEjectionPercent: 100}}';
    await start({ first: [answer(500, {}), answer(500, {}), fine], policy });
    expect((await only()).status).toBe(500);
    expect((await only()).status).toBe(500);
    expect((await only()).status).toBe(200);
  });

  it('that asks to wait is passed over so long', async () => {
    const both = await start({ first: [answer(429, {}, { 'retry-after-ms': '800' }), fine] });
    await pair();
    await pair();
    expect(counts(both)).toEqual([1, 2]);
    await sleep(820);
    await pair();
    expect(counts(both)).toEqual([2, 2]);
  });
});

describe('time limits', () => {
  it('end a request that has no answer, whatever attempts are left', async () => {
    const both = await start({ first: [hang], rule: '    timeouts: {request: 150ms}' });
    for (const stream of [false, true]) {
      const began = performance.now();
      const got = await pair(stream);
      expect([got.status, CHAT.error(got.text).code]).toEqual([504, 'TK_TIMEOUT']);
      expect(performance.now() - began).toBeGreaterThan(140);
    }
    expect(counts(both)).toEqual([2, 0]);
    await both.first.requests[1]!.closed;
    expect(await logged(gateway.accessLog)).toMatchObject({ response_code: 504, response_flags: 'UT' });
    expect(await inFlight(gateway.adminUrl)).toBe(0);
  });

  it('end a stream that takes longer, with an error event', async () => {
    await start({ first: [sse(eventsOf(CHAT, Array<string>(50).fill('a')), { pauseMs: 20 })], rule: '    timeouts: {request: 500ms}' });
    const got = await pair(true);
    expect([got.status, CHAT.endsWithError(got.text)]).toEqual([200, true]);
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: false, response_flags: 'UT', usage_source: 'estimated' });
  });

  it('of silence: the next backend before the first token', async () => {
    for (const first of [hang, headThen('hang', true), sse(CHAT.stream([]).before, { close: 'hang' })]) {
      const both = await start({ first: [first], second: sse(eventsOf(CHAT, ['fine'])), rule: '    streamIdleTimeout: 300ms' });
      const got = await pair(true);
      expect(got.text).toContain('fine');
      expect(counts(both)).toEqual([1, 1]);
      await both.first.requests[0]!.closed;
      await gateway.close();
    }
  });

  it('of silence: comments and tokens at a slower pace than the whole limit are none', async () => {
    const events = [': thinking\n\n', ': thinking\n\n', ': thinking\n\n', ...eventsOf(CHAT, ['fine'])];
    const both = await start({ first: [sse(events, { pauseMs: 80 })], rule: '    streamIdleTimeout: 500ms' });
    expect((await pair(true)).text).toContain('[DONE]');
    expect(counts(both)).toEqual([1, 0]);
  });
});
