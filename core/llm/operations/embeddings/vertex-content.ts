import { Fields } from '../../fields.ts';
import { given } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { PreparedOperation } from '../../operation.ts';
import { geminiUsage } from '../../usage.ts';
import { embeddingsAnswer, vectorIn } from './answer.ts';
import { dropSaid, oneText, type EmbeddingsRequest } from './request.ts';
import type { Task } from './task.ts';

/** The models do not heed `taskType`: what a text is for stands in front of it. */
const PREFIXES: Readonly<Record<Exclude<Task, 'document'>, string>> = {
  query: 'search result',
  question_answering: 'question answering',
  fact_verification: 'fact checking',
  code_retrieval: 'code retrieval',
  classification: 'classification',
  clustering: 'clustering',
  similarity: 'sentence similarity',
};

/**
 * Gemini's models from `gemini-embedding-2` on: one text a request.
 *
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/projects.locations.publishers.models/embedContent
 * @see https://ai.google.dev/gemini-api/docs/embeddings
 */
export function embedContent(request: EmbeddingsRequest, model: string, losses: Losses): PreparedOperation {
  const { task, title, truncate, dimensions } = request;
  if (task?.value !== 'document') dropSaid(losses, title);
  return {
    verb: 'embedContent',
    body: given({
      content: { parts: [{ text: prefixed(oneText(request), request) }] },
      outputDimensionality: dimensions,
      autoTruncate: (truncate?.value ?? 'none') !== 'none',
    }),
    losses: losses.list(),
    decode(body) {
      const losses = new Losses();
      const answer = Fields.of(body, malformed);
      const embedding = answer.object('embedding');
      if (embedding === undefined) throw malformed('embedding', 'is missing');
      const vectors = [vectorIn(embedding.raw('values'), embedding.at('values'))];
      const usage = geminiUsage(answer.raw('usageMetadata'));
      if (answer.raw('truncated') === true) losses.drop('truncated');
      losses.dropLeft(embedding);
      losses.dropLeft(answer);
      return embeddingsAnswer({ vectors, usage, losses }, request, model);
    },
  };
}

function prefixed(text: string, { task, title }: EmbeddingsRequest): string {
  if (task === undefined) return text;
  if (task.value === 'document') return `title: ${title?.value ?? 'none'} | text: ${text}`;
  return `task: ${PREFIXES[task.value]} | query: ${text}`;
}
