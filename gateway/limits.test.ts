import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, type Script, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A whole answer with a usage. */
function chat(input: number, output: number, details: object = {}): Script {
  return answer(200, {
    id: 'c',
    object: 'chat.completion',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output, ...details },
  });
}

/** The same, a little later: others come meanwhile. */
/** Twenty requests at one time, to a backend that answers when all others have been refused. @returns how many passed */
async function crowd(others: number, start: (port: number) => Promise<TestGateway>): Promise<number> {
  const decided = Promise.withResolvers<void>();
  const backend = await upstream(async (socket, request) => {
    await decided.promise;
    await chat(10, 90)(socket, request);
  });
  const gateway = await start(backend.port);
  let refused = 0;
  const each = async (): Promise<number> => {
    const { status } = await ask(gateway, { body: { max_tokens: 100 } });
    if (status !== 200 && ++refused === others) decided.resolve();
    return status;
  };
  const all = await Promise.all(Array.from({ length: 20 }, each));
  const passed = all.filter((status) => status === 200).length;
  expect(backend.requests).toHaveLength(passed);
  return passed;
}

async function upstream(...scripts: readonly Script[]): Promise<Upstream> {
  const started = await startUpstream(...scripts);
  closers.push(() => started.close());
  return started;
}

async function gatewayOf(...yaml: readonly string[]): Promise<TestGateway> {
  const started = await startGateway({ yaml: yaml.join('\n---\n') });
  closers.push(() => started.close());
  return started;
}

interface ChatOptions {
  readonly headers?: Record<string, string>;
  readonly body?: object;
  readonly model?: string;
}

function ask(gateway: TestGateway, { headers = {}, body = {}, model = 'm' }: ChatOptions = {}): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], ...body }),
  });
}

const policy = (limit: string, rule = ''): string => `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: p}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: m}]
  rateLimit:
    type: Global
    global:
      rules:
      - limit: ${limit}
${rule}`;

const TOKENS = `        cost: {request: {from: Number, number: 0}, response: {from: Metadata, metadata: {namespace: io.envoy.ai_gateway, key: total}}}`;
const COSTS = '  llmRequestCosts: [{metadataKey: total, type: TotalToken}]';
const costly = (model: string, backends: readonly string[]): string => `${routeYaml(model, backends)}\n${COSTS}`;

const PRICES = `
apiVersion: tierkit.dev/v1alpha1
kind: PriceTable
metadata: {name: list}
spec:
  currency: USD
  entries:
  - {model: m, prices: {input: "1000000", cachedInput: "100000", output: "2000000"}}`;

const budget = (spec: string, name = 'b'): string => `
apiVersion: tierkit.dev/v1alpha1
kind: Budget
metadata: {name: ${name}}
spec: ${spec}`;

const API_KEYS = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: m}]
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}], forwardClientIDHeader: x-client}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {alice: key-of-alice, bob: key-of-bob}`;

const as = (client: string): ChatOptions => ({ headers: { 'x-api-key': `key-of-${client}` } });

async function limitsOf({ adminUrl }: TestGateway): Promise<Record<string, unknown>[]> {
  return (await (await fetch(`${adminUrl}/limits`)).json()) as Record<string, unknown>[];
}

describe('limits of requests', () => {
  test('the request beyond the limit is refused, with the headers of the draft and when to come again', async () => {
    const backend = await upstream(chat(1, 1));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      routeYaml('m', ['one']),
      policy('{requests: 2, unit: Hour}'),
    );
    const first = await ask(gateway);
    expect(first.status).toBe(200);
    expect(first.headers.get('x-ratelimit-limit')).toBe('2, 2;w=3600');
    expect(first.headers.get('x-ratelimit-remaining')).toBe('1');
    expect((await ask(gateway)).status).toBe(200);
    const third = await ask(gateway);
    expect(third.status).toBe(429);
    expect(third.headers.get('x-ratelimit-remaining')).toBe('0');
    expect(Number(third.headers.get('retry-after'))).toBeGreaterThan(3000);
    expect(await third.json()).toMatchObject({
      error: { type: 'rate_limit_error', code: 'TK_RATE_LIMITED', message: expect.stringContaining('2 requests per hour') },
    });
    expect(backend.requests).toHaveLength(2);
  });

  test('a request of the messages API is refused in its own words', async () => {
    const backend = await upstream(answer(200, {}));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port, schema: 'Anthropic' }]),
      routeYaml('m', ['one']),
      budget('{tokens: 0, window: {unit: Day}}'),
    );
    const refused = await fetch(`${gateway.url}/anthropic/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hello' }] }),
    });
    expect(refused.status).toBe(429);
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(await refused.json()).toMatchObject({ type: 'error', error: { type: 'rate_limit_error' } });
  });

  test('a failed request counts, and costs no tokens', async () => {
    const backend = await upstream(answer(400, { error: { message: 'no' } }));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      costly('m', ['one']),
      policy('{requests: 100, unit: Hour}', TOKENS),
    );
    expect((await ask(gateway)).status).toBe(400);
    expect(await limitsOf(gateway)).toMatchObject([{ used: 0, reserved: 0, remaining: 100 }]);
  });
});

describe('limits of tokens', () => {
  test('to count tokens uses none', async () => {
    const backend = await upstream(answer(200, { count: 5, tokens: [1, 2, 3, 4, 5] }));
    const limited = policy('{requests: 100, unit: Hour}', TOKENS);
    const gateway = await gatewayOf(backendsYaml([{ name: 'one', port: backend.port }]), costly('m', ['one']), limited);
    const counted = await fetch(`${gateway.url}/tokenize`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'm', prompt: 'five tokens in this text' }),
    });
    expect(counted.status).toBe(200);
    expect(await limitsOf(gateway)).toMatchObject([{ used: 0, reserved: 0 }]);
    expect(gateway.accessLog[0]).not.toHaveProperty('genai_tokens_input');
  });

  test('what was used takes the place of what was expected', async () => {
    const backend = await upstream(chat(30, 40));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      costly('m', ['one']),
      policy('{requests: 100, unit: Hour}', TOKENS),
    );
    const statuses = [];
    for (let count = 0; count < 3; count++) statuses.push((await ask(gateway)).status);
    // As with the reference: while anything is left a request goes on.
    expect(statuses).toEqual([200, 200, 429]);
    expect(await limitsOf(gateway)).toMatchObject([{ used: 140, reserved: 0, remaining: 0 }]);
    expect(gateway.accessLog[0]).toMatchObject({ total: 70, usage_source: 'reported' });
  });

  test('requests at one time do not all pass before the first is counted', async () => {
    const passed = await crowd(18, (port) =>
      gatewayOf(backendsYaml([{ name: 'one', port }]), costly('m', ['one']), policy('{requests: 300, unit: Hour}', TOKENS)),
    );
    // Of 300 tokens two requests set aside 100 and their prompts each; while they run, what is left is too little for a third.
    expect(passed).toBe(2);
  });

  test('a client that leaves is charged what passed by', async () => {
    const backend = await upstream(
      sse(
        Array.from(
          { length: 20 },
          (_, at) => `data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, delta: { content: `word${at} ` } }] })}\n\n`,
        ),
        { close: 'hang' },
      ),
    );
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      costly('m', ['one']),
      policy('{requests: 1000, unit: Hour}', TOKENS),
    );
    const response = await ask(gateway, { body: { stream: true } });
    const reader = response.body!.getReader();
    let text = '';
    while (!text.includes('word19')) text += Buffer.from((await reader.read()).value ?? []).toString();
    await reader.cancel();
    await expect.poll(() => gateway.accessLog.length).toBe(1);
    expect(gateway.accessLog[0]).toMatchObject({ usage_source: 'estimated', genai_tokens_output: 20 });
    const [limit] = await limitsOf(gateway);
    // Twenty tokens of the answer, and the prompt, of which nobody said anything.
    expect(limit).toMatchObject({ reserved: 0, used: (gateway.accessLog[0]!['genai_tokens_input'] as number) + 20 });
  });
});

const quota = (limit: number, backend: string, rules = ''): string => `
apiVersion: aigateway.envoyproxy.io/v1alpha1
kind: QuotaPolicy
metadata: {name: ${backend}}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ${backend}}]
  perModelQuotas: [{modelName: m, quota: {defaultBucket: {limit: ${limit}, duration: 1h}${rules}}}]`;

describe('quotas of backends', () => {
  test('a backend whose quota is used up is passed over; when all are, the answer is 429', async () => {
    const [first, second] = [await upstream(chat(5, 5)), await upstream(chat(5, 5))];
    const gateway = await gatewayOf(
      backendsYaml([
        { name: 'one', port: first.port },
        { name: 'two', port: second.port },
      ]),
      routeYaml('m', ['one', 'two']),
      quota(10, 'one'),
      quota(20, 'two'),
    );
    const statuses = [];
    for (let count = 0; count < 4; count++) statuses.push((await ask(gateway)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect([first.requests.length, second.requests.length]).toEqual([1, 2]);
    expect(gateway.accessLog.at(-1)).toMatchObject({ response_code_details: 'TK_RATE_LIMITED' });
  });

  test('a failed attempt gives its quota back', async () => {
    const [bad, good] = [await upstream(answer(503, {})), await upstream(chat(5, 5))];
    const gateway = await gatewayOf(
      backendsYaml([
        { name: 'one', port: bad.port },
        { name: 'two', port: good.port },
      ]),
      routeYaml('m', ['one', 'two']),
      quota(10, 'one'),
    );
    expect((await ask(gateway)).status).toBe(200);
    expect(await limitsOf(gateway)).toMatchObject([{ used: 0, reserved: 0 }]);
  });

  test('a quota for all of a backend: others under way leave no room for what does not fit', async () => {
    const whole = quota(1, 'one').replace(/perModelQuotas.*/, 'serviceQuota: {quota: {limit: 300, duration: 1h}}');
    const passed = await crowd(18, (port) => gatewayOf(backendsYaml([{ name: 'one', port }]), routeYaml('m', ['one']), whole));
    expect(passed).toBe(2);
  });

  test('of the buckets of a model one that has room is enough', async () => {
    const backend = await upstream(chat(5, 5));
    const bucket =
      ', bucketRules: [{clientSelectors: [{headers: [{type: Exact, name: x-tier, value: gold}]}], quota: {limit: 25, duration: 1h}}]';
    const gateway = await gatewayOf(backendsYaml([{ name: 'one', port: backend.port }]), routeYaml('m', ['one']), quota(10, 'one', bucket));
    const gold = { headers: { 'x-tier': 'gold' } };
    expect((await ask(gateway, gold)).status).toBe(200);
    expect((await ask(gateway)).status).toBe(429);
    expect((await ask(gateway, gold)).status).toBe(200);
    expect((await ask(gateway, gold)).status).toBe(200);
    expect((await ask(gateway, gold)).status).toBe(429);
  });
});

describe('budgets', () => {
  test('what a request costs is charged, cached tokens at their own price', async () => {
    const backend = await upstream(chat(10, 5, { prompt_tokens_details: { cached_tokens: 4 } }));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      routeYaml('m', ['one']),
      PRICES,
      budget('{amount: "1000", currency: USD, window: {unit: Month, timeZone: Europe/Berlin}}'),
    );
    expect((await ask(gateway, { body: { max_tokens: 5 } })).status).toBe(200);
    // 6 × 1 + 4 × 0.1 + 5 × 2 dollars.
    expect(gateway.accessLog[0]).toMatchObject({
      cost_nanos: 16_400_000_000,
      cost_currency: 'USD',
      budgets: [expect.stringContaining('Budget/default/b')],
    });
    expect(await limitsOf(gateway)).toMatchObject([{ used: 164_000_000, reserved: 0, unit: 'USD' }]);
  });

  test('an answer is bounded to what is left, and that is told', async () => {
    const backend = await upstream(chat(1, 1));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      routeYaml('m', ['one']),
      budget('{tokens: 200, window: {unit: Day}}'),
    );
    const response = await ask(gateway, { body: { max_tokens: 1000 } });
    expect(response.status).toBe(200);
    const sent = JSON.parse(backend.requests[0]!.body.toString()) as { max_tokens: number };
    expect(sent.max_tokens).toBeGreaterThan(100);
    expect(sent.max_tokens).toBeLessThan(200);
    expect(response.headers.get('x-tierkit-output-bound')).toBe(`max_tokens=${sent.max_tokens}`);
  });

  test('a client that states no maximum gets one when little is left, under the name that its API has', async () => {
    const backend = await upstream(chat(1, 1));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      routeYaml('m', ['one']),
      budget('{tokens: 5000, window: {unit: Day}}'),
    );
    await ask(gateway);
    expect(JSON.parse(backend.requests[0]!.body.toString())).toMatchObject({ max_completion_tokens: 4096 });
  });

  test('plenty is left: the request goes as it came', async () => {
    const backend = await upstream(chat(1, 1));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      routeYaml('m', ['one']),
      budget('{tokens: 5000000, window: {unit: Day}}'),
    );
    await ask(gateway);
    expect(JSON.parse(backend.requests[0]!.body.toString())).not.toHaveProperty('max_completion_tokens');
  });

  test('a hundred at one time do not pass a hard budget', async () => {
    const spent: number[] = [];
    // Answers are as long as they may be.
    const greedy: Script = (socket, request) => {
      const { max_tokens: most } = JSON.parse(request.body.toString()) as { max_tokens: number };
      spent.push(10 + most);
      return chat(10, most)(socket, request);
    };
    const backend = await upstream(greedy);
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      routeYaml('m', ['one']),
      budget('{tokens: 3000, window: {unit: Day}}'),
    );
    const all = await Promise.all(Array.from({ length: 100 }, () => ask(gateway, { body: { max_tokens: 100 } })));
    const refused = all.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(60);
    expect(await refused[0]!.json()).toMatchObject({ error: { type: 'insufficient_quota', code: 'TK_BUDGET' } });
    const sum = spent.reduce((total, tokens) => total + tokens, 0);
    expect(sum).toBeGreaterThan(2500);
    // The prompt is estimated before it is counted: at most that is too much, ten tokens a request.
    expect(sum).toBeLessThanOrEqual(3000 + 10 * spent.length);
  });

  test('without a price a hard budget refuses, and a backend that has one is asked', async () => {
    const [first, second] = [await upstream(chat(1, 1)), await upstream(chat(1, 1))];
    const backends = backendsYaml([
      { name: 'one', port: first.port },
      { name: 'two', port: second.port },
    ]);
    const hard = budget('{amount: "1000", currency: USD, window: {unit: Total}}');
    const none = await gatewayOf(backends, routeYaml('m', ['one', 'two']), hard, PRICES.replace('model: m', 'model: another'));
    const refused = await ask(none);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({
      error: { code: 'TK_PRICE_UNKNOWN', message: expect.stringContaining('Budget default/b') },
    });

    const priced = PRICES.replace('{model: m,', '{model: m, backend: two,');
    const some = await gatewayOf(backends, routeYaml('m', ['one', 'two']), hard, priced);
    expect((await ask(some, { body: { max_tokens: 2 } })).status).toBe(200);
    expect([first.requests.length, second.requests.length]).toEqual([0, 1]);
  });

  test('each client has its own; 0 suspends one', async () => {
    const backend = await upstream(chat(50, 50));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      routeYaml('m', ['one']),
      API_KEYS,
      budget('{tokens: 120, window: {unit: Day}, per: Client, overrides: [{client: bob, tokens: 0}], alerts: [50, 80]}'),
    );
    expect((await ask(gateway, { ...as('alice'), body: { max_tokens: 50 } })).status).toBe(200);
    expect((await ask(gateway, as('bob'))).status).toBe(429);
    const [alice] = (await limitsOf(gateway)).filter(({ subject }) => subject === 'alice');
    expect(alice).toMatchObject({ used: 100, limit: 120, name: 'Budget default/b' });
    expect((await ask(gateway, { ...as('alice'), body: { max_tokens: 50 } })).status).toBe(429);
    expect(gateway.log.filter((line) => line.includes('Budget default/b of "alice": 50 %'))).toHaveLength(1);
  });

  test('a soft budget counts, tells, and refuses nothing', async () => {
    const backend = await upstream(chat(50, 50));
    const gateway = await gatewayOf(
      backendsYaml([{ name: 'one', port: backend.port }]),
      routeYaml('m', ['one']),
      budget('{tokens: 130, window: {unit: Day}, mode: Soft, alerts: [50, 100]}'),
    );
    for (let count = 0; count < 3; count++) expect((await ask(gateway, { body: { max_tokens: 50 } })).status).toBe(200);
    expect(await limitsOf(gateway)).toMatchObject([{ used: 300, remaining: 0 }]);
    const told = gateway.log.filter((line) => line.includes('% are reached'));
    expect(told.map((line) => /: (\d+) %/.exec(line)?.[1])).toEqual(['50', '100']);
    expect(gateway.accessLog.at(-1)).toMatchObject({ limits_exceeded_in_shadow: ['Budget default/b'] });
  });

  test('a reload keeps what was used, also under a new amount', async () => {
    const backend = await upstream(chat(50, 50));
    const folder = mkdtempSync(join(tmpdir(), 'limits-'));
    closers.push(async () => rmSync(folder, { recursive: true }));
    const write = (tokens: number): void => {
      const resources = [
        backendsYaml([{ name: 'one', port: backend.port }]),
        routeYaml('m', ['one']),
        budget(`{tokens: ${tokens}, window: {unit: Day}}`),
      ];
      writeFileSync(join(folder, 'resources.yaml'), resources.join('\n---\n'));
    };
    write(150);
    const gateway = await startGateway({ paths: [folder] });
    closers.push(() => gateway.close());
    const few = { body: { max_tokens: 50 } };
    expect((await ask(gateway, few)).status).toBe(200);
    expect((await ask(gateway, few)).status).toBe(429);
    write(1000);
    await expect.poll(() => gateway.log.some((line) => line.includes('configuration 2'))).toBe(true);
    expect((await ask(gateway, few)).status).toBe(200);
    expect((await limitsOf(gateway))[0]).toMatchObject({ used: 200, limit: 1000 });
  });
});
