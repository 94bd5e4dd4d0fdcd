import type { Search, Tool, ToolChoice } from '../conversation.ts';
import type { Fields } from '../fields.ts';
import type { Losses } from '../losses.ts';
import { listedIn } from './decode-parts.ts';
import { jsonSchemaOf } from './schema.ts';
import { oneSearch } from '../search.ts';
import { searchesIn } from './search.ts';

interface Tools {
  readonly tools: readonly Tool[];
  readonly search: Search | undefined;
  /** Such as `tools[0].codeExecution`: what only this API runs. */
  readonly extras: readonly (readonly [path: string, value: unknown])[];
}

/** `tools`. @see https://ai.google.dev/api/caching#Tool */
export function toolsIn(request: Fields, losses: Losses): Tools {
  const all = listedIn(request, 'tools').map((tool) => ({
    tools: listedIn(tool, 'functionDeclarations').map((of) => toolIn(of, losses)),
    searches: searchesIn(tool, losses),
    extras: extrasIn(tool),
  }));
  const search = oneSearch(
    all.flatMap(({ searches }) => searches),
    losses,
  );
  return { tools: all.flatMap(({ tools }) => tools), search, extras: all.flatMap(({ extras }) => extras) };
}

/** What is left of an object of the request, by its path. */
export function extrasIn(of: Fields): (readonly [path: string, value: unknown])[] {
  return of.left().map(([name, value]) => [of.at(name), value] as const);
}

function toolIn(of: Fields, losses: Losses): Tool {
  const own = of.object('parameters');
  const schema = of.object('parametersJsonSchema') === undefined ? undefined : (of.raw('parametersJsonSchema') as object);
  const tool = {
    name: of.requiredText('name'),
    description: of.text('description'),
    parameters: schema ?? (own && (jsonSchemaOf(of.raw('parameters'), own.path, losses) as object)),
    strict: undefined,
    at: of.path,
  };
  losses.dropLeft(of);
  return tool;
}

/** `toolConfig.functionCallingConfig`. @see https://ai.google.dev/api/caching#FunctionCallingConfig */
export function choiceIn(config: Fields | undefined, losses: Losses): ToolChoice | undefined {
  if (config === undefined) return undefined;
  const mode = (config.text('mode') ?? 'MODE_UNSPECIFIED').toUpperCase();
  const names = config.list('allowedFunctionNames') ?? [];
  const [name] = names;
  losses.dropLeft(config);
  if (mode === 'MODE_UNSPECIFIED') return undefined;
  if (mode === 'NONE') return { type: 'none' };
  if (mode === 'ANY' && names.length === 1 && typeof name === 'string') return { type: 'tool', name };
  if (names.length > 0) losses.approximate(config.at('allowedFunctionNames'));
  if (mode === 'ANY') return { type: 'required' };
  // Calls that keep to their schemas: others have it tool by tool, and for some schemas alone.
  if (mode === 'VALIDATED') losses.approximate(config.at('mode'));
  else if (mode !== 'AUTO') throw config.wrong('mode', `must be AUTO, ANY, NONE or VALIDATED, not "${mode}"`);
  return { type: 'auto' };
}
