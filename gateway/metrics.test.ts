import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, it, vi } from 'vitest';

import { startTracing } from '#core/telemetry/trace/tracing.fixture';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, resetBeforeHead, type Script, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let gateway: TestGateway;
const upstreams: Upstream[] = [];
afterEach(async () => {
  await gateway.close();
  await Promise.all(upstreams.splice(0).map((one) => one.close()));
});

const usage = { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120, prompt_tokens_details: { cached_tokens: 60 } };
const whole = (model: string): Script =>
  answer(200, { id: 'c', object: 'chat.completion', model, choices: [{ index: 0, message: { role: 'assistant', content: 'hi' } }], usage });

const chunk = (fields: object): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', model: 'real', ...fields })}\n\n`;
const delta = (fields: object): string => chunk({ choices: [{ index: 0, delta: fields, finish_reason: null }] });
const STREAM_END = [
  chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
  chunk({ choices: [], usage }),
  'data: [DONE]\n\n',
];

async function start(scripts: Readonly<Record<string, readonly Script[]>>, more = '', models = ['m']): Promise<void> {
  const names = Object.keys(scripts);
  for (const name of names) upstreams.push(await startUpstream(...scripts[name]!));
  const backends = backendsYaml(names.map((name, at) => ({ name, port: upstreams[at]!.port })));
  gateway = await startGateway({ yaml: [backends, ...models.map((model) => routeYaml(model, names)), more].join('\n---\n') });
}

async function ask(body: object = {}, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }], ...body }),
  });
  await response.text();
  return response.status;
}

async function page(accept = 'text/plain'): Promise<string> {
  return (await fetch(`${gateway.adminUrl}/metrics`, { headers: { accept } })).text();
}

/** Value of the one series whose line begins with the name and has all the labels; undefined: there is none. */
async function value(name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
  const wanted = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
  const lines = (await page())
    .split('\n')
    .filter((line) => new RegExp(`^${name}[{ ]`).test(line) && wanted.every((pair) => line.includes(pair)));
  expect(lines.length).toBeLessThanOrEqual(1);
  return lines[0] === undefined ? undefined : Number(lines[0].slice(lines[0].lastIndexOf(' ') + 1));
}

const GEN_AI = {
  gen_ai_operation_name: 'chat',
  gen_ai_provider_name: 'openai',
  gen_ai_original_model: 'm',
  gen_ai_request_model: 'm',
  gen_ai_response_model: 'real',
};

describe('metrics of tier one', () => {
  it('have the reference’s labels, and a class only for failures', async () => {
    await start({ a: [whole('real'), whole('real'), answer(429, { error: { message: 'slow down' } })] });
    expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429]);
    const count = 'gen_ai_server_request_duration_seconds_count';
    const lines = (await page()).split('\n').filter((line) => line.startsWith(count));
    expect(lines).toEqual([
      `${count}{${Object.entries(GEN_AI)
        .map(([name, text]) => `${name}="${text}"`)
        .join(',')}} 2`,
      expect.stringMatching(/gen_ai_response_model="unknown",error_type="upstream_rate_limited"\} 1$/),
    ]);
    const tokens = (type: string) => value('gen_ai_client_token_usage_sum', { ...GEN_AI, gen_ai_token_type: type });
    expect([await tokens('input'), await tokens('output'), await tokens('cached_input'), await tokens('reasoning')]).toEqual([
      200,
      40,
      120,
      undefined,
    ]);
    expect(await value('gen_ai_server_time_to_first_token_seconds_count')).toBeUndefined();
  });

  it('take the first content for the first token, not the role before it', async () => {
    const slowly: Script = sse(
      [delta({ role: 'assistant', content: '' }), delta({ content: 'a' }), delta({ content: 'b' }), ...STREAM_END],
      {
        pauseMs: 60,
      },
    );
    await start({ a: [slowly] });
    expect(await ask({ stream: true })).toBe(200);
    const sum = await value('gen_ai_server_time_to_first_token_seconds_sum', GEN_AI);
    // The role comes at once, the content 60 ms later: timers may be a little early, never by half.
    expect(sum).toBeGreaterThan(0.03);
    expect(await value('gen_ai_server_time_per_output_token_seconds_count', GEN_AI)).toBe(1);
    expect(await value('tierkit_upstream_time_to_first_token_seconds_count', { backend: 'default/a' })).toBe(1);
  });

  it('count attempts, and why another one followed', async () => {
    await start({ bad: [resetBeforeHead], good: [whole('real')] });
    expect(await ask()).toBe(200);
    expect(await value('tierkit_attempts_total', { backend: 'default/bad', result: 'upstream_reset' })).toBe(1);
    expect(await value('tierkit_attempts_total', { backend: 'default/good', result: 'ok' })).toBe(1);
    expect(await value('tierkit_fallbacks_total', { from: 'default/bad', to: 'default/good', reason: 'upstream_reset' })).toBe(1);
    expect(await value('tierkit_retries_total')).toBeUndefined();
    expect(await value('tierkit_requests_total', { operation: 'chat', status: '200' })).toBe(1);
    expect(await value('tierkit_gateway_overhead_seconds_count', { operation: 'chat' })).toBe(1);
  });

  it('tell when the breaker opens', async () => {
    await start({ bad: [answer(500, { error: {} })] });
    const state = (name: string) => value('tierkit_backend_endpoints', { backend: 'default/bad', state: name });
    expect([await state('available'), await state('ejected')]).toEqual([1, 0]);
    for (let at = 0; at < 5; at++) await ask();
    expect([await state('available'), await state('ejected')]).toEqual([0, 1]);
    expect(await value('tierkit_backend_ejections_total', { backend: 'default/bad' })).toBe(1);
  });

  it('keep their series when the configuration is loaded again, and tell of a refusal', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tierkit-metrics-'));
    const file = join(folder, 'gateway.yaml');
    upstreams.push(await startUpstream(whole('real')));
    const yaml = [backendsYaml([{ name: 'a', port: upstreams[0]!.port }]), routeYaml('m', ['a'])].join('\n---\n');
    writeFileSync(file, yaml);
    gateway = await startGateway({ paths: [folder] });
    await ask();
    writeFileSync(file, `${yaml}\n---\n${routeYaml('another', ['a'])}`);
    await gateway.tier.reload('test');
    expect(await value('tierkit_config_generation')).toBe(2);
    await ask();
    expect(await value('gen_ai_server_request_duration_seconds_count', GEN_AI)).toBe(2);
    expect(await value('tierkit_attempts_total', { backend: 'default/a', result: 'ok' })).toBe(2);
    expect(await value('tierkit_config_last_reload_successful')).toBe(1);
    writeFileSync(file, 'kind: Nonsense');
    await gateway.tier.reload('test');
    expect(await value('tierkit_config_last_reload_successful')).toBe(0);
    expect(await value('tierkit_config_generation')).toBe(2);
    rmSync(folder, { recursive: true });
  });

  it('stay bounded whatever models and clients are asked for', async () => {
    const any = `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: any}
spec:
  parentRefs: [{name: gw}]
  rules: [{matches: [{headers: [{name: x-ai-eg-model, type: RegularExpression, value: "any-.*"}]}], backendRefs: [{name: a}]}]`;
    await start({ a: [whole('real')] }, any);
    for (let at = 0; at < 12; at++) await Promise.all(Array.from({ length: 20 }, (_, index) => ask({ model: `any-${at * 20 + index}` })));
    const models = new Set([...(await page()).matchAll(/gen_ai_original_model="(any-\d+|other)"/g)].map(([, name]) => name));
    expect(models.size).toBe(201);
    expect(await value('gen_ai_server_request_duration_seconds_count', { gen_ai_original_model: 'other' })).toBe(40);
    for (let at = 0; at < 20; at++) await ask({ model: `nobody-${at}` });
    expect(await page()).not.toContain('nobody-');
  });

  it('count the requests of a client that were not admitted, by why', async () => {
    const budget = '\napiVersion: tierkit.dev/v1alpha1\nkind: Budget\nmetadata: {name: none}\nspec: {tokens: 0, window: {unit: Day}}';
    await start({ a: [whole('real')] }, budget);
    await ask();
    await ask();
    expect(await value('tierkit_client_requests_total', { client_id: 'anonymous', error_type: 'budget' })).toBe(2);
  });

  it('count money in whole units of its currency, and what budgets have left', async () => {
    const money = `
apiVersion: tierkit.dev/v1alpha1
kind: PriceTable
metadata: {name: p}
spec: {currency: EUR, entries: [{model: m, prices: {input: "2", cachedInput: "1", output: "10"}}]}
---
apiVersion: tierkit.dev/v1alpha1
kind: Budget
metadata: {name: all}
spec: {amount: "1", currency: EUR, window: {unit: Month, timeZone: UTC}}`;
    await start({ a: [whole('real')] }, money);
    await ask();
    // 40 × 2, 60 × 1 and 20 × 10 millionths.
    expect(await value('tierkit_cost_total', { currency: 'EUR', backend: 'default/a', model: 'm' })).toBeCloseTo(0.00034, 10);
    expect(await value('tierkit_client_cost_total', { currency: 'EUR', client_id: 'anonymous' })).toBeCloseTo(0.00034, 10);
    const budget = { rule: 'Budget default/all', unit: 'EUR' };
    expect(await value('tierkit_budget_limit', budget)).toBe(1);
    expect(await value('tierkit_budget_remaining', budget)).toBeCloseTo(0.99966, 10);
    expect(await value('tierkit_admission_settled_total', budget)).toBeCloseTo(0.00034, 10);
    expect(await value('tierkit_admission_decisions_total', { kind: 'budget', rule: 'Budget default/all', decision: 'admitted' })).toBe(1);
  });

  it('tell which limit refused', async () => {
    const limit = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: l}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: m}]
  rateLimit: {type: Local, local: {rules: [{limit: {requests: 1, unit: Hour}}]}}`;
    await start({ a: [whole('real')] }, limit);
    expect([await ask(), await ask()]).toEqual([200, 429]);
    const decisions = (decision: string) => value('tierkit_admission_decisions_total', { kind: 'limit', decision });
    expect([await decisions('admitted'), await decisions('refused')]).toEqual([1, 1]);
    expect(await value('tierkit_requests_total', { status: '429', error_type: 'rate_limited' })).toBe(1);
  });

  it('a client that leaves is no failure of the backend', async () => {
    await start({ a: [sse([delta({ content: 'a' }), ...Array.from({ length: 100 }, () => delta({ content: 'b' }))], { pauseMs: 50 })] });
    const leaving = new AbortController();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', stream: true, messages: [] }),
      signal: leaving.signal,
    });
    await response.body!.getReader().read();
    leaving.abort();
    await vi.waitFor(async () => expect(await value('tierkit_requests_total', { error_type: 'client_gone' })).toBe(1), { timeout: 5000 });
    expect(await value('tierkit_attempts_total', { backend: 'default/a', result: 'client_gone' })).toBe(1);
    expect(await value('tierkit_usage_source_total', { source: 'estimated' })).toBe(1);
  });

  it('name the trace of a request that was traced, and no other', async () => {
    upstreams.push(await startUpstream(whole('real')));
    const { tracing } = startTracing({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' });
    gateway = await startGateway({
      yaml: [backendsYaml([{ name: 'a', port: upstreams[0]!.port }]), routeYaml('m', ['a'])].join('\n---\n'),
      tracing,
    });
    const [kept, dropped] = ['0af7651916cd43dd8448eb211c80319c', '1bf7651916cd43dd8448eb211c80319d'];
    await ask({}, { traceparent: `00-${kept}-b7ad6b7169203331-01` });
    await ask({}, { traceparent: `00-${dropped}-b7ad6b7169203331-00` });
    const text = await page('application/openmetrics-text; version=1.0.0');
    expect(text).toMatch(new RegExp(`^gen_ai_server_request_duration_seconds_bucket\\{.*\\} [12] # \\{trace_id="${kept}"\\} `, 'm'));
    expect(text).not.toContain(dropped);
    expect(await page()).not.toContain(kept);
  });

  it('are valid OpenMetrics to the last line', async () => {
    await start({ a: [whole('real')] });
    await ask();
    const text = await page('application/openmetrics-text; version=1.0.0');
    expect(text.endsWith('\n# EOF\n')).toBe(true);
    const families = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
    expect(new Set(families).size).toBe(families.length);
    for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#')))
      expect(line).toMatch(
        /^[a-zA-Z_:][\w:]*(\{[a-z_]\w*="(?:[^"\\\n]|\\.)*"(,[a-z_]\w*="(?:[^"\\\n]|\\.)*")*\})? \S+( # \{.*\} \S+ \S+)?$/i,
      );
  });
});
