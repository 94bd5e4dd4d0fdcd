import type { Conversation, Search } from '../conversation.ts';
import type { Fields } from '../fields.ts';
import { filled, given, type Json } from '../given.ts';
import type { Losses, Writing } from '../losses.ts';
import { domainsIn, dropUnsaid, searchAt } from '../search.ts';

const GOOGLE = 'googleSearch';
/** Only of pages that are fit for it. @see https://cloud.google.com/vertex-ai/generative-ai/docs/grounding/web-grounding-enterprise */
const ENTERPRISE = 'enterpriseWebSearch';

/** Searches of a tool. @see https://cloud.google.com/vertex-ai/generative-ai/docs/grounding/grounding-with-google-search */
export function searchesIn(tool: Fields, losses: Losses): Search[] {
  return [GOOGLE, ENTERPRISE].flatMap((name) => {
    const of = tool.object(name);
    return of === undefined ? [] : [googleSearchIn(of, name === ENTERPRISE, losses)];
  });
}

/** As Google spells its fields, or with "_". */
export function googleSearchIn(of: Fields, isEnterprise: boolean, losses: Losses): Search {
  const range = of.object('timeRangeFilter') ?? of.object('time_range_filter');
  const startTime = range?.text('startTime') ?? range?.text('start_time');
  const endTime = range?.text('endTime') ?? range?.text('end_time');
  const search = {
    ...searchAt(of.path),
    blockedDomains: domainsIn(of, 'excludeDomains', 'exclude_domains'),
    timeRange: range === undefined ? undefined : { startTime, endTime },
    blockingConfidence: of.text('blockingConfidence') ?? of.text('blocking_confidence'),
    isEnterprise,
  };
  for (const each of [range, of]) if (each !== undefined) losses.dropLeft(each);
  return search;
}

/**
 * The tool of a search. Vertex AI refuses it beside functions, and what the API says of it there has to be given back, which others cannot.
 * @see https://ai.google.dev/gemini-api/docs/tool-combination
 */
export function searchTool({ search, tools }: Conversation, { isOwn, losses }: Writing): Json[] {
  if (search === undefined) return [];
  if (tools.length > 0 && !isOwn) {
    losses.drop(search.at);
    return [];
  }
  const { isEnterprise, blockedDomains, blockingConfidence, timeRange } = search;
  dropUnsaid(search, ['blockedDomains', 'blockingConfidence', 'isEnterprise', ...(isEnterprise ? [] : (['timeRange'] as const))], losses);
  const fields = {
    ...(blockedDomains.length === 0 ? {} : { excludeDomains: blockedDomains }),
    ...given({ blockingConfidence }),
    ...(isEnterprise || timeRange === undefined ? {} : filled('timeRangeFilter', given({ ...timeRange }))),
  };
  return [{ [isEnterprise ? ENTERPRISE : GOOGLE]: fields }];
}
