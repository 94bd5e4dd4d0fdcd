import type { Conversation, Search } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import { given, type Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import { domainsIn, dropUnsaid, placeIn, placeOf, searchAt } from '../../search.ts';

/** The first version, which all models have that can search; later ones also run code on what was found. */
const TYPE = 'web_search_20250305';
const NAME = 'web_search';

export function isSearch(tool: Fields): boolean {
  return /^web_search_\d+$/.test(tool.text('type') ?? '');
}

/** The tool that searches. @see https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool */
export function searchIn(tool: Fields, losses: Losses): Search {
  for (const name of ['type', 'name']) tool.raw(name);
  const search = {
    ...searchAt(tool.path),
    allowedDomains: domainsIn(tool, 'allowed_domains'),
    blockedDomains: domainsIn(tool, 'blocked_domains'),
    maxUses: tool.number('max_uses'),
    place: placeIn(tool.object('user_location'), losses),
  };
  losses.dropLeft(tool);
  return search;
}

/** What {@link searchIn} reads. The API takes domains that are allowed or that are blocked, and no two tools of one name. */
export function searchOf({ search, tools }: Conversation, losses: Losses): Json[] {
  if (search === undefined) return [];
  const { at, allowedDomains, blockedDomains, maxUses, place } = search;
  if (tools.some(({ name }) => name === NAME)) {
    losses.drop(at);
    return [];
  }
  const isAllowed = allowedDomains.length > 0;
  dropUnsaid(search, ['allowedDomains', 'maxUses', 'place', ...(isAllowed ? [] : (['blockedDomains'] as const))], losses);
  const domains = isAllowed
    ? { allowed_domains: allowedDomains }
    : { blocked_domains: blockedDomains.length === 0 ? undefined : blockedDomains };
  const about = placeOf(place);
  const user_location = about === undefined ? undefined : { type: 'approximate', ...about };
  return [{ type: TYPE, name: NAME, ...given({ ...domains, max_uses: maxUses, user_location }) }];
}
