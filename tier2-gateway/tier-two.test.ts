import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, describe, expect, test, vi } from 'vitest';

import {
  asChat,
  chatEvents,
  modelYaml,
  poolRef,
  poolYaml,
  startPod,
  startTierTwo,
  type TestPod,
  type TestTierTwo,
} from './tier-two.fixture.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

async function pod(answer?: TestPod['answer']): Promise<TestPod> {
  const started = await startPod(answer);
  open.push(started);
  return started;
}

async function tier(...args: Parameters<typeof startTierTwo>): Promise<TestTierTwo> {
  const started = await startTierTwo(...args);
  open.push(started);
  return started;
}

/** An address where nobody listens. */
async function gone(): Promise<TestPod> {
  const one = await startPod();
  await one.close();
  return one;
}

const answered = async (response: Response): Promise<{ model: string; error?: { message: string; code: string } }> =>
  (await response.json()) as { model: string; error?: { message: string; code: string } };
const reset: TestPod['answer'] = (request) => request.socket.destroy();
const status =
  (code: number): TestPod['answer'] =>
  (_, response) =>
    response.writeHead(code, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}');

const cut: TestPod['answer'] = (request, response, body) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(chatEvents(body, ['a', 'b'])[0]!, () => setTimeout(() => request.socket.destroy(), 20));
};
const poolWith = (more: string) => poolYaml('p', [{ address: '127.0.0.1:1' }]).replace('targetPorts:', `${more}, targetPorts:`);
const rule = (model: string, pool: string) =>
  `{matches: [{headers: [{name: X-Gateway-Model-Name, value: ${model}}]}], backendRefs: [${poolRef(pool)}]}`;
const problem = (yaml: readonly string[]) =>
  startTierTwo(yaml).then(
    () => 'started',
    (error: Error) => error.message,
  );

const slowly: TestPod['answer'] = (request, response, body) => void setTimeout(() => asChat(request, response, body), 40);

describe('an AIGatewayRoute that leads to a pool', () => {
  test('is answered by a pod of it, and says which', async () => {
    const a = await pod();
    const two = await tier([poolYaml('p', [a]), modelYaml('m', ['p'])]);
    const response = await two.chat({ model: 'm' });
    expect(response.status).toBe(200);
    expect((await answered(response)).model).toBe('m');
    expect(a.seen.map(({ url }) => url)).toEqual(['/v1/chat/completions']);
    await vi.waitFor(() => expect(two.accessLog).toHaveLength(1));
    expect(two.accessLog[0]).toMatchObject({
      inference_pool: 'default/p',
      pod: a.address,
      genai_tokens_input: 7,
      genai_tokens_cached_input: 3,
      complete: true,
    });
  });

  test('keeps conversations on the pod that has their beginning', async () => {
    const pods = [await pod(), await pod(), await pod()];
    const two = await tier([poolYaml('p', pods), modelYaml('m', ['p'])]);
    const system = 'You answer questions about the schedule of trains in one sentence. '.repeat(60);
    const used = new Set<string>();
    for (let turn = 0; turn < 6; turn++) {
      const messages = [
        { role: 'system', content: system },
        { role: 'user', content: `Question ${turn}` },
      ];
      await (await two.chat({ model: 'm', messages })).text();
    }
    for (const each of pods) if (each.seen.length > 0) used.add(each.address);
    expect(used.size).toBe(1);
  });

  test('never sends a client where the client wants: x-gateway-destination-endpoint', async () => {
    const a = await pod();
    const victim = await pod();
    const two = await tier([poolYaml('p', [a]), modelYaml('m', ['p'])]);
    for (const name of ['x-gateway-destination-endpoint', 'X_Gateway_Destination_Endpoint', 'x-gateway-destination-endpoint-subset']) {
      const response = await two.chat({ model: 'm' }, { [name]: victim.address });
      expect(response.status).toBe(200);
      await response.text();
    }
    expect(victim.seen).toEqual([]);
    expect(a.seen).toHaveLength(3);
    for (const { headers } of a.seen) expect(Object.keys(headers).filter((name) => /gateway.destination/.test(name))).toEqual([]);
  });

  test('explains its choice by the id of the request', async () => {
    const pods = [await pod(), await pod()];
    const two = await tier([poolYaml('p', pods), modelYaml('m', ['p'])]);
    await (await two.chat({ model: 'm' }, { 'x-request-id': 'the-one' })).text();
    const decision = (await (await fetch(`${two.adminUrl}/explain/the-one`)).json()) as {
      pool: string;
      reason: string;
      candidates: object[];
    };
    expect(decision.pool).toBe('default/p');
    expect(decision.candidates).toHaveLength(2);
    expect(decision.reason).toMatch(/equal cost|cost .* against/);
    expect((await fetch(`${two.adminUrl}/explain/another`)).status).toBe(404);
  });
});

describe('a pod that fails before the first token', () => {
  test.each([
    ['is not there', gone],
    ['resets', () => pod(reset)],
    ['answers 503', () => pod(status(503))],
    ['answers 429', () => pod(status(429))],
    ['begins a stream with nothing', () => pod((_, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end())],
  ])('%s: the client sees the answer of another', async (_, bad) => {
    const broken = await bad();
    const good = await pod();
    const two = await tier([poolYaml('p', [broken, good]), modelYaml('m', ['p'])]);
    for (let index = 0; index < 8; index++) {
      const response = await two.chat({ model: 'm', stream: index % 2 === 1 });
      expect(response.status).toBe(200);
      expect(await response.text()).toMatch(index % 2 === 1 ? /\[DONE\]\n\n$/ : /"content":"hello"/);
    }
    expect(good.seen).toHaveLength(8);
  });

  test('the only pod: it is asked once more and then no longer', async () => {
    const only = await pod(reset);
    const two = await tier([poolYaml('p', [only]), modelYaml('m', ['p'])]);
    expect((await two.chat({ model: 'm' })).status).toBe(502);
    expect(only.seen.length).toBeLessThanOrEqual(2);
  });

  test('all of them: one error, and each was asked once', async () => {
    const pods = [await pod(reset), await pod(reset)];
    const two = await tier([poolYaml('p', pods), modelYaml('m', ['p'])]);
    const response = await two.chat({ model: 'm' });
    expect(response.status).toBe(502);
    expect(pods.map(({ seen }) => seen.length)).toEqual([1, 1]);
    expect((await answered(response)).error?.code).toBe('TK_UPSTREAM');
  });

  test('the request itself is at fault: no other pod is asked', async () => {
    const pods = [await pod(status(400)), await pod(status(400))];
    const two = await tier([poolYaml('p', pods), modelYaml('m', ['p'])]);
    expect((await two.chat({ model: 'm' })).status).toBe(400);
    expect(pods[0]!.seen.length + pods[1]!.seen.length).toBe(1);
  });
});

test('a stream that breaks after its first token ends with an error, and no pod is asked again', async () => {
  const pods = [await pod(cut), await pod(cut)];
  const two = await tier([poolYaml('p', pods), modelYaml('m', ['p'])]);
  const text = await (await two.chat({ model: 'm', stream: true })).text();
  expect(text).toContain('"content":"a"');
  expect(text).toContain('"error"');
  expect(text).not.toContain('[DONE]');
  expect(pods[0]!.seen.length + pods[1]!.seen.length).toBe(1);
  await vi.waitFor(() => expect(two.accessLog[0]).toMatchObject({ complete: false, usage_source: 'estimated' }));
});

test('a client that leaves: the pod hears of it at once, and nothing stays reserved', async () => {
  const a = await pod((_, response, body) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chatEvents(body, ['a', 'b'])[0]!);
  });
  const two = await tier([poolYaml('p', [a]), modelYaml('m', ['p'])]);
  const abort = new AbortController();
  const response = await fetch(`${two.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"model":"m","stream":true,"messages":[]}',
    signal: abort.signal,
  });
  await response.body!.getReader().read();
  abort.abort();
  await vi.waitFor(() => expect(a.aborted).toHaveLength(1));
  const pools = (await (await fetch(`${two.adminUrl}/pools`)).json()) as {
    queue: { running: number };
    endpoints: { inFlight: number; load: { requests: number } }[];
  }[];
  expect(pools[0]).toMatchObject({ queue: { running: 0 }, endpoints: [{ inFlight: 0, load: { requests: 0 } }] });
});

/** A provider of the OpenAI API. */
const providerYaml = ({ address }: TestPod): string => `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: openai}
spec: {schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: openai}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: openai}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${address.split(':')[1]}}}]}`;

describe('between pools and providers', () => {
  test('weights split a model between two pools', async () => {
    const stable = await pod();
    const canary = await pod();
    const refs = [poolRef('stable', 'weight: 3'), poolRef('canary', 'weight: 1')];
    const two = await tier([poolYaml('stable', [stable]), poolYaml('canary', [canary]), modelYaml('m', refs)]);
    for (let index = 0; index < 80; index++) await (await two.chat({ model: 'm' })).text();
    expect(stable.seen.length + canary.seen.length).toBe(80);
    // 80 draws at 1 in 4: fewer than 5 or more than 40 come less than once in a million times.
    expect(canary.seen.length).toBeGreaterThan(4);
    expect(canary.seen.length).toBeLessThan(41);
  });

  test('a pool whose pods all fail hands over to the pool behind it', async () => {
    const bad = [await pod(reset), await gone()];
    const good = await pod();
    const refs = [poolRef('first'), poolRef('second', 'priority: 1')];
    const two = await tier([poolYaml('first', bad), poolYaml('second', [good]), modelYaml('m', refs)]);
    expect((await two.chat({ model: 'm' })).status).toBe(200);
    expect(good.seen).toHaveLength(1);
  });

  test('a pool hands over to a provider, with the key and the model name of the provider', async () => {
    const bad = await pod(status(503));
    const provider = await pod();
    const credential = `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: openai}
spec:
  type: APIKey
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: openai}]
  apiKey: {secretRef: {name: openai}}
---
apiVersion: v1
kind: Secret
metadata: {name: openai}
stringData: {apiKey: sk-provider}`;
    const refs = [poolRef('p'), '{name: openai, priority: 1, modelNameOverride: gpt-big}'];
    const two = await tier([poolYaml('p', [bad]), providerYaml(provider), credential, modelYaml('m', refs)]);
    const response = await two.chat({ model: 'm' }, { authorization: 'Bearer of-the-client' });
    expect(response.status).toBe(200);
    expect(provider.seen[0]!.headers.authorization).toBe('Bearer sk-provider');
    expect(JSON.parse(provider.seen[0]!.body)).toMatchObject({ model: 'gpt-big' });
    // No credential goes to a pod, neither the client's nor the provider's.
    expect(bad.seen[0]!.headers.authorization).toBeUndefined();
  });

  test('a provider hands over to a pool', async () => {
    const provider = await pod(status(500));
    const good = await pod();
    const two = await tier([
      poolYaml('p', [good]),
      providerYaml(provider),
      modelYaml('m', ['{name: openai}', poolRef('p', 'priority: 1')]),
    ]);
    expect((await two.chat({ model: 'm' })).status).toBe(200);
    expect(good.seen).toHaveLength(1);
  });
});

describe('a model under another name', () => {
  test.each([false, true])('is asked for by the name of the pool, and answered by that of the client (stream: %s)', async (stream) => {
    const a = await pod();
    const two = await tier([poolYaml('p', [a]), modelYaml('m', [poolRef('p', 'modelNameOverride: "org/m-v2"')])]);
    const text = await (await two.chat({ model: 'm', stream, stream_options: { include_usage: true } })).text();
    expect(JSON.parse(a.seen[0]!.body)).toMatchObject({ model: 'org/m-v2' });
    expect(text).not.toContain('org/m-v2');
    const models = stream
      ? text
          .split('\n\n')
          .flatMap((event) => (event.startsWith('data: {') ? [(JSON.parse(event.slice(6)) as { model: string }).model] : []))
      : [(JSON.parse(text) as { model: string }).model];
    expect(new Set(models)).toEqual(new Set(['m']));
  });
});

describe('an HTTPRoute that leads to a pool', () => {
  const httpRoute = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: llm}
spec:
  parentRefs: [{name: gw}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /team/llm}}]
      filters:
        - {type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}
        - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-set, value: by-route}]}}
      backendRefs: [${poolRef('p')}]`;

  test('is read like any request of a model API, under the rewritten path', async () => {
    const a = await pod();
    const broken = await pod(reset);
    const two = await tier([poolYaml('p', [broken, a]), httpRoute]);
    for (let index = 0; index < 4; index++) {
      const response = await fetch(`${two.url}/team/llm/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"model":"anything","messages":[]}',
      });
      expect(response.status).toBe(200);
      expect((await answered(response)).model).toBe('anything');
    }
    expect(a.seen).toHaveLength(4);
    expect(a.seen[0]).toMatchObject({ url: '/v1/chat/completions', headers: { 'x-set': 'by-route' } });
    await vi.waitFor(() => expect(two.accessLog).toHaveLength(4));
    expect(two.accessLog[0]).toMatchObject({ operation: 'chat', genai_tokens_input: 7, pod: a.address });
  });

  test('passes what no model API has', async () => {
    const a = await pod((_, response) => response.end('fine'));
    const two = await tier([poolYaml('p', [a]), httpRoute]);
    expect(await (await fetch(`${two.url}/team/llm/health?x=1`)).text()).toBe('fine');
    expect(a.seen[0]!.url).toBe('/health?x=1');
  });

  test('goes by the model of the body where it matches X-Gateway-Model-Name', async () => {
    const a = await pod();
    const b = await pod();
    const route = `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: llm}
spec: {parentRefs: [{name: gw}], rules: [${rule('one', 'a')}, ${rule('two', 'b')}]}`;
    const two = await tier([poolYaml('a', [a]), poolYaml('b', [b]), route]);
    await (await two.chat({ model: 'two' }, { 'x-gateway-model-name': 'one' })).text();
    expect([a.seen.length, b.seen.length]).toEqual([0, 1]);
  });
});

test('a request waits for the first endpoint of a pool that has none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-test-'));
  open.push({ close: async () => rmSync(folder, { recursive: true }) });
  const file = join(folder, 'endpoints.yaml');
  writeFileSync(file, 'endpoints: []\n');
  const a = await pod();
  const pool = poolYaml('p', []).replace('tierkit.dev/endpoints: ""', `tierkit.dev/endpoints-file: ${file}`);
  const two = await tier([pool, modelYaml('m', ['p'])]);
  const pending = two.chat({ model: 'm' });
  await vi.waitFor(async () => {
    const [state] = (await (await fetch(`${two.adminUrl}/pools`)).json()) as { queue: { waitingForEndpoints: number } }[];
    expect(state?.queue.waitingForEndpoints).toBe(1);
  });
  const [address, port] = a.address.split(':');
  writeFileSync(file, `endpoints: [{address: ${address}, port: ${port}}]\n`);
  expect((await pending).status).toBe(200);
});

test('what cannot be served is refused by name', async () => {
  expect(await problem([poolWith('endpointPickerRef: {name: epp, port: {number: 9002}}')])).toContain('tierkit.dev/picker: built-in');
  expect(await problem([poolYaml('p', [])])).toContain('is empty');
  expect(await problem([poolYaml('pool-a', [{ address: '127.0.0.1:1' }]), modelYaml('m', ['pool-b'])])).toContain('did you mean "pool-a"?');
});

describe('resources beside a pool', () => {
  const rewrite = `
apiVersion: llm-d.ai/v1alpha2
kind: InferenceModelRewrite
metadata: {name: release}
spec:
  poolRef: {name: p}
  rules: [{matches: [{model: {value: m}}], targets: [{modelRewrite: m-2026-11}]}]`;

  test('an InferenceModelRewrite renames the model towards the pods, and the client never sees it', async () => {
    const a = await pod();
    const two = await tier([poolYaml('p', [a]), modelYaml('m', ['p']), rewrite]);
    const whole = await (await two.chat({ model: 'm' })).text();
    const stream = await (await two.chat({ model: 'm', stream: true })).text();
    expect(a.seen.map(({ body }) => (JSON.parse(body) as { model: string }).model)).toEqual(['m-2026-11', 'm-2026-11']);
    expect(whole + stream).not.toContain('m-2026-11');
    await vi.waitFor(() => expect(two.accessLog[1]).toMatchObject({ genai_model_name: 'm', model_rewrite: 'm-2026-11' }));
  });

  test('one for a pool that is not there is a problem', async () => {
    const a = await pod();
    expect(await problem([poolYaml('q', [a]), modelYaml('m', ['q']), rewrite])).toContain(
      'InferenceModelRewrite default/release: spec.poolRef.name',
    );
  });

  test('nobody unknown makes a request important', async () => {
    const a = await pod();
    const objective = `
apiVersion: llm-d.ai/v1alpha2
kind: InferenceObjective
metadata: {name: urgent}
spec: {priority: 10, poolRef: {name: p}}`;
    const keys = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: closed}]
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-key]}]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {team-a: the-key}`;
    const two = await tier([poolYaml('p', [a]), modelYaml('open', ['p']), modelYaml('closed', ['p']), objective, keys]);
    const headers = { 'x-llm-d-inference-objective': 'urgent', 'x-request-id': 'stranger' };
    expect((await two.chat({ model: 'open' }, headers)).status).toBe(200);
    expect((await two.chat({ model: 'closed' }, { ...headers, 'x-request-id': 'known', 'x-key': 'the-key' })).status).toBe(200);
    const priority = async (id: string) => ((await (await fetch(`${two.adminUrl}/explain/${id}`)).json()) as { priority: number }).priority;
    expect([await priority('stranger'), await priority('known')]).toEqual([0, 10]);
    expect(a.seen.map((request) => request.headers['x-llm-d-inference-objective'])).toEqual([undefined, 'urgent']);
  });
});

test('a pod that dies under load: whoever has no byte yet is answered by another, and nobody notices', async () => {
  const pods = [await pod(slowly), await pod(slowly), await pod(slowly)];
  const two = await tier([poolYaml('p', pods), modelYaml('m', ['p'])]);
  const statuses: number[] = [];
  const client = async (name: number): Promise<void> => {
    for (let index = 0; index < 8; index++) {
      const response = await two.chat({ model: 'm', messages: [{ role: 'user', content: `${name} asks ${index}` }] });
      await response.text();
      statuses.push(response.status);
    }
  };
  const clients = Array.from({ length: 12 }, (_, name) => client(name));
  await vi.waitFor(() => expect(pods.every(({ seen }) => seen.length > 2)).toBe(true));
  await pods[1]!.close();
  await Promise.all(clients);
  expect(statuses).toHaveLength(96);
  expect(new Set(statuses)).toEqual(new Set([200]));
  // Some were at that pod when it died, or were sent there before it was known.
  await vi.waitFor(() => expect(two.accessLog).toHaveLength(96));
  expect(two.accessLog.some(({ attempts }) => attempts !== undefined)).toBe(true);
});
