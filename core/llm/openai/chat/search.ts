import type { Search } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import { given, type Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import { googleSearchIn } from '../../gemini/search.ts';
import { domainsIn, dropUnsaid, oneSearch, placeIn, placeOf, searchAt, sizeIn } from '../../search.ts';

/** Tools that other APIs have for it, dated or not, which clients of gateways send in this one. */
const TOOL = /^(google_search|enterprise_search|enterprise_web_search|web_search(_preview)?(_[\d_]+)?)$/;

export function isSearch(type: string): boolean {
  return TOOL.test(type);
}

/**
 * `web_search_options`, or a tool: of Google as Envoy AI Gateway has it, with its options under its own name, or of OpenAI and Anthropic.
 * @see https://platform.openai.com/docs/guides/tools-web-search
 * @see https://aigateway.envoyproxy.io/docs/capabilities/llm-integrations/vendor-specific-fields
 */
export function searchIn(request: Fields, tools: readonly Fields[], losses: Losses): Search | undefined {
  const options = request.object('web_search_options');
  const asked = options === undefined ? [] : [optionsIn(options, losses)];
  return oneSearch([...asked, ...tools.map((tool) => toolIn(tool, losses))], losses);
}

function optionsIn(options: Fields, losses: Losses): Search {
  const location = options.object('user_location');
  const about = location?.object('approximate');
  location?.raw('type');
  const place = placeIn(about, losses);
  const search = { ...searchAt(options.path), contextSize: sizeIn(options), place };
  for (const each of [location, options]) if (each !== undefined) losses.dropLeft(each);
  return search;
}

function toolIn(tool: Fields, losses: Losses): Search {
  const type = tool.requiredText('type');
  if (!type.startsWith('web_search')) {
    const of = tool.object(type) ?? new Fields({}, tool.at(type));
    const search = { ...googleSearchIn(of, type !== 'google_search', losses), at: tool.path };
    losses.dropLeft(tool);
    return search;
  }
  // Of Anthropic, where it is always the same.
  tool.raw('name');
  const filters = tool.object('filters');
  const search = {
    ...searchAt(tool.path),
    allowedDomains: [...domainsIn(tool, 'allowed_domains'), ...(filters === undefined ? [] : domainsIn(filters, 'allowed_domains'))],
    blockedDomains: [...domainsIn(tool, 'blocked_domains'), ...(filters === undefined ? [] : domainsIn(filters, 'blocked_domains'))],
    maxUses: tool.number('max_uses'),
    contextSize: sizeIn(tool),
    place: placeIn(tool.object('user_location'), losses),
  };
  for (const each of [filters, tool]) if (each !== undefined) losses.dropLeft(each);
  return search;
}

/** What {@link searchIn} reads. */
export function searchOf(search: Search | undefined, losses: Losses): Json {
  if (search === undefined) return {};
  dropUnsaid(search, ['contextSize', 'place'], losses);
  const approximate = placeOf(search.place);
  const user_location = approximate === undefined ? undefined : { type: 'approximate', approximate };
  return { web_search_options: given({ search_context_size: search.contextSize, user_location }) };
}
