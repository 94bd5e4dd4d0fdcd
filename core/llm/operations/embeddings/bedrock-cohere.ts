import { Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { Operation } from '../../operation.ts';
import { bedrockInputUsage } from '../bedrock-model.ts';
import { embeddingsAnswer } from './answer.ts';
import { cohereBody, cohereVectors } from './cohere.ts';
import { readEmbeddings, type Truncation } from './request.ts';

/** The two versions have other words for the sides of a text. */
const SIDES: Readonly<Record<'v3' | 'v4', Readonly<Record<Truncation, string>>>> = {
  v3: { none: 'NONE', start: 'START', end: 'END' },
  v4: { none: 'NONE', start: 'LEFT', end: 'RIGHT' },
};

/**
 * Cohere's models on Bedrock, which says in a header how many tokens there were.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v3.html
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed-v4.html
 */
export const bedrockCohereEmbeddings: Operation = {
  name: 'bedrock-cohere-embed',
  encode(body, model) {
    const losses = new Losses();
    const request = readEmbeddings(body, losses);
    const sides = SIDES[/-v3/.test(model) ? 'v3' : 'v4'];
    return {
      verb: 'invoke',
      body: { ...cohereBody(request, model, losses), truncate: sides[request.truncate?.value ?? 'none'] },
      losses: losses.list(),
      decode(bytes, headers) {
        const losses = new Losses();
        const answer = Fields.of(bytes, malformed);
        const vectors = cohereVectors(answer, request, losses);
        losses.dropLeft(answer);
        return embeddingsAnswer({ vectors, usage: bedrockInputUsage(headers), losses }, request, model);
      },
    };
  },
};
