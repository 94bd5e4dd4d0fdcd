import { citationOf } from '../../citations.ts';
import type { Citation } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import { given, type Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';

/**
 * What all of a text rests on: a page, a result that the request had, or a document, of which its title and words can be said elsewhere.
 * @see https://docs.anthropic.com/en/docs/build-with-claude/citations
 * @returns undefined for what says none of it
 */
export function citationIn(of: Fields, losses: Losses): Citation | undefined {
  of.raw('type');
  // Of use to nobody but the API itself.
  of.raw('encrypted_index');
  const found = {
    url: of.text('url') ?? of.text('source'),
    title: of.text('title') ?? of.text('document_title'),
    cited: of.text('cited_text'),
    span: undefined,
  };
  const citation = citationOf(found);
  if (citation === undefined) losses.drop(of.path);
  else losses.dropLeft(of);
  return citation;
}

/** `citations` of a text. */
export function citationsIn(block: Fields, losses: Losses): { readonly citations?: readonly Citation[] } {
  const citations = block.objects('citations').flatMap((each) => citationIn(each, losses) ?? []);
  return given({ citations: citations.length === 0 ? undefined : citations });
}

/**
 * A page, as clients read it; without the index that only the API itself makes and takes back. It is of all of its text.
 * @returns undefined for a document: only one of the request can be said, by its number
 */
export function citationJson({ url, title, cited, span }: Citation, at: string, losses: Losses): Json | undefined {
  if (url === undefined) {
    losses.drop(`${at}.citations`);
    return undefined;
  }
  if (span !== undefined) losses.approximate(`${at}.citations`);
  return { type: 'web_search_result_location', url, title: title ?? null, cited_text: cited ?? '', encrypted_index: '' };
}
