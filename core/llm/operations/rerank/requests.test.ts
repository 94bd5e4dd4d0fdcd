import { describe, expect, it } from 'vitest';

import { asked, refusal } from '../operations.fixture.ts';
import { bedrockRerank } from './bedrock.ts';
import { vertexRerank } from './vertex.ts';

const REQUEST = { model: 'm', query: 'q', documents: ['a', 'b', 'c'] };
const WHOLE = { ...REQUEST, top_n: 2, max_tokens_per_doc: 100, priority: 1 };

type Case = readonly [request: object, body: object, losses: readonly string[]];

// https://docs.cohere.com/docs/cohere-on-aws/amazon-bedrock
describe('Cohere on Bedrock', () => {
  const base = { query: 'q', documents: ['a', 'b', 'c'], api_version: 2 };
  it.each<Case>([
    [REQUEST, base, []],
    [WHOLE, { ...base, top_n: 2, max_tokens_per_doc: 100 }, ['dropped priority']],
    [{ ...REQUEST, top_n: 10 }, { ...base, top_n: 3 }, []],
    [{ ...REQUEST, top_n: null, return_documents: true }, base, []],
    [{ ...REQUEST, rank_fields: ['t'], max_chunks_per_doc: 1 }, base, ['dropped max_chunks_per_doc', 'dropped rank_fields']],
    [{ ...REQUEST, documents: ['a', { text: 'b' }, { text: 'c', title: 't' }] }, base, ['dropped documents[2].title']],
  ])('%#: %j', (request, body, losses) => {
    expect(asked(bedrockRerank, 'cohere.rerank-v3-5:0', request)).toEqual({ verb: 'invoke', body, losses });
  });
});

// https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html
describe('Amazon on Bedrock', () => {
  const base = { query: 'q', documents: ['a', 'b', 'c'] };
  it.each<Case>([
    [REQUEST, base, []],
    [WHOLE, { ...base, top_n: 2 }, ['dropped max_tokens_per_doc', 'dropped priority']],
  ])('%#: %j', (request, body, losses) => {
    expect(asked(bedrockRerank, 'amazon.rerank-v1:0', request)).toEqual({ verb: 'invoke', body, losses });
  });

  it('by an ARN', () => {
    const arn = 'arn:aws:bedrock:us-east-1::foundation-model/amazon.rerank-v1:0';
    expect(asked(bedrockRerank, arn, REQUEST).body).toEqual(base);
  });
});

// https://cloud.google.com/generative-ai-app-builder/docs/reference/rest/v1/projects.locations.rankingConfigs/rank
describe('Vertex AI', () => {
  const records = [
    { id: '0', content: 'a' },
    { id: '1', content: 'b' },
    { id: '2', content: 'c' },
  ];
  const base = { model: 'semantic-ranker-default@latest', query: 'q', records, ignoreRecordDetailsInResponse: true };
  it.each<Case>([
    [REQUEST, base, []],
    [WHOLE, { ...base, topN: 2 }, ['dropped max_tokens_per_doc', 'dropped priority']],
  ])('%#: %j', (request, body, losses) => {
    expect(asked(vertexRerank, base.model, request)).toEqual({ verb: 'rank', body, losses });
  });
});

describe.each([
  [bedrockRerank, 'cohere.rerank-v3-5:0'],
  [vertexRerank, 'semantic-ranker-default@latest'],
] as const)('%o', (operation, model) => {
  it.each<readonly [object, string]>([
    [{ documents: ['a'] }, 'query'],
    [{ query: 1, documents: ['a'] }, 'query'],
    [{ query: 'q' }, 'documents'],
    [{ query: 'q', documents: 'a' }, 'documents'],
    [{ query: 'q', documents: [] }, 'documents'],
    [{ query: 'q', documents: ['a', 1] }, 'documents[1]'],
    [{ query: 'q', documents: ['a', { title: 't' }] }, 'documents[1].text'],
    [{ ...REQUEST, top_n: 0 }, 'top_n'],
    [{ ...REQUEST, top_n: 1.5 }, 'top_n'],
    [{ ...REQUEST, max_tokens_per_doc: -1 }, 'max_tokens_per_doc'],
    [{ ...REQUEST, return_documents: 'yes' }, 'return_documents'],
  ])('refuses %j', (request, param) => {
    expect(refusal(() => asked(operation, model, request))).toEqual(['TK_BAD_REQUEST', param]);
  });
});

it.each(['cohere.embed-v4:0', 'amazon.nova-lite-v1:0', 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1'])(
  '%s does not rank',
  (model) => {
    expect(refusal(() => asked(bedrockRerank, model, REQUEST))).toEqual(['TK_UNSUPPORTED', 'model']);
    expect(() => asked(bedrockRerank, model, REQUEST)).toThrow(/^(?!.*123456789012).*cohere\.rerank/);
  },
);
