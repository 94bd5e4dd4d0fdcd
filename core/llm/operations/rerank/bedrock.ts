import type { IncomingHttpHeaders } from 'node:http';

import type { JsonObjectScan } from '../../../json/scan.ts';
import { Fields } from '../../fields.ts';
import { given } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { Operation } from '../../operation.ts';
import { bedrockInputUsage, bedrockModel } from '../bedrock-model.ts';
import { unsupported } from '../unsupported.ts';
import { rerankAnswer, type Ranking } from './answer.ts';
import { readRerank } from './request.ts';

/** Version 2 of Cohere's API: Bedrock has no other. */
const COHERE_VERSION = 2;

/**
 * Models on Bedrock that rank. They refuse a request for more results than there are documents.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/rerank-supported.html
 * @see https://docs.cohere.com/docs/cohere-on-aws/amazon-bedrock
 */
export const bedrockRerank: Operation = {
  name: 'bedrock-rerank',
  encode(body, model) {
    const name = bedrockModel(model) ?? '';
    const isCohere = name.startsWith('cohere.rerank-');
    if (!isCohere && !name.startsWith('amazon.rerank-'))
      throw unsupported('model', 'reranking on Bedrock is for models called amazon.rerank-… and cohere.rerank-…, not for this one');
    const losses = new Losses();
    const request = readRerank(body, losses);
    const { query, documents, topN, maxTokens } = request;
    if (maxTokens !== undefined && !isCohere) losses.drop('max_tokens_per_doc');
    const cohere = isCohere ? { max_tokens_per_doc: maxTokens, api_version: COHERE_VERSION } : {};
    return {
      verb: 'invoke',
      body: given({ query, documents, top_n: topN, ...cohere }),
      losses: losses.list(),
      decode: (answer, headers) => rerankAnswer(rankingIn(answer, headers), request),
    };
  },
};

function rankingIn(body: JsonObjectScan, headers: IncomingHttpHeaders): Ranking {
  const losses = new Losses();
  const answer = Fields.of(body, malformed);
  if (answer.list('results') === undefined) throw malformed('results', 'is missing');
  const ranked = answer.objects('results').map((result) => {
    const found = { index: result.raw('index'), score: result.raw('relevance_score'), path: result.path };
    losses.dropLeft(result);
    return found;
  });
  answer.raw('id');
  losses.dropLeft(answer);
  return { ranked, usage: bedrockInputUsage(headers), losses };
}
