import { REDACTED, type Redaction } from '../redaction.ts';
import type { AttributeSink } from '../trace/attributes.ts';
import { type Fields, fields, items, text } from '../trace/content/fields.ts';

const MOST_DOCUMENTS = 256;

/** Texts and vectors of POST /v1/embeddings. Inputs that are token ids are no texts. */
export function setEmbeddings(sink: AttributeSink, request: Fields | undefined, answer: Fields | undefined, { hides }: Redaction): void {
  const input = request?.['input'];
  const texts = typeof input === 'string' ? [input] : items(input).map(text);
  if (!hides.HIDE_INPUTS) {
    const hidden = hides.HIDE_EMBEDDINGS_TEXT || hides.HIDE_INPUT_TEXT;
    for (const [index, value] of texts.slice(0, MOST_DOCUMENTS).entries()) {
      if (value !== undefined) sink.set(`embedding.embeddings.${index}.embedding.text`, hidden ? REDACTED : value);
    }
  }
  if (hides.HIDE_OUTPUTS) return;
  for (const item of items(answer?.['data']).slice(0, MOST_DOCUMENTS)) {
    if (sink.full) break;
    const { index, embedding } = fields(item);
    const name = `embedding.embeddings.${typeof index === 'number' ? index : 0}.embedding.vector`;
    if (hides.HIDE_EMBEDDINGS_VECTORS) sink.set(name, REDACTED);
    else sink.set(name, vectorOf(embedding));
  }
}

/** The numbers; base64 is little-endian floats of 32 bits. */
function vectorOf(embedding: unknown): number[] | undefined {
  if (Array.isArray(embedding)) return embedding.every((value) => typeof value === 'number') ? embedding : undefined;
  if (typeof embedding !== 'string') return undefined;
  const bytes = Buffer.from(embedding, 'base64');
  const vector: number[] = [];
  for (let at = 0; at + 4 <= bytes.length; at += 4) vector.push(bytes.readFloatLE(at));
  return vector;
}

/** Query and documents of POST /v2/rerank. */
export function setRerank(sink: AttributeSink, request: Fields | undefined, answer: Fields | undefined, { hides }: Redaction): void {
  const topN = request?.['top_n'];
  if (typeof topN === 'number') sink.set('reranker.top_k', topN);
  const documents = items(request?.['documents']).map((document) => text(document) ?? text(fields(document)['text']));
  const hidesText = hides.HIDE_INPUT_TEXT;
  if (!hides.HIDE_INPUTS && !hides.HIDE_INPUT_MESSAGES) {
    const query = text(request?.['query']);
    sink.set('reranker.query', query !== undefined && hidesText ? REDACTED : query);
    for (const [index, document] of documents.slice(0, MOST_DOCUMENTS).entries()) {
      sink.set(`reranker.input_documents.${index}.document.content`, document !== undefined && hidesText ? REDACTED : document);
    }
  }
  if (hides.HIDE_OUTPUTS || hides.HIDE_OUTPUT_MESSAGES) return;
  for (const [rank, item] of items(answer?.['results']).slice(0, MOST_DOCUMENTS).entries()) {
    const { index, relevance_score: score } = fields(item);
    const prefix = `reranker.output_documents.${rank}.document.`;
    if (typeof index === 'number') sink.set(`${prefix}id`, String(index));
    if (typeof score === 'number') sink.set(`${prefix}score`, score);
    // The document is the client's own: what is hidden of the input is hidden here too.
    if (typeof index !== 'number' || hides.HIDE_INPUTS || hides.HIDE_INPUT_MESSAGES) continue;
    const content = documents[index];
    sink.set(`${prefix}content`, content !== undefined && (hidesText || hides.HIDE_OUTPUT_TEXT) ? REDACTED : content);
  }
}
