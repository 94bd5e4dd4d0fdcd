import type { Search } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import { given, type Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import { domainsIn, dropUnsaid, placeIn, placeOf, searchAt, sizeIn } from '../../search.ts';

/** Dated or not, and as it was called at first. */
export function isSearch(tool: Fields): boolean {
  return /^web_search(_preview)?(_\d{4}_\d{2}_\d{2})?$/.test(tool.requiredText('type'));
}

/** The tool that searches. @see https://platform.openai.com/docs/guides/tools-web-search?api-mode=responses */
export function searchIn(tool: Fields, losses: Losses): Search {
  tool.raw('type');
  const filters = tool.object('filters');
  const search = {
    ...searchAt(tool.path),
    allowedDomains: filters === undefined ? [] : domainsIn(filters, 'allowed_domains'),
    contextSize: sizeIn(tool),
    place: placeIn(tool.object('user_location'), losses),
  };
  for (const each of [filters, tool]) if (each !== undefined) losses.dropLeft(each);
  return search;
}

/** What {@link searchIn} reads. */
export function searchOf(search: Search | undefined, losses: Losses): Json[] {
  if (search === undefined) return [];
  dropUnsaid(search, ['allowedDomains', 'contextSize', 'place'], losses);
  const { allowedDomains, contextSize, place } = search;
  const about = placeOf(place);
  const filters = allowedDomains.length === 0 ? undefined : { allowed_domains: allowedDomains };
  const user_location = about === undefined ? undefined : { type: 'approximate', ...about };
  return [{ type: 'web_search', ...given({ filters, search_context_size: contextSize, user_location }) }];
}
