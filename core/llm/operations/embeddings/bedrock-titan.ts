import { Fields } from '../../fields.ts';
import { given } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { Operation } from '../../operation.ts';
import { inputUsage } from '../input-usage.ts';
import { embeddingsAnswer, vectorIn } from './answer.ts';
import { dropSaid, oneText, readEmbeddings, requireDimensions } from './request.ts';

/** Numbers of a vector of the first version, which has no settings at all. */
const FIRST_SIZE = 1536;

/**
 * Amazon's Titan Text Embeddings on Bedrock: one text a request.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
 */
export const bedrockTitanEmbeddings: Operation = {
  name: 'bedrock-titan-embed',
  encode(body, model) {
    const losses = new Losses();
    const request = readEmbeddings(body, losses);
    const { task, title, truncate, normalize, dimensions } = request;
    const isFirst = !model.includes('-v2');
    // It refuses a text that is too long.
    dropSaid(losses, task, title, truncate?.value === 'none' ? undefined : truncate, isFirst ? normalize : undefined);
    if (isFirst) requireDimensions(request, FIRST_SIZE);
    const settings = isFirst ? {} : given({ dimensions, normalize: normalize?.value });
    return {
      verb: 'invoke',
      body: { inputText: oneText(request), ...settings },
      losses: losses.list(),
      decode(bytes) {
        const losses = new Losses();
        const answer = Fields.of(bytes, malformed);
        const vectors = [vectorIn(answer.raw('embedding'), 'embedding')];
        const usage = inputUsage(answer.raw('inputTextTokenCount'));
        answer.raw('embeddingsByType');
        losses.dropLeft(answer);
        return embeddingsAnswer({ vectors, usage, losses }, request, model);
      },
    };
  },
};
