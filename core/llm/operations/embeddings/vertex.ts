import type { JsonObjectScan } from '../../../json/scan.ts';
import { Fields } from '../../fields.ts';
import { given } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { Operation, PreparedOperation } from '../../operation.ts';
import { inputUsage } from '../input-usage.ts';
import { embeddingsAnswer, requireOneEach, vectorIn, type Found } from './answer.ts';
import { dropSaid, oneText, readEmbeddings, type EmbeddingsRequest } from './request.ts';
import type { Task } from './task.ts';
import { embedContent } from './vertex-content.ts';

const TASK_TYPES: Readonly<Record<Task, string>> = {
  query: 'RETRIEVAL_QUERY',
  document: 'RETRIEVAL_DOCUMENT',
  classification: 'CLASSIFICATION',
  clustering: 'CLUSTERING',
  similarity: 'SEMANTIC_SIMILARITY',
  question_answering: 'QUESTION_ANSWERING',
  fact_verification: 'FACT_VERIFICATION',
  code_retrieval: 'CODE_RETRIEVAL_QUERY',
};
const ONE_TEXT = /gemini-embedding-001/;
/** Newer models of that name have another method. */
const GEMINI = /gemini-embedding-(?!001)/;
const ENVELOPE = ['metadata', 'deployedModelId', 'model', 'modelDisplayName', 'modelVersionId'] as const;

/**
 * Vertex AI, which cuts texts that are too long unless it is told not to, as the client's API never does.
 *
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api
 */
export const vertexEmbeddings: Operation = {
  name: 'vertex-embed',
  encode(body, model) {
    const losses = new Losses();
    const request = readEmbeddings(body, losses);
    dropSaid(losses, request.normalize);
    if (request.truncate?.value === 'start') losses.approximate(request.truncate.at);
    return GEMINI.test(model) ? embedContent(request, model, losses) : predict(request, model, losses);
  },
};

function predict(request: EmbeddingsRequest, model: string, losses: Losses): PreparedOperation {
  const { texts, task, title, truncate, dimensions } = request;
  if (ONE_TEXT.test(model)) oneText(request);
  // Documents alone may have one.
  const isTitled = title !== undefined && task?.value === 'document';
  if (!isTitled) dropSaid(losses, title);
  const about = given({ task_type: task && TASK_TYPES[task.value], title: isTitled ? title.value : undefined });
  return {
    verb: 'predict',
    body: {
      instances: texts.map((content) => ({ content, ...about })),
      parameters: given({ autoTruncate: (truncate?.value ?? 'none') !== 'none', outputDimensionality: dimensions }),
    },
    losses: losses.list(),
    decode: (answer) => embeddingsAnswer(foundIn(answer, request), request, model),
  };
}

function foundIn(body: JsonObjectScan, { texts }: EmbeddingsRequest): Found {
  const losses = new Losses();
  const answer = Fields.of(body, malformed);
  requireOneEach(answer.list('predictions'), 'predictions', texts.length);
  const tokens: unknown[] = [];
  const vectors = answer.objects('predictions').map((prediction) => {
    const embeddings = prediction.object('embeddings');
    if (embeddings === undefined) throw malformed(prediction.at('embeddings'), 'is missing');
    const statistics = embeddings.object('statistics');
    tokens.push(statistics?.raw('token_count'));
    if (statistics?.raw('truncated') === true) losses.drop(statistics.at('truncated'));
    const vector = vectorIn(embeddings.raw('values'), embeddings.at('values'));
    losses.dropLeft(embeddings);
    losses.dropLeft(prediction);
    return vector;
  });
  for (const name of ENVELOPE) answer.raw(name);
  losses.dropLeft(answer);
  return { vectors, usage: inputUsage(sumOf(tokens)), losses };
}

function sumOf(counts: readonly unknown[]): number | undefined {
  let sum = 0;
  for (const each of counts) {
    if (typeof each !== 'number') return undefined;
    sum += each;
  }
  return sum;
}
