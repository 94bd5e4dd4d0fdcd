/**
 * `POST /v2/rerank` of Cohere: documents that share more words with the query come first.
 * @see https://docs.cohere.com/reference/rerank
 */
import { randomUUID } from 'node:crypto';
import { embed } from './embeddings.ts';
import { type Answer, badField, type Incoming, json, readInteger, readJson, readString, readStrings } from './http.ts';
import { readModel } from './models.ts';

const DIMENSIONS = 256;
/** Documents that one billed search covers. */
const DOCUMENTS_PER_SEARCH = 100;

export function rerank(request: Incoming): Answer {
  const body = readJson(request);
  readModel(body, 'rerank');
  const query = embed(readString(body, 'query'), DIMENSIONS);
  const documents = readStrings(body, 'documents');
  if (documents.length === 0) throw badField('documents', 'must be a list with at least one text');
  const top = readInteger(body, 'top_n', 1) ?? documents.length;
  const results = documents
    .map((text, index) => ({ index, relevance_score: similarity(query, embed(text, DIMENSIONS)) }))
    .toSorted((a, b) => b.relevance_score - a.relevance_score)
    .slice(0, top);
  return json({
    id: randomUUID(),
    results,
    meta: { api_version: { version: '2' }, billed_units: { search_units: Math.ceil(documents.length / DOCUMENTS_PER_SEARCH) } },
  });
}

/** The cosine of two vectors of length one, held between 0 and 1. */
function similarity(a: Float32Array, b: Float32Array): number {
  const cosine = a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
  return Math.min(1, Math.max(0, cosine));
}
