import type { JsonObjectScan } from '../../../json/scan.ts';
import { Fields } from '../../fields.ts';
import { given, type Json } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { Operation } from '../../operation.ts';
import { cohereUsage } from '../../usage.ts';
import { embeddingsAnswer, vectorsIn, type Vector } from './answer.ts';
import { dropSaid, readEmbeddings, requireDimensions, type EmbeddingsRequest } from './request.ts';
import type { Task } from './task.ts';

const INPUT_TYPES: Readonly<Partial<Record<Task, string>>> = {
  query: 'search_query',
  document: 'search_document',
  classification: 'classification',
  clustering: 'clustering',
  question_answering: 'search_query',
  fact_verification: 'search_query',
  code_retrieval: 'search_query',
};
/** Questions of other kinds are questions to it as well; likeness has no word. */
const EXACT: ReadonlySet<Task> = new Set(['query', 'document', 'classification', 'clustering']);
const ONE_SIZE = /embed-.*-v3/;

/** What the API has in every place where it is served, but for `truncate`. */
export function cohereBody(request: EmbeddingsRequest, model: string, losses: Losses): Json {
  dropSaid(losses, request.title, request.normalize);
  const oneSize = ONE_SIZE.test(model);
  if (oneSize) requireDimensions(request, model.includes('light') ? 384 : 1024);
  return given({
    texts: request.texts,
    input_type: inputType(request, losses),
    embedding_types: ['float'],
    output_dimension: oneSize ? undefined : request.dimensions,
  });
}

/** The API asks for it, the client's may leave it out. */
function inputType({ task }: EmbeddingsRequest, losses: Losses): string {
  if (task === undefined || !EXACT.has(task.value)) losses.approximate(task?.at ?? 'input_type');
  return (task && INPUT_TYPES[task.value]) ?? 'search_document';
}

const ENVELOPE = ['id', 'texts', 'images', 'response_type'] as const;

/** Vectors by their type, or a list alone where one type was asked for. @throws UnacceptableAnswer */
export function cohereVectors(answer: Fields, request: EmbeddingsRequest, losses: Losses): readonly Vector[] {
  for (const name of ENVELOPE) answer.raw(name);
  if (Array.isArray(answer.raw('embeddings'))) return vectorsIn(answer, 'embeddings', request);
  const byType = answer.object('embeddings');
  if (byType === undefined) throw malformed('embeddings', 'is missing');
  const vectors = vectorsIn(byType, 'float', request);
  losses.dropLeft(byType);
  return vectors;
}

/**
 * Cohere's own API. It cuts a text that is too long unless it is told not to, which the client's API never does.
 *
 * @see https://docs.cohere.com/reference/embed
 */
export const cohereEmbeddings: Operation = {
  name: 'cohere-embed',
  encode(body, model) {
    const losses = new Losses();
    const request = readEmbeddings(body, losses);
    const truncate = (request.truncate?.value ?? 'none').toUpperCase();
    return {
      verb: 'embed',
      body: { model, ...cohereBody(request, model, losses), truncate },
      losses: losses.list(),
      decode: (answer) => embeddingsAnswer(foundIn(answer, request), request, model),
    };
  },
};

function foundIn(body: JsonObjectScan, request: EmbeddingsRequest) {
  const losses = new Losses();
  const answer = Fields.of(body, malformed);
  const vectors = cohereVectors(answer, request, losses);
  const meta = answer.object('meta');
  if (meta?.raw('warnings') !== undefined) losses.drop(meta.at('warnings'));
  losses.dropLeft(answer);
  return { vectors, usage: cohereUsage(answer.raw('meta')), losses };
}
