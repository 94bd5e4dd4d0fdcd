// Operations that are no conversation, at every API that has them in another form: what a backend is sent, and what the client is told.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { wayOf } from '#core/providers/way';
import { DEFAULT_PREFIXES, ENDPOINTS, SCHEMA_NAMES, type SchemaName } from '#core/read/endpoints';

import { schemaNamed, schemasYaml, TOKEN } from './cloud.fixture.ts';
import { ask, logged } from './dialects.fixture.ts';
import { startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, startUpstream, type Upstream } from './upstream.fixture.ts';

/** One request of a client, and what a backend is asked and answers instead. */
interface Sample {
  readonly request: object;
  /** At the backend; `MODEL` is what it calls the model. */
  readonly path: string;
  readonly body: object;
  readonly answers: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly gets: object;
}

/** What a backend calls the models that the samples ask for. */
const MODELS: Readonly<Record<SchemaName, string>> = {
  OpenAI: 'gpt-5',
  AzureOpenAI: 'gpt-5',
  Anthropic: 'claude-x',
  Cohere: 'embed-v4.0',
  AWSBedrock: 'us.amazon.nova-x-v1:0',
  AWSAnthropic: 'us.anthropic.claude-x-v1:0',
  GCPVertexAI: 'gemini-x',
  GCPAnthropic: 'claude-x@20260101',
};

const GOOGLE = '/v1/projects/p/locations/r/publishers';
const HI = [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }];
const HI_GEMINI = { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] };
const HI_RESPONSES = [{ role: 'user', content: 'hi' }];
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64');
const INVOKED = { max_tokens: 4096, messages: HI, anthropic_version: 'bedrock-2023-05-31' };

/** How each API counts the tokens of "hi". */
const COUNTS: Readonly<Partial<Record<SchemaName, Omit<Sample, 'request' | 'gets'>>>> = {
  OpenAI: {
    path: '/v1/responses/input_tokens',
    body: { model: 'gpt-5', input: HI_RESPONSES },
    answers: { object: 'response.input_tokens', input_tokens: 7 },
  },
  AzureOpenAI: {
    path: '/openai/responses/input_tokens?api-version=2024-10-21',
    body: { model: 'gpt-5', input: HI_RESPONSES },
    answers: { object: 'response.input_tokens', input_tokens: 7 },
  },
  Anthropic: { path: '/v1/messages/count_tokens', body: { model: 'claude-x', messages: HI }, answers: { input_tokens: 7 } },
  AWSBedrock: {
    path: '/model/amazon.nova-x-v1%3A0/count-tokens',
    body: { input: { converse: { messages: [{ role: 'user', content: [{ text: 'hi' }] }] } } },
    answers: { inputTokens: 7 },
  },
  AWSAnthropic: {
    path: '/model/anthropic.claude-x-v1%3A0/count-tokens',
    body: { input: { invokeModel: { body: base64(INVOKED) } } },
    answers: { inputTokens: 7 },
  },
  GCPVertexAI: {
    path: `${GOOGLE}/google/models/gemini-x:countTokens`,
    body: HI_GEMINI,
    answers: { totalTokens: 7, promptTokensDetails: [{ modality: 'TEXT', tokenCount: 7 }] },
  },
  GCPAnthropic: {
    path: `${GOOGLE}/anthropic/models/count-tokens:rawPredict`,
    body: { model: 'claude-x@20260101', messages: HI, anthropic_version: 'vertex-2023-10-16' },
    answers: { input_tokens: 7 },
  },
};

function counted(request: object, gets: object): Partial<Record<SchemaName, Sample>> {
  return Object.fromEntries(Object.entries(COUNTS).map(([schema, sample]) => [schema, { ...sample, request, gets }]));
}

const SAMPLES: Readonly<Record<string, Readonly<Partial<Record<SchemaName, Sample>>>>> = {
  count_tokens: counted({ messages: [{ role: 'user', content: 'hi' }] }, { input_tokens: 7 }),
  responses_input_tokens: counted({ input: 'hi' }, { object: 'response.input_tokens', input_tokens: 7 }),
  tokenize: counted({ prompt: 'hi' }, { count: 7 }),
};

const CELLS = ENDPOINTS.flatMap((endpoint) =>
  SCHEMA_NAMES.filter((schema) => wayOf(endpoint, schemaNamed(schema))?.how === 'operation').map((schema) => ({
    endpoint,
    schema,
    title: `${endpoint.path} at ${schema}`,
  })),
);

let upstream: Upstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startUpstream(answer(500, {}));
  gateway = await startGateway({ yaml: schemasYaml(upstream.port, MODELS) });
});

beforeEach(() => {
  upstream.requests.length = 0;
  gateway.accessLog.length = 0;
});

afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

describe.each(CELLS)('$title', ({ endpoint, schema }) => {
  const path = DEFAULT_PREFIXES[endpoint.dialect].replace(/\/$/, '') + endpoint.path;
  const sample = SAMPLES[endpoint.operation]?.[schema];

  test('is asked and answers in its own words', async () => {
    // A cell without a sample is a cell without a test.
    const { request, answers, gets, ...expected } = sample!;
    upstream.script(answer(200, answers, expected.headers));
    const told = await ask(gateway.url, path, { model: schema.toLowerCase(), ...request }, TOKEN);
    expect({ status: told.status, body: JSON.parse(told.text) as object }).toEqual({ status: 200, body: gets });
    const [asked] = upstream.requests as [Upstream['requests'][number]];
    expect(asked.path).toBe(expected.path);
    expect(JSON.parse(asked.body.toString())).toEqual(expected.body);
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: true, translated_to: expect.any(String) as string });
  });

  test('hands on the backend’s error, and takes no answer for one that is none', async () => {
    upstream.script(answer(429, { message: 'slow down' }), answer(200, { other: true }));
    const refused = await ask(gateway.url, path, { model: schema.toLowerCase(), ...sample!.request }, TOKEN);
    expect(refused).toMatchObject({ status: 429, text: expect.stringContaining('slow down') as string });
    const bad = await ask(gateway.url, path, { model: schema.toLowerCase(), ...sample!.request }, TOKEN);
    expect(bad).toMatchObject({ status: 502, text: expect.stringContaining('the backend’s answer') as string });
  });

  test('refuses a request that is none', async () => {
    const told = await ask(gateway.url, path, { model: schema.toLowerCase() }, TOKEN);
    expect(told.status).toBe(400);
    expect(upstream.requests).toEqual([]);
  });
});
