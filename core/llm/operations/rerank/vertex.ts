import type { JsonObjectScan } from '../../../json/scan.ts';
import { Fields } from '../../fields.ts';
import { given } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { Operation } from '../../operation.ts';
import { rerankAnswer, type Ranking } from './answer.ts';
import { readRerank } from './request.ts';

/**
 * Google's ranking API, which knows records by a text: here the number of the document.
 *
 * @see https://cloud.google.com/generative-ai-app-builder/docs/reference/rest/v1/projects.locations.rankingConfigs/rank
 */
export const vertexRerank: Operation = {
  name: 'vertex-rerank',
  encode(body, model) {
    const losses = new Losses();
    const request = readRerank(body, losses);
    const { query, documents, topN, maxTokens } = request;
    if (maxTokens !== undefined) losses.drop('max_tokens_per_doc');
    const records = documents.map((content, index) => ({ id: String(index), content }));
    return {
      verb: 'rank',
      body: given({ model, query, topN, records, ignoreRecordDetailsInResponse: true }),
      losses: losses.list(),
      decode: (answer) => rerankAnswer(rankingIn(answer), request),
    };
  },
};

const DIGITS = /^(?:0|[1-9]\d{0,8})$/;

function rankingIn(body: JsonObjectScan): Ranking {
  const losses = new Losses();
  const answer = Fields.of(body, malformed);
  if (answer.list('records') === undefined) throw malformed('records', 'is missing');
  const ranked = answer.objects('records').map((record) => {
    const id = record.text('id') ?? '';
    // Google's JSON leaves out a number that is 0: https://protobuf.dev/programming-guides/json/
    const score = record.raw('score') ?? 0;
    losses.dropLeft(record);
    return { index: DIGITS.test(id) ? Number(id) : undefined, score, path: record.path };
  });
  losses.dropLeft(answer);
  return { ranked, usage: undefined, losses };
}
