// Operations that are no conversation, at every API that has them in another form: what a backend is sent, and what the client is told.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { wayOf } from '#core/providers/way';
import { DEFAULT_PREFIXES, ENDPOINTS, SCHEMA_NAMES, type SchemaName } from '#core/read/endpoints';

import { schemaNamed, schemasYaml, TOKEN } from './cloud.fixture.ts';
import { ask, logged } from './dialects.fixture.ts';
import { routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, startUpstream, type Upstream } from './upstream.fixture.ts';

/** One request of a client, and what a backend is asked and answers instead. */
interface Sample {
  readonly request: object;
  /** At the backend; `MODEL` is what it calls the model. */
  readonly path: string;
  readonly body: object;
  readonly answers: object;
  /** Where it is another one than the other samples have. */
  readonly model?: string;
  readonly gets: object;
}

/** What a backend calls the models that the samples ask for; others are asked for by their own names. */
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

const RERANK = { query: 'q', documents: ['a', 'b'], top_n: 1 };
const RANKED = { results: [{ index: 1, relevance_score: 0.5 }], meta: { api_version: { version: '2' } } };
const PAINTED = { created: expect.any(Number) as number, data: [{ b64_json: 'aGk=' }], output_format: 'png' };
const EMBEDDED = (model: string, ...vectors: readonly number[][]) => ({
  object: 'list',
  data: vectors.map((embedding, index) => ({ object: 'embedding', index, embedding })),
  model,
  usage: { prompt_tokens: 2, total_tokens: 2 },
});

function counted(request: object, gets: object): Partial<Record<SchemaName, Sample>> {
  return Object.fromEntries(Object.entries(COUNTS).map(([schema, sample]) => [schema, { ...sample, request, gets }]));
}

const SAMPLES: Readonly<Record<string, Readonly<Partial<Record<SchemaName, Sample>>>>> = {
  count_tokens: counted({ messages: [{ role: 'user', content: 'hi' }] }, { input_tokens: 7 }),
  responses_input_tokens: counted({ input: 'hi' }, { object: 'response.input_tokens', input_tokens: 7 }),
  tokenize: counted({ prompt: 'hi' }, { count: 7 }),
  embeddings: {
    Cohere: {
      request: { input: ['a', 'b'], input_type: 'query' },
      path: '/v2/embed',
      body: { model: 'embed-v4.0', texts: ['a', 'b'], input_type: 'search_query', embedding_types: ['float'], truncate: 'NONE' },
      answers: { id: 'e1', embeddings: { float: [[1], [2]] }, meta: { billed_units: { input_tokens: 2 } } },
      gets: EMBEDDED('embed-v4.0', [1], [2]),
    },
    AWSBedrock: {
      model: 'amazon.titan-embed-text-v2:0',
      request: { input: ['a'], dimensions: 256 },
      path: '/model/amazon.titan-embed-text-v2%3A0/invoke',
      body: { inputText: 'a', dimensions: 256 },
      answers: { embedding: [1], inputTextTokenCount: 2, embeddingsByType: { float: [1] } },
      gets: EMBEDDED('amazon.titan-embed-text-v2:0', [1]),
    },
    GCPVertexAI: {
      model: 'text-embedding-005',
      request: { input: ['a', 'b'] },
      path: `${GOOGLE}/google/models/text-embedding-005:predict`,
      body: { instances: [{ content: 'a' }, { content: 'b' }], parameters: { autoTruncate: false } },
      answers: {
        predictions: [1, 2].map((value) => ({ embeddings: { values: [value], statistics: { token_count: 1, truncated: false } } })),
      },
      gets: EMBEDDED('text-embedding-005', [1], [2]),
    },
  },
  rerank: {
    AWSBedrock: {
      model: 'cohere.rerank-v3-5:0',
      request: RERANK,
      path: '/model/cohere.rerank-v3-5%3A0/invoke',
      body: { query: 'q', documents: ['a', 'b'], top_n: 1, api_version: 2 },
      answers: { results: [{ index: 1, relevance_score: 0.5 }] },
      gets: RANKED,
    },
    GCPVertexAI: {
      model: 'semantic-ranker-default-004',
      request: RERANK,
      path: '/v1/projects/p/locations/global/rankingConfigs/default_ranking_config:rank',
      body: {
        model: 'semantic-ranker-default-004',
        query: 'q',
        topN: 1,
        records: [
          { id: '0', content: 'a' },
          { id: '1', content: 'b' },
        ],
        ignoreRecordDetailsInResponse: true,
      },
      answers: { records: [{ id: '1', score: 0.5 }] },
      gets: RANKED,
    },
  },
  image_generation: {
    AWSBedrock: {
      model: 'amazon.nova-canvas-v1:0',
      request: { prompt: 'a cat', size: '1024x1024' },
      path: '/model/amazon.nova-canvas-v1%3A0/invoke',
      body: {
        taskType: 'TEXT_IMAGE',
        textToImageParams: { text: 'a cat' },
        imageGenerationConfig: { numberOfImages: 1, width: 1024, height: 1024 },
      },
      answers: { images: ['aGk='] },
      gets: PAINTED,
    },
    GCPVertexAI: {
      model: 'imagen-4.0-generate-001',
      request: { prompt: 'a cat', size: '1024x1024' },
      path: `${GOOGLE}/google/models/imagen-4.0-generate-001:predict`,
      body: { instances: [{ prompt: 'a cat' }], parameters: { sampleCount: 1, aspectRatio: '1:1', includeRaiReason: true } },
      answers: { predictions: [{ bytesBase64Encoded: 'aGk=', mimeType: 'image/png' }] },
      gets: PAINTED,
    },
  },
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
  const more = CELLS.flatMap(({ endpoint, schema }, at) => {
    const model = SAMPLES[endpoint.operation]?.[schema]?.model;
    return model === undefined ? [] : [routeYaml(`own-${at}`, [schema.toLowerCase()]).replace(`value: own-${at}`, `value: "${model}"`)];
  });
  gateway = await startGateway({ yaml: [schemasYaml(upstream.port, MODELS), ...more].join('\n---\n') });
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
  const model = sample?.model ?? schema.toLowerCase();

  test('is asked and answers in its own words', async () => {
    // A cell without a sample is a cell without a test.
    const { request, answers, gets, ...expected } = sample!;
    upstream.script(answer(200, answers));
    const told = await ask(gateway.url, path, { model, ...request }, TOKEN);
    expect({ status: told.status, body: JSON.parse(told.text) as object }).toEqual({ status: 200, body: gets });
    const [asked] = upstream.requests as [Upstream['requests'][number]];
    expect(asked.path).toBe(expected.path);
    expect(JSON.parse(asked.body.toString())).toEqual(expected.body);
    expect(await logged(gateway.accessLog)).toMatchObject({ complete: true, translated_to: expect.any(String) as string });
  });

  test('hands on the backend’s error, and takes no answer for one that is none', async () => {
    upstream.script(answer(429, { message: 'slow down' }), answer(200, { other: true }));
    const refused = await ask(gateway.url, path, { model, ...sample!.request }, TOKEN);
    expect(refused).toMatchObject({ status: 429, text: expect.stringContaining('slow down') as string });
    const bad = await ask(gateway.url, path, { model, ...sample!.request }, TOKEN);
    expect(bad).toMatchObject({ status: 502, text: expect.stringContaining('the backend’s answer') as string });
  });

  test('refuses a request that is none', async () => {
    const told = await ask(gateway.url, path, { model }, TOKEN);
    expect(told.status).toBe(400);
    expect(upstream.requests).toEqual([]);
  });
});

test('what safety filters leave nothing of is the request’s fault, and not the backend’s', async () => {
  upstream.script(answer(200, { predictions: [{ raiFilteredReason: 'Support codes: 15236754' }] }));
  const request = { model: 'imagen-4.0-generate-001', prompt: 'a cat' };
  for (let time = 0; time < 8; time++) {
    const told = await ask(gateway.url, '/v1/images/generations', request, TOKEN);
    expect(told.status).toBe(400);
    const error = { message: 'the backend made no image: Support codes: 15236754', code: 'content_policy_violation' };
    expect(JSON.parse(told.text)).toMatchObject({ error });
  }
});

test('a backend that cannot do it at all is passed over for one that can', async () => {
  const both = await startGateway({
    yaml: [
      schemasYaml(upstream.port, { AWSBedrock: 'amazon.titan-embed-text-v2:0' }),
      routeYaml('both', ['awsbedrock', 'openai']),
      routeYaml('strict', ['cohere']).replace('{name: strict}', '{name: strict, annotations: {tierkit.dev/translation: strict}}'),
    ].join('\n---\n'),
  });
  try {
    upstream.script(answer(200, { object: 'list', data: [] }));
    // One text a request is all that it takes.
    const told = await ask(both.url, '/v1/embeddings', { model: 'both', input: ['a', 'b'] });
    expect(told.status).toBe(200);
    expect(upstream.requests.map(({ path }) => path)).toEqual(['/v1/embeddings']);
    const alone = await ask(both.url, '/v1/embeddings', { model: 'awsbedrock', input: ['a', 'b'] });
    expect(alone).toMatchObject({ status: 422, text: expect.stringContaining('"param":"input"') as string });
    const strict = await ask(both.url, '/v1/embeddings', { model: 'strict', input: 'a', input_type: 'query', user: 'me' });
    expect(strict).toMatchObject({ status: 422, text: expect.stringContaining('user cannot be said') as string });
  } finally {
    await both.close();
  }
});
