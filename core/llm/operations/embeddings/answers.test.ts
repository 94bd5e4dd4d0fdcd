import { array, assert, double, float, property } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { answered, endures } from '../operations.fixture.ts';
import { bedrockEmbeddings } from './bedrock.ts';
import { cohereEmbeddings } from './cohere.ts';
import { vertexEmbeddings } from './vertex.ts';

const ONE = { model: 'm', input: 'hi' };
const TWO = { model: 'm', input: ['a', 'b'] };
const VECTORS = [
  [0.5, -1],
  [2, 0.25],
];
const [VECTOR] = VECTORS;
const data = (vectors: readonly unknown[]) => vectors.map((embedding, index) => ({ object: 'embedding', index, embedding }));
const list = (model: string, vectors: readonly unknown[], tokens?: number) => ({
  object: 'list',
  data: data(vectors),
  model,
  ...(tokens === undefined ? {} : { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
});

const META = { api_version: { version: '2' }, billed_units: { input_tokens: 4 } };
const COHERE = { id: 'e', texts: ['a', 'b'], embeddings: { float: VECTORS }, response_type: 'embeddings_by_type', meta: META };
const prediction = (values: unknown, token_count: unknown) => ({ embeddings: { values, statistics: { token_count, truncated: false } } });
const VERTEX = { predictions: [prediction(VECTORS[0], 3), prediction(VECTORS[1], 2)], metadata: { billableCharacterCount: 2 } };

it('Cohere', () => {
  const { body, losses, usage } = answered(cohereEmbeddings, 'embed-v4.0', TWO, COHERE);
  expect(body).toEqual(list('embed-v4.0', VECTORS, 4));
  expect(losses).toEqual([]);
  expect(usage).toMatchObject({ input: 4, source: 'reported' });
});

it('what Cohere says besides is told', () => {
  const answer = { ...COHERE, embeddings: { float: VECTORS, int8: [] }, meta: { ...META, warnings: ['w'] }, sparkle: 1 };
  expect(answered(cohereEmbeddings, 'embed-v4.0', TWO, answer).losses).toEqual([
    'dropped embeddings.int8',
    'dropped meta.warnings',
    'dropped sparkle',
  ]);
});

describe('Cohere on Bedrock', () => {
  const headers = { 'x-amzn-bedrock-input-token-count': '7' };
  const list4 = { id: 'e', texts: ['a', 'b'], response_type: 'embeddings_floats', embeddings: VECTORS };
  it.each([COHERE.embeddings, VECTORS])('%j', (embeddings) => {
    const { body, losses, usage } = answered(bedrockEmbeddings, 'us.cohere.embed-v4:0', TWO, { ...list4, embeddings }, headers);
    expect(body).toEqual(list('cohere.embed-v4:0', VECTORS, 7));
    expect(losses).toEqual([]);
    expect(usage).toMatchObject({ input: 7, output: undefined, total: 7, source: 'reported' });
  });

  it('says nothing of tokens that it was not told of', () => {
    const { body, usage } = answered(bedrockEmbeddings, 'cohere.embed-english-v3', TWO, list4);
    expect(body).toEqual(list('cohere.embed-english-v3', VECTORS));
    expect(usage).toBeUndefined();
  });

  it('does not tell the account', () => {
    const arn = 'arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.cohere.embed-v4:0';
    expect(answered(bedrockEmbeddings, arn, TWO, list4).body).toMatchObject({ model: 'cohere.embed-v4:0' });
  });
});

it('Titan on Bedrock', () => {
  const answer = { embedding: VECTOR, inputTextTokenCount: 5, embeddingsByType: { float: VECTOR } };
  const { body, losses, usage } = answered(bedrockEmbeddings, 'amazon.titan-embed-text-v2:0', ONE, answer);
  expect(body).toEqual(list('amazon.titan-embed-text-v2:0', [VECTOR], 5));
  expect(losses).toEqual([]);
  expect(usage).toMatchObject({ input: 5, total: 5 });
});

describe('Vertex AI', () => {
  it('predict', () => {
    const { body, losses, usage } = answered(vertexEmbeddings, 'text-embedding-005', TWO, VERTEX);
    expect(body).toEqual(list('text-embedding-005', VECTORS, 5));
    expect(losses).toEqual([]);
    expect(usage).toMatchObject({ input: 5, total: 5 });
  });

  it('counts no part for the whole, and tells that a text was cut', () => {
    const cut = { embeddings: { values: VECTORS[1], statistics: { truncated: true } } };
    const { body, losses } = answered(vertexEmbeddings, 'text-embedding-005', TWO, { predictions: [VERTEX.predictions[0], cut] });
    expect(body).not.toHaveProperty('usage');
    expect(losses).toEqual(['dropped predictions[1].embeddings.statistics.truncated']);
  });

  it('embedContent', () => {
    const answer = { embedding: { values: VECTOR }, usageMetadata: { promptTokenCount: 3, totalTokenCount: 3 }, truncated: true };
    const { body, losses, usage } = answered(vertexEmbeddings, 'gemini-embedding-2', ONE, answer);
    expect(body).toEqual(list('gemini-embedding-2', [VECTOR], 3));
    expect(losses).toEqual(['dropped truncated']);
    expect(usage).toMatchObject({ input: 3, total: 3 });
  });
});

describe('base64', () => {
  it('is float32 in little-endian order', () => {
    const { body } = answered(cohereEmbeddings, 'embed-v4.0', { ...TWO, encoding_format: 'base64' }, COHERE);
    expect(body['data']).toEqual(data(['AAAAPwAAgL8=', 'AAAAQAAAgD4=']));
  });

  it('gives every float32 back', () => {
    assert(
      property(array(float({ noDefaultInfinity: true, noNaN: true }), { minLength: 1 }), (vector) => {
        const answer = { embedding: vector };
        const { body } = answered(bedrockEmbeddings, 'amazon.titan-embed-text-v1', { ...ONE, encoding_format: 'base64' }, answer);
        const [{ embedding }] = body['data'] as [{ embedding: string }];
        const bytes = Buffer.from(embedding, 'base64');
        const floats = vector.map((_, index) => bytes.readFloatLE(index * 4));
        // JSON has no -0.
        expect(floats).toEqual(vector.map((value) => value + 0));
      }),
    );
  });
});

it('a vector is numbers, as the backend wrote them', () => {
  assert(
    property(array(double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }), (vector) => {
      const { body } = answered(bedrockEmbeddings, 'amazon.titan-embed-text-v1', ONE, { embedding: vector });
      expect(body['data']).toEqual(data([vector.map((value) => value + 0)]));
    }),
  );
});

describe('an answer that the client cannot use is the backend’s failure', () => {
  const titan = 'amazon.titan-embed-text-v2:0';
  it.each([
    [cohereEmbeddings, 'embed-v4.0', TWO, { ...COHERE, embeddings: { float: [VECTOR] } }],
    [cohereEmbeddings, 'embed-v4.0', ONE, COHERE],
    [cohereEmbeddings, 'embed-v4.0', TWO, { ...COHERE, embeddings: { int8: VECTORS } }],
    [cohereEmbeddings, 'embed-v4.0', TWO, {}],
    [bedrockEmbeddings, 'cohere.embed-v4:0', TWO, { embeddings: [VECTOR] }],
    [bedrockEmbeddings, 'cohere.embed-v4:0', TWO, { embeddings: 'AAAA' }],
    [bedrockEmbeddings, titan, ONE, { embedding: [] }],
    [bedrockEmbeddings, titan, ONE, { embedding: [1, null] }],
    [bedrockEmbeddings, titan, ONE, { embedding: ['1'] }],
    [bedrockEmbeddings, titan, ONE, { embedding: [1e39] }],
    [bedrockEmbeddings, titan, ONE, {}],
    [vertexEmbeddings, 'text-embedding-005', TWO, { predictions: [VERTEX.predictions[0]] }],
    [vertexEmbeddings, 'text-embedding-005', ONE, { predictions: [{}] }],
    [vertexEmbeddings, 'text-embedding-005', ONE, {}],
    [vertexEmbeddings, 'gemini-embedding-2', ONE, { embedding: {} }],
    [vertexEmbeddings, 'gemini-embedding-2', ONE, {}],
  ] as const)('%o, %s, %j: %j', (operation, model, request, answer) => {
    expect(() => answered(operation, model, request, answer)).toThrow(UnacceptableAnswer);
  });
});

const WHOLE = {
  ...ONE,
  dimensions: 1536,
  encoding_format: 'base64',
  input_type: 'search_query',
  task_type: 'CLUSTERING',
  title: 't',
  truncate: 'END',
  auto_truncate: true,
  normalize: true,
};
it.each([
  [cohereEmbeddings, ['embed-v4.0'], { ...COHERE, embeddings: { float: [VECTOR] } }],
  [
    bedrockEmbeddings,
    ['cohere.embed-v4:0', 'amazon.titan-embed-text-v1'],
    { embeddings: [VECTOR], embedding: VECTOR, inputTextTokenCount: 1 },
  ],
  [vertexEmbeddings, ['text-embedding-005', 'gemini-embedding-2'], { predictions: [prediction(VECTOR, 1)], embedding: { values: VECTOR } }],
] as const)('%o: whatever comes, it is understood or refused', (operation, models, answer) => {
  assert(endures(operation, models, WHOLE, answer), { numRuns: 500 });
});
