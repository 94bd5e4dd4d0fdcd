import type { Operation } from '../../operation.ts';
import { bedrockModel } from '../bedrock-model.ts';
import { unsupported } from '../unsupported.ts';
import { bedrockCohereEmbeddings } from './bedrock-cohere.ts';
import { bedrockTitanEmbeddings } from './bedrock-titan.ts';

const FAMILIES: readonly (readonly [RegExp, Operation])[] = [
  [/^amazon\.titan-embed-(g1-)?text-/, bedrockTitanEmbeddings],
  [/^cohere\.embed-/, bedrockCohereEmbeddings],
];

/** Vectors on Bedrock, where each family of models has a body of its own. */
export const bedrockEmbeddings: Operation = {
  name: 'bedrock-embed',
  encode(body, model) {
    const name = bedrockModel(model) ?? '';
    const family = FAMILIES.find(([pattern]) => pattern.test(name));
    // An ARN tells the number of the account: the client has no need of it.
    if (family !== undefined) return family[1].encode(body, name);
    throw unsupported(
      'model',
      'embeddings on Bedrock are for models called amazon.titan-embed-text-… and cohere.embed-…, not for this one',
    );
  },
};
