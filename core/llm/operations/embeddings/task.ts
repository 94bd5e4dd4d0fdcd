/** What vectors are for, as the APIs that ask for it have it between them. */
export type Task =
  | 'query'
  | 'document'
  | 'classification'
  | 'clustering'
  | 'similarity'
  | 'question_answering'
  | 'fact_verification'
  | 'code_retrieval';

/**
 * What clients call it: Cohere, Vertex AI, and what Voyage and NVIDIA have.
 *
 * @see https://docs.cohere.com/reference/embed
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/embeddings/task-types
 * @see https://docs.nvidia.com/nim/nemo-retriever/text-embedding/latest/reference.html
 */
const NAMES: ReadonlyMap<string, Task> = new Map([
  ['search_query', 'query'],
  ['retrieval_query', 'query'],
  ['query', 'query'],
  ['search_document', 'document'],
  ['retrieval_document', 'document'],
  ['document', 'document'],
  ['passage', 'document'],
  ['classification', 'classification'],
  ['clustering', 'clustering'],
  ['semantic_similarity', 'similarity'],
  ['question_answering', 'question_answering'],
  ['fact_verification', 'fact_verification'],
  ['code_retrieval_query', 'code_retrieval'],
]);

/** @returns undefined for one that we do not know */
export function taskOf(name: string): Task | undefined {
  return NAMES.get(name.toLowerCase());
}
