import type { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { OperationAnswer } from '../../operation.ts';
import type { Usage } from '../../usage.ts';
import type { RerankRequest } from './request.ts';

/** A document of the request, and how much it has to do with the question. */
export interface Ranked {
  /** Of the document, as the backend has it. */
  readonly index: unknown;
  readonly score: unknown;
  /** In the backend's answer. */
  readonly path: string;
}

export interface Ranking {
  /** The best one first. */
  readonly ranked: readonly Ranked[];
  readonly usage: Usage | undefined;
  readonly losses: Losses;
}

/**
 * Writes the answer of Cohere's API. What it bills, `search_units`, no other backend tells.
 *
 * @see https://docs.cohere.com/reference/rerank
 * @throws UnacceptableAnswer for a document that the request does not have, or that comes twice
 */
export function rerankAnswer({ ranked, usage, losses }: Ranking, { documents, returnDocuments }: RerankRequest): OperationAnswer {
  const seen = new Set<number>();
  const results = ranked.map(({ index, score, path }) => {
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= documents.length)
      throw malformed(path, `must name one of the ${documents.length} documents`);
    if (seen.has(index)) throw malformed(path, 'names a document for the second time');
    if (typeof score !== 'number' || !Number.isFinite(score)) throw malformed(path, 'must have a number as its score');
    seen.add(index);
    return { index, relevance_score: score, ...(returnDocuments ? { document: { text: documents[index] } } : {}) };
  });
  const tokens = usage?.input === undefined ? {} : { tokens: { input_tokens: usage.input } };
  return { body: { results, meta: { api_version: { version: '2' }, ...tokens } }, usage, losses: losses.list() };
}
