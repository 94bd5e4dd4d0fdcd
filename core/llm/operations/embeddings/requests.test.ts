import { describe, expect, it } from 'vitest';

import { asked, refusal } from '../operations.fixture.ts';
import { bedrockEmbeddings } from './bedrock.ts';
import { cohereEmbeddings } from './cohere.ts';
import { vertexEmbeddings } from './vertex.ts';

const ONE = { model: 'm', input: 'hi' };
const TWO = { model: 'm', input: ['a', 'b'] };

const content = (text: string) => ({ content: { parts: [{ text }] }, autoTruncate: false });
type Case = readonly [request: object, body: object, losses: readonly string[]];

// https://docs.cohere.com/reference/embed
describe('Cohere', () => {
  const base = { model: 'embed-v4.0', texts: ['hi'], input_type: 'search_document', embedding_types: ['float'], truncate: 'NONE' };
  const query = { ...ONE, input_type: 'search_query' };
  it.each<Case>([
    [ONE, base, ['approximated input_type']],
    [{ ...TWO, input_type: 'search_query' }, { ...base, texts: ['a', 'b'], input_type: 'search_query' }, []],
    [{ ...ONE, input_type: 'passage' }, base, []],
    [{ ...ONE, task_type: 'CLASSIFICATION' }, { ...base, input_type: 'classification' }, []],
    [{ ...ONE, task_type: 'CLUSTERING', input_type: 'clustering' }, { ...base, input_type: 'clustering' }, []],
    [{ ...ONE, task_type: 'CLUSTERING', input_type: 'query' }, { ...base, input_type: 'clustering' }, ['dropped input_type']],
    [{ ...ONE, task_type: 'SEMANTIC_SIMILARITY' }, base, ['approximated task_type']],
    [{ ...ONE, task_type: 'FACT_VERIFICATION' }, { ...base, input_type: 'search_query' }, ['approximated task_type']],
    [{ ...ONE, input_type: 'spell' }, base, ['dropped input_type']],
    [{ ...query, dimensions: 256 }, { ...base, input_type: 'search_query', output_dimension: 256 }, []],
    [{ ...query, truncate: 'END' }, { ...base, input_type: 'search_query', truncate: 'END' }, []],
    [{ ...query, auto_truncate: true }, { ...base, input_type: 'search_query', truncate: 'END' }, []],
    [
      { ...query, auto_truncate: true, truncate: 'start' },
      { ...base, input_type: 'search_query', truncate: 'START' },
      ['dropped auto_truncate'],
    ],
    [{ ...query, truncate: 'middle' }, { ...base, input_type: 'search_query' }, ['dropped truncate']],
    [
      { ...query, user: 'u', normalize: true, title: 't', sparkle: 1 },
      { ...base, input_type: 'search_query' },
      ['dropped normalize', 'dropped sparkle', 'dropped title', 'dropped user'],
    ],
    [{ ...query, encoding_format: 'base64', dimensions: null, user: null }, { ...base, input_type: 'search_query' }, []],
  ])('%#: %j', (request, body, losses) => {
    expect(asked(cohereEmbeddings, 'embed-v4.0', request)).toEqual({ verb: 'embed', body, losses });
  });
});

// https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html and -v4.html
describe('Cohere on Bedrock', () => {
  const base = { texts: ['a', 'b'], input_type: 'search_query', embedding_types: ['float'], truncate: 'NONE' };
  const query = { ...TWO, input_type: 'search_query' };
  it.each<readonly [string, ...Case]>([
    ['cohere.embed-english-v3', query, base, []],
    ['cohere.embed-multilingual-v3', { ...query, truncate: 'START', dimensions: 1024 }, { ...base, truncate: 'START' }, []],
    ['cohere.embed-v4:0', { ...query, truncate: 'START', dimensions: 512 }, { ...base, truncate: 'LEFT', output_dimension: 512 }, []],
    ['us.cohere.embed-v4:0', { ...query, truncate: 'END', user: 'u' }, { ...base, truncate: 'RIGHT' }, ['dropped user']],
    ['arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.cohere.embed-v4:0', query, base, []],
  ])('%s: %j', (model, request, body, losses) => {
    expect(asked(bedrockEmbeddings, model, request)).toEqual({ verb: 'invoke', body, losses });
  });
});

// https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
describe('Titan on Bedrock', () => {
  it.each<readonly [string, ...Case]>([
    ['amazon.titan-embed-text-v2:0', ONE, { inputText: 'hi' }, []],
    ['amazon.titan-embed-text-v2:0', { ...ONE, input: ['hi'], dimensions: 256 }, { inputText: 'hi', dimensions: 256 }, []],
    ['amazon.titan-embed-text-v2:0', { ...ONE, normalize: false }, { inputText: 'hi', normalize: false }, []],
    ['amazon.titan-embed-text-v1', { ...ONE, dimensions: 1536, normalize: true }, { inputText: 'hi' }, ['dropped normalize']],
    ['amazon.titan-embed-g1-text-02', ONE, { inputText: 'hi' }, []],
    [
      'amazon.titan-embed-text-v2:0',
      { ...ONE, task_type: 'CLUSTERING', title: 't', truncate: 'END', user: 'u' },
      { inputText: 'hi' },
      ['dropped task_type', 'dropped title', 'dropped truncate', 'dropped user'],
    ],
    ['amazon.titan-embed-text-v2:0', { ...ONE, truncate: 'NONE' }, { inputText: 'hi' }, []],
  ])('%s: %j', (model, request, body, losses) => {
    expect(asked(bedrockEmbeddings, model, request)).toEqual({ verb: 'invoke', body, losses });
  });
});

// https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
describe('Vertex AI', () => {
  const parameters = { autoTruncate: false };
  const base = { instances: [{ content: 'a' }, { content: 'b' }], parameters };
  it.each<Case>([
    [TWO, base, []],
    [{ ...TWO, dimensions: 256 }, { ...base, parameters: { ...parameters, outputDimensionality: 256 } }, []],
    [{ ...ONE, input_type: 'search_query' }, { instances: [{ content: 'hi', task_type: 'RETRIEVAL_QUERY' }], parameters }, []],
    [{ ...ONE, task_type: 'CODE_RETRIEVAL_QUERY' }, { instances: [{ content: 'hi', task_type: 'CODE_RETRIEVAL_QUERY' }], parameters }, []],
    [
      { ...ONE, task_type: 'RETRIEVAL_DOCUMENT', title: 't' },
      { instances: [{ content: 'hi', task_type: 'RETRIEVAL_DOCUMENT', title: 't' }], parameters },
      [],
    ],
    [{ ...TWO, title: 't', normalize: true, user: 'u' }, base, ['dropped normalize', 'dropped title', 'dropped user']],
    [{ ...TWO, auto_truncate: true }, { ...base, parameters: { autoTruncate: true } }, []],
    [{ ...TWO, truncate: 'START' }, { ...base, parameters: { autoTruncate: true } }, ['approximated truncate']],
  ])('%#: %j', (request, body, losses) => {
    expect(asked(vertexEmbeddings, 'text-embedding-005', request)).toEqual({ verb: 'predict', body, losses });
  });

  it('gemini-embedding-001 is asked for one text', () => {
    expect(asked(vertexEmbeddings, 'gemini-embedding-001', ONE)).toMatchObject({
      verb: 'predict',
      body: { instances: [{ content: 'hi' }] },
    });
  });

  // https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/projects.locations.publishers.models/embedContent
  // What a text is for: https://ai.google.dev/gemini-api/docs/embeddings
  it.each<Case>([
    [ONE, content('hi'), []],
    [{ ...ONE, dimensions: 768, truncate: 'END' }, { ...content('hi'), outputDimensionality: 768, autoTruncate: true }, []],
    [{ ...ONE, input_type: 'query' }, content('task: search result | query: hi'), []],
    [{ ...ONE, task_type: 'SEMANTIC_SIMILARITY' }, content('task: sentence similarity | query: hi'), []],
    [{ ...ONE, input_type: 'document' }, content('title: none | text: hi'), []],
    [{ ...ONE, input_type: 'document', title: 't' }, content('title: t | text: hi'), []],
    [{ ...ONE, title: 't', user: 'u' }, content('hi'), ['dropped title', 'dropped user']],
  ])('gemini-embedding-2 %#: %j', (request, body, losses) => {
    expect(asked(vertexEmbeddings, 'gemini-embedding-2', request)).toEqual({ verb: 'embedContent', body, losses });
  });
});

const BACKENDS = [
  [cohereEmbeddings, 'embed-v4.0'],
  [bedrockEmbeddings, 'cohere.embed-v4:0'],
  [bedrockEmbeddings, 'amazon.titan-embed-text-v2:0'],
  [vertexEmbeddings, 'text-embedding-005'],
  [vertexEmbeddings, 'gemini-embedding-2-preview'],
] as const;

describe.each(BACKENDS)('%o, %s', (operation, model) => {
  it.each<readonly [object, string, string]>([
    [{ input: [1, 2] }, 'TK_UNSUPPORTED', 'input'],
    [{ input: [[1], [2]] }, 'TK_UNSUPPORTED', 'input'],
    [{}, 'TK_BAD_REQUEST', 'input'],
    [{ input: null }, 'TK_BAD_REQUEST', 'input'],
    [{ input: [] }, 'TK_BAD_REQUEST', 'input'],
    [{ input: ['a', 1] }, 'TK_BAD_REQUEST', 'input'],
    [{ input: { text: 'a' } }, 'TK_BAD_REQUEST', 'input'],
    [{ input: 'a', dimensions: 0 }, 'TK_BAD_REQUEST', 'dimensions'],
    [{ input: 'a', dimensions: 1.5 }, 'TK_BAD_REQUEST', 'dimensions'],
    [{ input: 'a', dimensions: '256' }, 'TK_BAD_REQUEST', 'dimensions'],
    [{ input: 'a', encoding_format: 'int8' }, 'TK_BAD_REQUEST', 'encoding_format'],
    [{ input: 'a', input_type: 1 }, 'TK_BAD_REQUEST', 'input_type'],
  ])('refuses %j', (request, code, param) => {
    expect(refusal(() => asked(operation, model, request))).toEqual([code, param]);
  });
});

describe('what a model cannot do at all is refused', () => {
  it.each([
    [bedrockEmbeddings, 'amazon.titan-embed-text-v2:0', TWO, 'input'],
    [vertexEmbeddings, 'gemini-embedding-001', TWO, 'input'],
    [vertexEmbeddings, 'gemini-embedding-2', TWO, 'input'],
    [bedrockEmbeddings, 'amazon.titan-embed-text-v1', { ...ONE, dimensions: 512 }, 'dimensions'],
    [bedrockEmbeddings, 'cohere.embed-english-v3', { ...ONE, dimensions: 512 }, 'dimensions'],
    [cohereEmbeddings, 'embed-english-light-v3.0', { ...ONE, dimensions: 1024 }, 'dimensions'],
    [bedrockEmbeddings, 'amazon.titan-embed-image-v1', ONE, 'model'],
    [bedrockEmbeddings, 'amazon.nova-lite-v1:0', ONE, 'model'],
    [bedrockEmbeddings, 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1', ONE, 'model'],
  ] as const)('%o, %s: %j', (operation, model, request, param) => {
    expect(refusal(() => asked(operation, model, request))).toEqual(['TK_UNSUPPORTED', param]);
  });

  it('without the account in the message', () => {
    const model = 'arn:aws:bedrock:us-east-1:123456789012:provisioned-model/a1';
    expect(() => asked(bedrockEmbeddings, model, ONE)).toThrow(/^(?!.*123456789012).*cohere\.embed/);
  });
});
