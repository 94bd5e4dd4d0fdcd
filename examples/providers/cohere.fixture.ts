// For tests: Cohere's own API.
import { bodyOf, type Door, enter, type Fake } from './fake.fixture.ts';

/** @see https://docs.cohere.com/reference/rerank */
export function rerank(door: Door): Fake {
  return (request) => {
    const operation = enter(request, door);
    if (typeof operation !== 'string') return { ...operation, body: { id: 'e1', message: JSON.stringify(operation.body) } };
    const { documents, query } = bodyOf(request) as { documents?: string[]; query?: string };
    if (query === undefined || documents === undefined)
      return { status: 400, body: { id: 'e1', message: 'query and documents are needed' } };
    const results = documents.map((_, index) => ({ index, relevance_score: 0.9 / (index + 1) }));
    return { status: 200, body: { id: 'r1', results, meta: { api_version: { version: '2' }, billed_units: { search_units: 1 } } } };
  };
}
