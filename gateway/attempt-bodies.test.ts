import { afterEach, describe, expect, it } from 'vitest';

import { ask, CHAT, eventsOf, pairsYaml, RESPONSES } from './dialects.fixture.ts';
import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, type Script, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let gateway: TestGateway;
const upstreams: Upstream[] = [];

afterEach(async () => {
  await gateway.close();
  await Promise.all(upstreams.splice(0).map((one) => one.close()));
});

async function upstream(...scripts: Script[]): Promise<Upstream> {
  const started = await startUpstream(...scripts);
  upstreams.push(started);
  return started;
}

const unavailable = answer(503, {});

const backend = (name: string, port: number, more: string) => `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIServiceBackend
metadata: {name: ${name}}
spec: {backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: ${name}}, ${more}}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: ${name}}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]}`;
const key = (name: string, type: string, field: string) => `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ${name}}]
  type: ${type}
  ${field}: {secretRef: {name: ${name}}}
---
apiVersion: v1
kind: Secret
metadata: {name: ${name}}
stringData: {apiKey: key-of-${name}}`;

const yaml = (one: number, two: number, three: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: tierkit, listeners: [{name: http, port: 80, protocol: HTTP}]}
${backend('one', one, 'schema: {name: OpenAI, prefix: one/v9}, bodyMutation: {set: [{path: seed, value: "1"}], remove: [user]}, headerMutation: {set: [{name: x-team, value: one}], remove: [x-secret]}')}
${backend('two', two, 'schema: {name: AzureOpenAI, version: 2024-10-21}, bodyMutation: {set: [{path: top_k, value: "2.0"}]}, headerMutation: {set: [{name: x-two, value: set}]}')}
${backend('three', three, 'schema: {name: OpenAI}')}
${key('one', 'APIKey', 'apiKey')}
${key('two', 'AzureAPIKey', 'azureAPIKey')}
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: AIGatewayRoute
metadata: {name: route}
spec:
  parentRefs: [{name: gw, kind: Gateway, group: gateway.networking.k8s.io}]
  rules:
  - matches: [{headers: [{type: Exact, name: x-ai-eg-model, value: wanted}]}]
    backendRefs:
    - {name: one, priority: 0, modelNameOverride: model-one}
    - {name: two, priority: 1, modelNameOverride: model/two, bodyMutation: {set: [{path: seed, value: "7"}], remove: [temperature]}}
    - {name: three, priority: 2}
`;

describe('each attempt is made from the request as it came', () => {
  // Spaces, number forms, escapes, an unknown field, order: nothing but what a backend's own settings say may change.
  const BODY =
    '{ "user" : "me",\n\t"temperature":1.0,"seed":1e5, "model":"w\\u0061nted" ,"messages":[{"role":"user","content":"h\\u00e9 \\/ 1.0"}],"unknown":{"a":1E+2,"a":-0.0},"big":12345678901234567890 }\r\n';

  const CLIENT = {
    authorization: 'Bearer client-key',
    'x-api-key': 'client-key',
    'api-key': 'client-key',
    cookie: 'a=b',
    'x-secret': 'only for two and three',
    'x-team': 'client',
    'x-two': 'client',
    'x-ai-eg-model': 'other',
    'x-custom': 'kept',
    'accept-encoding': 'gzip',
  };

  it('with its own model, mutations, headers, credential and path; all else byte for byte', async () => {
    const [one, two, three] = [await upstream(unavailable), await upstream(unavailable), await upstream(answer(200, CHAT.whole('fine')))];
    gateway = await startGateway({ yaml: yaml(one.port, two.port, three.port) });
    const got = await ask(gateway.url, `${CHAT.path}?trace=1&key=client-key`, BODY, CLIENT);
    expect(JSON.parse(got.text)).toEqual(CHAT.whole('fine'));
    const [first, second, third] = [one.requests[0]!, two.requests[0]!, three.requests[0]!];

    expect(first.path).toBe('/one/v9/chat/completions?trace=1');
    expect(first.body.toString()).toBe(
      BODY.replace('"user" : "me",\n\t', '').replace('"seed":1e5', '"seed":1').replace('"w\\u0061nted"', '"model-one"'),
    );
    expect(first.headers).toMatchObject({ authorization: 'Bearer key-of-one', 'x-team': 'one', 'x-two': 'client', 'x-custom': 'kept' });
    expect(first.headers['x-secret']).toBeUndefined();

    expect(second.path).toBe('/openai/deployments/model%2Ftwo/chat/completions?api-version=2024-10-21');
    expect(second.body.toString()).toBe(
      BODY.replace('"temperature":1.0,', '')
        .replace('"seed":1e5', '"seed":7')
        .replace('"w\\u0061nted"', '"model/two"')
        .replace('12345678901234567890', '12345678901234567890,"top_k":2.0'),
    );
    expect(second.headers).toMatchObject({
      'api-key': 'key-of-two',
      'x-team': 'client',
      'x-two': 'set',
      'x-secret': 'only for two and three',
    });

    expect(third.path).toBe('/v1/chat/completions?trace=1');
    expect(third.body.toString()).toBe(BODY);
    expect(third.headers).toMatchObject({ 'x-team': 'client', 'x-two': 'client', 'x-secret': 'only for two and three' });

    for (const [index, { headers, lines, body }] of [first, second, third].entries()) {
      expect(headers['content-length']).toBe(String(body.length));
      expect(headers['host']).toBe(`127.0.0.1:${[one, two, three][index]!.port}`);
      expect(headers['accept-encoding']).toBe('identity');
      expect(headers['cookie']).toBeUndefined();
      expect(headers['x-ai-eg-model']).toBeUndefined();
      // No header twice, and the client's keys nowhere.
      expect(lines.map(([name]) => name).toSorted()).toEqual([...new Set(lines.map(([name]) => name))].toSorted());
      expect(JSON.stringify(lines)).not.toContain('client-key');
      const others = ['key-of-one', 'key-of-two'].filter((other) => other !== ['key-of-one', 'key-of-two', ''][index]);
      for (const other of others) expect(JSON.stringify(lines)).not.toContain(other);
    }
  });
});

describe('usage in a stream', () => {
  const USAGE = CHAT.stream([]).after[1]!;
  const events = eventsOf(CHAT, ['fine']);

  async function streamed(options: object | undefined, annotated = false): Promise<{ text: string; sent: Record<string, unknown> }> {
    const first = await upstream(sse(events));
    const yaml = pairsYaml(first.port, first.port);
    gateway = await startGateway({
      yaml: annotated
        ? yaml.replaceAll(
            'metadata: {name: openai-first}\nspec: {schema',
            'metadata: {name: openai-first, annotations: {tierkit.dev/stream-usage: client}}\nspec: {schema',
          )
        : yaml,
    });
    const body = { ...CHAT.request('openai-pair', true), ...(options === undefined ? {} : { stream_options: options }) };
    const { text } = await ask(gateway.url, CHAT.path, body);
    return { text, sent: JSON.parse(first.requests[0]!.body.toString()) as Record<string, unknown> };
  }

  it('is asked for, and kept from a client that did not ask', async () => {
    for (const options of [undefined, {}, { include_usage: false }, { include_usage: null, include_obfuscation: false }]) {
      const { text, sent } = await streamed(options);
      expect(sent['stream_options']).toEqual({ ...options, include_usage: true });
      expect(text).toBe(events.filter((event) => event !== USAGE).join(''));
      expect(gateway.accessLog[0]).toMatchObject({ genai_tokens_input: 5, genai_tokens_output: 7, usage_source: 'reported' });
      await gateway.close();
    }
  });

  it('reaches a client that asked; its request stays as it is', async () => {
    const { text, sent } = await streamed({ include_usage: true });
    expect(sent).toEqual({ ...CHAT.request('openai-pair', true), stream_options: { include_usage: true } });
    expect(text).toBe(events.join(''));
  });

  it('is left to the client where the backend says so', async () => {
    const { sent } = await streamed(undefined, true);
    expect(sent['stream_options']).toBeUndefined();
  });

  it('is not asked of Cohere, which refuses to be asked', async () => {
    const first = await upstream(sse(events));
    const yaml = pairsYaml(first.port, first.port).replaceAll(
      'metadata: {name: openai-first}\nspec: {schema: {name: OpenAI}',
      'metadata: {name: openai-first}\nspec: {schema: {name: Cohere, prefix: /eu/}',
    );
    gateway = await startGateway({ yaml });
    const request = { ...CHAT.request('openai-pair', true), max_completion_tokens: 9, stream_options: { include_usage: true } };
    expect((await ask(gateway.url, CHAT.path, request)).text).toBe(events.join(''));
    const [{ path, body }] = first.requests as [(typeof first.requests)[number]];
    expect(path).toBe('/eu/compatibility/v1/chat/completions');
    expect(JSON.parse(body.toString())).toEqual({ ...CHAT.request('openai-pair', true), max_tokens: 9 });
  });

  it('is not asked for where there is no stream', async () => {
    const first = await upstream(answer(200, CHAT.whole('fine')));
    gateway = await startGateway({ yaml: pairsYaml(first.port, first.port) });
    for (const body of [CHAT.request('openai-pair', false), { ...CHAT.request('openai-pair', false), stream: false }])
      await ask(gateway.url, CHAT.path, body);
    for (const { body } of first.requests) expect(body.toString()).not.toContain('stream_options');
  });
});

describe('the bound of an answer', () => {
  it.each([
    ['{"model":"openai-pair","max_completion_tokens": 5.0,"messages":[]}', '{"model":"openai-pair","messages":[],"max_tokens":5.0}'],
    [
      '{"model":"openai-pair","max_tokens":7,"max_completion_tokens":5,"messages":[]}',
      '{"model":"openai-pair","max_tokens":5,"messages":[]}',
    ],
    [
      '{"model":"openai-pair","max_tokens":7,"max_completion_tokens":null,"messages":[]}',
      '{"model":"openai-pair","max_tokens":7,"messages":[]}',
    ],
    ['{"model":"openai-pair", "max_tokens":7,"messages":[]}', '{"model":"openai-pair", "max_tokens":7,"messages":[]}'],
  ])('has the name that the backend knows: %s', async (body, sent) => {
    const first = await upstream(answer(200, CHAT.whole('fine')));
    const yaml = pairsYaml(first.port, first.port).replaceAll(
      'metadata: {name: openai-first}\nspec: {schema',
      'metadata: {name: openai-first, annotations: {tierkit.dev/output-limit: max_tokens}}\nspec: {schema',
    );
    gateway = await startGateway({ yaml });
    expect((await ask(gateway.url, CHAT.path, body)).status).toBe(200);
    expect(first.requests[0]!.body.toString()).toBe(sent);
    const other = '{"model":"openai-pair","input":"hi","max_output_tokens":5,"max_completion_tokens":1}';
    first.script(answer(200, RESPONSES.whole('fine')));
    await ask(gateway.url, RESPONSES.path, other);
    expect(first.requests[1]!.body.toString()).toBe(other);
  });
});

describe('an extension', () => {
  it('sees the names that the backend sees, also those that are written with escapes', async () => {
    // Makes V8 read escaped names wrong where it has the defect (nodejs/node#63785).
    JSON.parse('{"x":1,"\\\\":2}');
    const first = await upstream(answer(200, CHAT.whole('fine')));
    const seen: unknown[] = [];
    gateway = await startGateway({
      yaml: pairsYaml(first.port, first.port),
      extensions: [{ name: 'guard', authorize: (request) => void seen.push(request.json()) }],
    });
    const body = '{"x":1,"\\u0061":2,"model":"openai-pair","messages":[{"x":1,"\\u0062":"c"}],"__proto__":{"y":1}}';
    expect((await ask(gateway.url, CHAT.path, body)).status).toBe(200);
    const [value] = seen as [Record<string, unknown>];
    expect(Object.keys(value)).toEqual(['x', 'a', 'model', 'messages', '__proto__']);
    expect(value['messages']).toEqual([{ x: 1, b: 'c' }]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});
