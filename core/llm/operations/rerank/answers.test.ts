import { assert } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UnacceptableAnswer } from '../../../attempt/failure.ts';
import { answered, endures } from '../operations.fixture.ts';
import { bedrockRerank } from './bedrock.ts';
import { vertexRerank } from './vertex.ts';

const REQUEST = { model: 'm', query: 'q', documents: ['a', { text: 'b' }, 'c'] };
const COHERE = 'cohere.rerank-v3-5:0';
const result = (index: unknown, relevance_score: unknown) => ({ index, relevance_score });
const record = (id: unknown, score: unknown) => ({ id, score });
const META = { api_version: { version: '2' } };

describe('Bedrock', () => {
  const answer = { results: [result(2, 0.9), result(0, 0.1)] };
  it.each([COHERE, 'amazon.rerank-v1:0'])('%s', (model) => {
    expect(answered(bedrockRerank, model, REQUEST, answer)).toEqual({
      body: { results: answer.results, meta: META },
      losses: [],
      usage: undefined,
    });
  });

  it('tells of the tokens that the header tells of', () => {
    const { body, usage } = answered(bedrockRerank, COHERE, REQUEST, answer, { 'x-amzn-bedrock-input-token-count': '9' });
    expect(body['meta']).toEqual({ ...META, tokens: { input_tokens: 9 } });
    expect(usage).toMatchObject({ input: 9, total: 9, source: 'reported' });
  });

  it('gives the documents back to whoever asks for them', () => {
    const { body } = answered(bedrockRerank, COHERE, { ...REQUEST, return_documents: true }, { results: [result(1, 0.5)] });
    expect(body['results']).toEqual([{ ...result(1, 0.5), document: { text: 'b' } }]);
  });

  it('tells what it leaves out', () => {
    const { losses } = answered(bedrockRerank, COHERE, REQUEST, { id: 'r', results: [{ ...result(1, 0.5), sparkle: 1 }], more: 1 });
    expect(losses).toEqual(['dropped more', 'dropped results[0].sparkle']);
  });
});

describe('Vertex AI', () => {
  it('knows records by their ids', () => {
    const { body, losses, usage } = answered(vertexRerank, 's', REQUEST, { records: [record('2', 0.9), record('0', 0.25)] });
    expect(body).toEqual({ results: [result(2, 0.9), result(0, 0.25)], meta: META });
    expect(losses).toEqual([]);
    expect(usage).toBeUndefined();
  });

  it('has no score where it is 0', () => {
    expect(answered(vertexRerank, 's', REQUEST, { records: [{ id: '1' }] }).body['results']).toEqual([result(1, 0)]);
  });
});

describe('an answer that the client cannot use is the backend’s failure', () => {
  it.each([
    [],
    [[result(3, 0.5)]],
    [[result(-1, 0.5)]],
    [[result(0.5, 0.5)]],
    [[result('0', 0.5)]],
    [[result(null, 0.5)]],
    [[result(0, 0.5), result(0, 0.4)]],
    [[result(0, '0.5')]],
    [[result(0, null)]],
    [[0]],
    ['no'],
  ])('Bedrock: %j', (results?: unknown) => {
    expect(() => answered(bedrockRerank, COHERE, REQUEST, { results })).toThrow(UnacceptableAnswer);
  });

  it.each([
    [],
    [[record('3', 0.5)]],
    [[record('01', 0.5)]],
    [[record('-0', 0.5)]],
    [[record('', 0.5)]],
    [[record(' 1', 0.5)]],
    [[record(0, 0.5)]],
    [[{ score: 0.5 }]],
    [[record('0', 0.5), record('0', 0.4)]],
    [[record('0', '0.5')]],
    [[null]],
  ])('Vertex AI: %j', (records?: unknown) => {
    expect(() => answered(vertexRerank, 's', REQUEST, { records })).toThrow(UnacceptableAnswer);
  });
});

const WHOLE = { ...REQUEST, top_n: 2, max_tokens_per_doc: 5, return_documents: true };
it.each([
  [bedrockRerank, [COHERE, 'amazon.rerank-v1:0'], { results: [result(1, 0.5), result(0, 0.4)] }],
  [vertexRerank, ['s'], { records: [record('1', 0.5), record('0', 0.4)] }],
] as const)('%o: whatever comes, it is understood or refused', (operation, models, answer) => {
  assert(endures(operation, models, WHOLE, answer), { numRuns: 500 });
});
