// Backends of Google and of AWS: paths, bodies and frames that only they have.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { eventMessage } from '#core/providers/transports/event-stream.fixture';

import { ask, CHAT, eventsOf, logged, MESSAGES, RESPONSES, type TestAnswer } from './dialects.fixture.ts';
import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, raw, type Script, sse, startUpstream, type Upstream } from './upstream.fixture.ts';

let upstream: Upstream;
let gateway: TestGateway;

const policy = (name: string, spec: string) => `
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: ${name}}
spec:
  targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ${name}}]
  ${spec}`;
const GCP = `type: GCPCredentials
  gcpCredentials: {projectName: my-project, region: europe-west1}
  credentialOverride: {fromRequestHeaders: {fallbackToConfigured: false}}`;
const AWS = `type: AWSCredentials
  awsCredentials: {region: us-east-1, credentialsFile: {secretRef: {name: aws}}}`;

beforeAll(async () => {
  upstream = await startUpstream(answer(500, {}));
  const backends = ['gemini', 'vertex-claude', 'bedrock-claude', 'converse'].map((name) => ({ name, port: upstream.port }));
  const schemas = { gemini: 'GCPVertexAI', 'vertex-claude': 'GCPAnthropic', 'bedrock-claude': 'AWSAnthropic', converse: 'AWSBedrock' };
  let yaml = backendsYaml(backends);
  for (const [name, schema] of Object.entries(schemas)) {
    yaml = yaml.replace(
      `metadata: {name: ${name}}\nspec: {schema: {name: OpenAI}`,
      `metadata: {name: ${name}}\nspec: {schema: {name: ${schema}}`,
    );
  }
  const routes = Object.entries({
    gemini: 'gemini-2.5-flash',
    'vertex-claude': 'claude-sonnet-4@20250514',
    'bedrock-claude': 'us.anthropic.claude-x-v1:0',
    converse: 'us.amazon.nova-pro-v1:0',
  });
  gateway = await startGateway({
    yaml: [
      yaml,
      policy('gemini', GCP),
      policy('vertex-claude', GCP),
      policy('bedrock-claude', AWS),
      policy('converse', AWS),
      'apiVersion: v1\nkind: Secret\nmetadata: {name: aws}\nstringData: {credentials: "[default]\\naws_access_key_id = AKIA\\naws_secret_access_key = of-aws\\n"}',
      ...routes.map(([name, model]) => routeYaml(name, [name]).replace('priority: 0', `priority: 0, modelNameOverride: "${model}"`)),
    ].join('\n---\n'),
  });
});

afterEach(() => {
  upstream.requests.length = 0;
  gateway.accessLog.length = 0;
});

afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const TOKEN = { 'x-aigw-gcp-access-token': 'ya29.token' };
const sent = () => {
  const [{ path, headers, body }] = upstream.requests as [Upstream['requests'][number]];
  return { path, headers, body: JSON.parse(body.toString()) as Record<string, unknown> };
};
const textIn = ({ text }: TestAnswer): string =>
  [...text.matchAll(/"(?:content|text|delta)":"((?:\\.|[^"\\])*)"/g)].map(([, each]) => JSON.parse(`"${each}"`) as string).join('');

/** @see https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse */
const generated = (text: string, finishReason?: string) => ({
  candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, ...(finishReason === undefined ? {} : { finishReason }) }],
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 7, totalTokenCount: 12 },
  modelVersion: 'gemini-2.5-flash-001',
  responseId: 'r1',
});
const data = (event: object) => `data: ${JSON.stringify(event)}\n\n`;

describe.each([CHAT, MESSAGES, RESPONSES])('Gemini on Vertex, for a client of $name', (client) => {
  const request = (stream: boolean) => ({ ...client.request('gemini', stream), ...(client === MESSAGES ? { max_tokens: 9 } : {}) });

  test('whole', async () => {
    upstream.script(answer(200, generated('hello', 'STOP')));
    const told = await ask(gateway.url, client.path, request(false), TOKEN);
    expect(told.status).toBe(200);
    expect(textIn(told)).toBe('hello');
    const { path, headers, body } = sent();
    expect(path).toBe('/v1/projects/my-project/locations/europe-west1/publishers/google/models/gemini-2.5-flash:generateContent');
    expect(headers['authorization']).toBe('Bearer ya29.token');
    expect(headers).not.toHaveProperty('anthropic-version');
    expect(body).toMatchObject({ contents: [{ role: 'user', parts: [{ text: 'hi' }] }] });
    expect(body).not.toHaveProperty('model');
    expect(await logged(gateway.accessLog)).toMatchObject({ genai_tokens_input: 5, genai_tokens_output: 7, translated_to: 'gemini' });
  });

  test('as a stream', async () => {
    upstream.script(sse([data(generated('hel')), data(generated('lo')), data(generated('', 'STOP'))]));
    const told = await ask(gateway.url, client.path, request(true), TOKEN);
    expect(told).toMatchObject({ status: 200, whole: true });
    expect(sent().path).toMatch(/:streamGenerateContent\?alt=sse$/);
    expect(textIn(told)).toMatch(/^hello/);
    expect(told.text).toContain(client.endMarker);
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: true, genai_tokens_output: 7 });
  });

  test('cut before its reason to end', async () => {
    upstream.script(sse([data(generated('hel'))]));
    const told = await ask(gateway.url, client.path, request(true), TOKEN);
    expect(client.endsWithError(told.text)).toBe(true);
  });

  test('an error has Google’s own name for it', async () => {
    upstream.script(answer(429, { error: { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'quota' } }));
    const told = await ask(gateway.url, client.path, request(false), TOKEN);
    expect(told.status).toBe(429);
    expect(client.error(told.text)).toEqual({ message: 'quota', code: 'RESOURCE_EXHAUSTED' });
  });
});

test('a model that would leave its segment stays in it', async () => {
  const any = routeYaml('any', ['gemini']).replace('type: Exact', 'type: RegularExpression').replace('value: any', "value: '(?s).*'");
  const other = await startGateway({
    yaml: [
      backendsYaml([{ name: 'gemini', port: upstream.port }]).replace('{name: OpenAI}', '{name: GCPVertexAI}'),
      policy('gemini', GCP),
      any,
    ].join('\n---\n'),
  });
  try {
    upstream.script(answer(200, generated('x', 'STOP')));
    for (const [model, path] of [
      ['../../x:predict?a#b', '..%2F..%2Fx%3Apredict%3Fa%23b'],
      ['a@b@c', 'a@b%40c'],
    ] as const) {
      upstream.requests.length = 0;
      expect((await ask(other.url, CHAT.path, CHAT.request(model, false), TOKEN)).status).toBe(200);
      expect(sent().path).toBe(`/v1/projects/my-project/locations/europe-west1/publishers/google/models/${path}:generateContent`);
    }
    expect((await ask(other.url, CHAT.path, CHAT.request('..', false), TOKEN)).status).toBe(400);
  } finally {
    await other.close();
  }
});

describe('Claude on Vertex', () => {
  test('gets the client’s own bytes, without the model and with its version', async () => {
    upstream.script(answer(200, MESSAGES.whole('hello')));
    const body = '{"model":"vertex-claude", "max_tokens": 1.0,"messages":[{"role":"user","content":"hi"}], "future":{"a":1}}';
    const told = await ask(gateway.url, MESSAGES.path, body, { ...TOKEN, 'anthropic-beta': 'x-1' });
    expect(told.text).toBe(JSON.stringify(MESSAGES.whole('hello')));
    const [{ path, headers, body: bytes }] = upstream.requests as [Upstream['requests'][number]];
    expect(path).toBe('/v1/projects/my-project/locations/europe-west1/publishers/anthropic/models/claude-sonnet-4@20250514:rawPredict');
    expect(headers['anthropic-beta']).toBe('x-1');
    expect(bytes.toString()).toBe(
      '{"max_tokens": 1.0,"messages":[{"role":"user","content":"hi"}], "future":{"a":1},"anthropic_version":"vertex-2023-10-16"}',
    );
  });

  test('for a client of chat completions, as a stream', async () => {
    upstream.script(sse(eventsOf(MESSAGES, ['hel', 'lo'])));
    const told = await ask(gateway.url, CHAT.path, CHAT.request('vertex-claude', true), TOKEN);
    expect(textIn(told)).toBe('hello');
    const { path, body } = sent();
    expect(path).toMatch(/:streamRawPredict$/);
    expect(body).toMatchObject({ anthropic_version: 'vertex-2023-10-16', stream: true });
    expect(body).not.toHaveProperty('model');
  });
});

/** Events of a message as Bedrock frames them. */
function framed(events: readonly string[], close: 'end' | 'hang' = 'end', ...more: readonly Buffer[]): Script {
  const messages = events.map((event) => {
    const bytes = Buffer.from(/data: (.*)/.exec(event)![1]!).toString('base64');
    return eventMessage({ ':message-type': 'event', ':event-type': 'chunk' }, Buffer.from(JSON.stringify({ bytes })));
  });
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nconnection: close\r\n\r\n';
  return raw(Buffer.concat([Buffer.from(head), ...messages, ...more]), close);
}

describe('Claude on Bedrock', () => {
  test('gets the client’s own bytes, without model and stream, and with betas in the body', async () => {
    upstream.script(framed(eventsOf(MESSAGES, ['hel', 'lo'])));
    const request = { ...MESSAGES.request('bedrock-claude', true), max_tokens: 5 };
    const told = await ask(gateway.url, MESSAGES.path, request, { 'anthropic-beta': 'one-1, two-2', 'anthropic-version': '2023-06-01' });
    expect(told.headers['content-type']).toMatch('text/event-stream');
    // Byte for byte what Anthropic itself would have sent.
    expect(told.text).toBe(eventsOf(MESSAGES, ['hel', 'lo']).join(''));
    const { path, headers, body } = sent();
    expect(path).toBe('/model/us.anthropic.claude-x-v1%3A0/invoke-with-response-stream');
    expect(headers['authorization']).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIA\/\d+\/us-east-1\/bedrock\/aws4_request/);
    expect(headers).not.toHaveProperty('anthropic-beta');
    expect(body).toMatchObject({ anthropic_version: 'bedrock-2023-05-31', anthropic_beta: ['one-1', 'two-2'] });
    expect(body).not.toHaveProperty('model');
    expect(body).not.toHaveProperty('stream');
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: true, genai_tokens_input: 5, genai_tokens_output: 7 });
  });

  test.each([CHAT, RESPONSES])('for a client of $name, as a stream and whole', async (client) => {
    upstream.script(framed(eventsOf(MESSAGES, ['hel', 'lo'])), answer(200, MESSAGES.whole('hello')));
    const told = await ask(gateway.url, client.path, client.request('bedrock-claude', true));
    expect(textIn(told)).toMatch(/^hello/);
    expect(told.text).toContain(client.endMarker);
    expect(textIn(await ask(gateway.url, client.path, client.request('bedrock-claude', false)))).toBe('hello');
    expect(upstream.requests[1]!.path).toMatch(/\/invoke$/);
  });

  test.each([
    [
      'an exception',
      eventMessage({ ':message-type': 'exception', ':exception-type': 'throttlingException' }, Buffer.from('{"message":"slow down"}')),
      'slow down',
    ],
    ['bytes that are no message', Buffer.from('0123456789abcdef'), 'check sum'],
    ['half a message', eventMessage({}, Buffer.from('hello')).subarray(0, 10), 'before the answer'],
  ])('%s ends the stream with an error', async (_, more, text) => {
    const { before, tokens } = MESSAGES.stream(['hel']);
    for (const client of [MESSAGES, CHAT]) {
      upstream.script(framed([...before, ...tokens], 'end', more));
      const told = await ask(gateway.url, client.path, { ...client.request('bedrock-claude', true), max_tokens: 5 });
      expect(client.endsWithError(told.text)).toBe(true);
      expect(told.text).toContain(text);
    }
  });
});

/** Events of ConverseStream. @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html */
function converseStream(events: readonly (readonly [type: string, payload: object])[], ...more: readonly Buffer[]): Script {
  const messages = events.map(([type, payload]) =>
    eventMessage({ ':message-type': 'event', ':event-type': type }, Buffer.from(JSON.stringify({ ...payload, p: 'abcdef' }))),
  );
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/vnd.amazon.eventstream\r\nconnection: close\r\n\r\n';
  return raw(Buffer.concat([Buffer.from(head), ...messages, ...more]));
}

const WORDS = [
  ['messageStart', { role: 'assistant' }],
  ['contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'hel' } }],
  ['contentBlockDelta', { contentBlockIndex: 0, delta: { text: 'lo' } }],
] as const;
const END = [
  ['contentBlockStop', { contentBlockIndex: 0 }],
  ['messageStop', { stopReason: 'end_turn' }],
  ['metadata', { usage: { inputTokens: 5, outputTokens: 7, totalTokens: 12 }, metrics: { latencyMs: 9 } }],
] as const;

describe.each([CHAT, MESSAGES, RESPONSES])('Converse on Bedrock, for a client of $name', (client) => {
  const request = (stream: boolean) => ({ ...client.request('converse', stream), ...(client === MESSAGES ? { max_tokens: 9 } : {}) });

  test('whole', async () => {
    const output = { message: { role: 'assistant', content: [{ text: 'hello' }] } };
    const usage = { inputTokens: 5, outputTokens: 7, totalTokens: 12 };
    upstream.script(answer(200, { output, stopReason: 'end_turn', usage, metrics: { latencyMs: 9 } }));
    const told = await ask(gateway.url, client.path, request(false));
    expect(told.status).toBe(200);
    expect(textIn(told)).toBe('hello');
    const { path, headers, body } = sent();
    expect(path).toBe('/model/us.amazon.nova-pro-v1%3A0/converse');
    expect(headers['authorization']).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIA\/\d+\/us-east-1\/bedrock\/aws4_request/);
    expect(body).toMatchObject({ messages: [{ role: 'user', content: [{ text: 'hi' }] }] });
    for (const name of ['model', 'modelId', 'stream']) expect(body).not.toHaveProperty(name);
    const logs = { genai_tokens_input: 5, genai_tokens_output: 7, translated_to: 'bedrock-converse' };
    expect(await logged(gateway.accessLog)).toMatchObject(logs);
  });

  test('as a stream, whose usage follows its end', async () => {
    upstream.script(converseStream([...WORDS, ...END]));
    const told = await ask(gateway.url, client.path, request(true));
    expect(told).toMatchObject({ status: 200, whole: true });
    expect(told.headers['content-type']).toMatch('text/event-stream');
    expect(sent().path).toMatch(/\/converse-stream$/);
    expect(textIn(told)).toMatch(/^hello/);
    expect(told.text).toContain(client.endMarker);
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: true, genai_tokens_input: 5, genai_tokens_output: 7 });
  });

  test.each([
    ['cut', [], 'before the answer'],
    [
      'broken off by an exception',
      [
        eventMessage(
          { ':message-type': 'exception', ':exception-type': 'modelStreamErrorException' },
          Buffer.from('{"message":"model broke"}'),
        ),
      ],
      'model broke',
    ],
  ])('%s after a token', async (_, more, text) => {
    upstream.script(converseStream(WORDS, ...more));
    const told = await ask(gateway.url, client.path, request(true));
    expect(client.endsWithError(told.text)).toBe(true);
    expect(told.text).toContain(text);
  });

  test('an error has AWS’ own name for it, which stands in a header', async () => {
    const type = 'ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/';
    upstream.script(answer(429, { message: 'Too many requests' }, { 'x-amzn-errortype': type, 'x-amzn-requestid': 'r-1' }));
    const told = await ask(gateway.url, client.path, request(false));
    expect(told.status).toBe(429);
    expect(told.headers['x-amzn-requestid']).toBe('r-1');
    expect(client.error(told.text)).toEqual({ message: 'Too many requests', code: 'ThrottlingException' });
  });
});

test('an address is fetched only for a backend that asks for it, and only from the public Internet', async () => {
  const yaml = backendsYaml(['shy', 'open'].map((name) => ({ name, port: upstream.port })))
    .replaceAll('spec: {schema: {name: OpenAI}', 'spec: {schema: {name: AWSBedrock}')
    .replace(
      'kind: AIServiceBackend\nmetadata: {name: open}',
      'kind: AIServiceBackend\nmetadata: {name: open, annotations: {tierkit.dev/fetch-media: https}}',
    );
  const secret =
    'apiVersion: v1\nkind: Secret\nmetadata: {name: aws}\nstringData: {credentials: "[default]\\naws_access_key_id = AKIA\\naws_secret_access_key = of-aws\\n"}';
  const parts = [yaml, policy('shy', AWS), policy('open', AWS), secret, ...['shy', 'open'].map((name) => routeYaml(name, [name]))];
  const other = await startGateway({ yaml: parts.join('\n---\n') });
  try {
    const output = { message: { role: 'assistant', content: [{ text: 'hello' }] } };
    upstream.script(answer(200, { output, stopReason: 'end_turn' }));
    const image = { type: 'image_url', image_url: { url: `https://127.0.0.1:${upstream.port}/a.png` } };
    const content = [{ type: 'text', text: 'look' }, image];
    const request = (model: string) => ({ model, messages: [{ role: 'user', content }] });
    const dropped = await ask(other.url, CHAT.path, request('shy'));
    expect([dropped.status, dropped.headers['x-tierkit-dropped']]).toEqual([200, 'messages[0].content[1]']);
    const refused = await ask(other.url, CHAT.path, request('open'));
    expect(refused.status).toBe(422);
    expect(CHAT.error(refused.text).message).toBe('messages[0].content[1]: leads to no public address');
    // It was the other's request alone.
    expect(upstream.requests.map(({ path }) => path)).toEqual(['/model/shy/converse']);
    const none = await ask(other.url, CHAT.path, CHAT.request('open', false));
    expect(none.status).toBe(200);
    const state = { ...request('open'), messages: [{ role: 'robot', content }] };
    expect((await ask(other.url, CHAT.path, state)).status).toBe(400);
  } finally {
    await other.close();
  }
});
