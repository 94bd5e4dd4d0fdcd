import type { Search } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import type { Json } from '../../given.ts';
import type { Losses } from '../../losses.ts';
import { dropUnsaid, searchAt } from '../../search.ts';

const NAME = 'nova_grounding';

/**
 * The search of a system tool: the API has one, of which nothing can be asked.
 * @see https://docs.aws.amazon.com/nova/latest/nova2-userguide/web-grounding.html
 * @returns undefined for another tool
 */
export function searchIn(tool: Fields, losses: Losses): Search | undefined {
  const system = tool.object('systemTool');
  if (system === undefined) return undefined;
  if (system.text('name') !== NAME) {
    losses.drop(system.path);
    return undefined;
  }
  losses.dropLeft(system);
  return searchAt(system.path);
}

/** Of Nova 2, and of the largest one before it; other models have none. */
export function searchTool(search: Search | undefined, model: string, isOwn: boolean, losses: Losses): Json[] {
  if (search === undefined) return [];
  if (!isOwn && !/amazon\.nova-(2|premier)/.test(model)) {
    losses.drop(search.at);
    return [];
  }
  dropUnsaid(search, [], losses);
  return [{ systemTool: { name: NAME } }];
}
