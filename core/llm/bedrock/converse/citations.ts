import { citationOf } from '../../citations.ts';
import type { Citation } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import { filled, given, type Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';

/**
 * What all of a text rests on: a page, a result that the request had, or a document, of which its title and words can be said elsewhere.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Citation.html
 * @see https://docs.aws.amazon.com/nova/latest/nova2-userguide/web-grounding.html
 * @returns undefined for what says none of it
 */
export function citationIn(of: Fields, losses: Losses): Citation | undefined {
  const location = of.object('location');
  const web = location?.object('web');
  const words = of.objects('sourceContent').map((each) => each.text('text') ?? '');
  const found = { url: web?.text('url') ?? of.text('source'), title: of.text('title'), cited: words.join(''), span: undefined };
  const citation = citationOf(found);
  if (citation === undefined) losses.drop(of.path);
  else {
    // The address has it.
    web?.raw('domain');
    for (const each of [web, location, of]) if (each !== undefined) losses.dropLeft(each);
  }
  return citation;
}

/** What {@link citationIn} reads: it is of all of its text. */
export function citationJson({ url, title, cited, span }: Citation, at: string, losses: Losses): Json {
  if (span !== undefined) losses.approximate(`${at}.citations`);
  return {
    ...given({ title }),
    ...filled('sourceContent', cited === undefined ? [] : [{ text: cited }]),
    ...filled('location', url === undefined ? {} : { web: { url } }),
  };
}
