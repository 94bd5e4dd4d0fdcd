import { citationOf, spanIn } from '../citations.ts';
import type { Citation } from '../conversation.ts';
import type { Fields } from '../fields.ts';
import type { Json } from '../given.ts';
import type { Losses } from '../losses.ts';

/**
 * Fields of a `url_citation`, as both APIs of OpenAI have them. Others add what the source says (`content`).
 * @see https://platform.openai.com/docs/guides/tools-web-search
 * @see https://openrouter.ai/docs/features/web-search
 */
export function urlCitationIn(of: Fields): Citation | undefined {
  const span = spanIn(of, 'start_index', 'end_index');
  return citationOf({ url: of.text('url'), title: of.text('title'), cited: of.text('content'), span });
}

/** Where a text is in its message. */
export interface Place {
  /** Characters before the text, from where the API counts. */
  readonly base: number;
  /** Characters of the text. */
  readonly length: number;
  /** Where the block was. */
  readonly at: string;
}

/** What {@link urlCitationIn} reads. @returns undefined for a document, which has no address */
export function urlCitationOf({ url, title, cited, span }: Citation, { base, length, at }: Place, losses: Losses): Json | undefined {
  if (url === undefined) {
    losses.drop(`${at}.citations`);
    return undefined;
  }
  if (cited !== undefined) losses.drop(`${at}.citations.cited_text`);
  const { start, end } = span ?? { start: 0, end: length };
  return { start_index: base + start, end_index: base + end, url, title: title ?? '' };
}
