import type { JsonObjectScan } from '../../../json/scan.ts';
import { badRequest, Fields } from '../../fields.ts';
import type { Losses } from '../../losses.ts';

/** A request to order texts by what they have to do with a question. */
export interface RerankRequest {
  readonly query: string;
  readonly documents: readonly string[];
  /** How many of the best are wanted, no more than there are; undefined: all. */
  readonly topN: number | undefined;
  /** Tokens of a document that are read. */
  readonly maxTokens: number | undefined;
  /** Whether the answer has the texts again, as version 1 of the API gives them. */
  readonly returnDocuments: boolean;
}

/**
 * Reads a request of Cohere's API. A document of version 1 is an object: its `text` is what is ranked, as there where no `rank_fields`
 * say otherwise, and its other fields are told.
 *
 * @see https://docs.cohere.com/reference/rerank
 * @see https://docs.cohere.com/v1/reference/rerank
 * @param losses takes what no other API can say
 * @throws GatewayError TK_BAD_REQUEST
 */
export function readRerank(body: JsonObjectScan, losses: Losses): RerankRequest {
  const fields = Fields.of(body);
  fields.raw('model');
  const documents = documentsIn(fields, losses);
  const topN = wholeNumber(fields, 'top_n');
  const request: RerankRequest = {
    query: fields.requiredText('query'),
    documents,
    topN: topN === undefined ? undefined : Math.min(topN, documents.length),
    maxTokens: wholeNumber(fields, 'max_tokens_per_doc'),
    returnDocuments: fields.boolean('return_documents') ?? false,
  };
  losses.dropLeft(fields);
  return request;
}

function documentsIn(fields: Fields, losses: Losses): readonly string[] {
  const documents = fields.list('documents');
  if (documents === undefined) throw badRequest('documents', 'is required');
  if (documents.length === 0) throw badRequest('documents', 'must have a document');
  return documents.map((each, index) => {
    if (typeof each === 'string') return each;
    const document = fields.item('documents', index, each);
    const text = document.requiredText('text');
    losses.dropLeft(document);
    return text;
  });
}

function wholeNumber(fields: Fields, name: string): number | undefined {
  const value = fields.number(name);
  if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) throw fields.wrong(name, 'must be a whole number above 0');
  return value;
}
