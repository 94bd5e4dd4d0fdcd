import type { JsonObjectScan } from '../../../json/scan.ts';
import { cacheHint } from '../../cache-hint.ts';
import type { Conversation, Reasoning, ResponseFormat, Tool, ToolChoice } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { EFFORTS } from '../effort.ts';
import { oneSearch } from '../../search.ts';
import { inputOf, notKept } from './decode-input.ts';
import { isSearch, searchIn } from './search.ts';

/** What needs a server that keeps responses. */
const STATEFUL = ['previous_response_id', 'conversation', 'prompt'] as const;
export const LOGPROBS = 'message.output_text.logprobs';
export const ENCRYPTED = 'reasoning.encrypted_content';

/**
 * Reads the body of POST /v1/responses. Beside the API's own fields it knows `cache_control`, by which clients of gateways say more of
 * other providers. Fields of `text` and `reasoning` that only this API has become extras with a path for their name.
 * @see https://platform.openai.com/docs/api-reference/responses/create
 * @throws GatewayError TK_BAD_REQUEST; TK_UNSUPPORTED for what refers to a stored response
 */
export function decodeRequest(body: JsonObjectScan): Conversation {
  const request = Fields.of(body);
  const losses = new Losses();
  refuseState(request);
  const { system, turns } = inputOf(request, losses);
  const { tools, search } = toolsOf(request, losses);
  const nested: [string, unknown][] = [];
  const conversation = {
    source: 'openai-responses',
    model: request.requiredText('model'),
    system,
    turns,
    tools,
    search,
    ...callingOf(request, tools.length > 0, losses),
    sampling: {
      maxTokens: request.number('max_output_tokens'),
      temperature: request.number('temperature'),
      topP: request.number('top_p'),
      topK: undefined,
      stop: [],
      seed: undefined,
      presencePenalty: undefined,
      frequencyPenalty: undefined,
    },
    format: formatOf(request, losses, nested),
    reasoning: reasoningOf(request, losses, nested),
    stream: request.boolean('stream') ?? false,
    choices: 1,
    logprobs: includedIn(request, nested),
    // `user` is what `safety_identifier` was called.
    user: request.text('safety_identifier') ?? request.text('user'),
    serviceTier: request.text('service_tier'),
  } as const;
  // Nothing is stored where nobody asks for it.
  if (request.boolean('store') === true) nested.push(['store', true]);
  return { ...conversation, extras: new Map([...request.left(), ...nested]), losses: losses.list() };
}

function refuseState(request: Fields): void {
  for (const name of STATEFUL) if (request.raw(name) !== undefined) throw notKept(name);
  if (request.boolean('background') === true) throw notKept('background');
}

function toolsOf(request: Fields, losses: Losses): Pick<Conversation, 'tools' | 'search'> {
  const all = request.objects('tools');
  const searches = all.filter(isSearch).map((tool) => searchIn(tool, losses));
  const tools = all.flatMap((tool) => (isSearch(tool) ? [] : (toolOf(tool, losses) ?? [])));
  return { tools, search: oneSearch(searches, losses) };
}

function toolOf(tool: Fields, losses: Losses): Tool | undefined {
  const type = tool.requiredText('type');
  if (type !== 'function') {
    // Tools that the API runs, or whose calls are no JSON.
    losses.drop(tool.path);
    return undefined;
  }
  // So that it is refused where it is no object.
  tool.object('parameters');
  const found = {
    name: tool.requiredText('name'),
    description: tool.text('description'),
    parameters: tool.raw('parameters') as object | undefined,
    strict: tool.boolean('strict'),
    ...cacheHint(tool),
    at: tool.path,
  };
  losses.dropLeft(tool);
  return found;
}

/** How tools are called: nothing is left of it where there is no tool, and other APIs refuse it then. */
function callingOf(request: Fields, hasTools: boolean, losses: Losses): Pick<Conversation, 'toolChoice' | 'parallelTools'> {
  const toolChoice = choiceOf(request, losses);
  const parallelTools = request.boolean('parallel_tool_calls');
  if (hasTools) return { toolChoice, parallelTools };
  if (toolChoice !== undefined && toolChoice.type !== 'auto' && toolChoice.type !== 'none') losses.drop('tool_choice');
  return { toolChoice: undefined, parallelTools: undefined };
}

function choiceOf(request: Fields, losses: Losses): ToolChoice | undefined {
  const value = request.raw('tool_choice');
  if (value === undefined || value === 'auto' || value === 'none' || value === 'required')
    return value === undefined ? undefined : { type: value };
  const choice = new Fields(value, 'tool_choice');
  const type = choice.requiredText('type');
  if (type === 'function') {
    const name = choice.requiredText('name');
    losses.dropLeft(choice);
    return { type: 'tool', name };
  }
  // One of the API's own tools.
  if (type !== 'allowed_tools') {
    losses.drop('tool_choice');
    return undefined;
  }
  losses.approximate('tool_choice');
  return { type: choice.text('mode') === 'required' ? 'required' : 'auto' };
}

function formatOf(request: Fields, losses: Losses, nested: [string, unknown][]): ResponseFormat | undefined {
  const text = request.object('text');
  const format = text?.object('format');
  for (const [name, value] of text?.left() ?? []) nested.push([`text.${name}`, value]);
  if (format === undefined) return undefined;
  const type = format.requiredText('type');
  if (type === 'text') return undefined;
  if (type === 'json_object') return { type: 'json' };
  if (type !== 'json_schema') throw format.wrong('type', `must be text, json_object or json_schema, not "${type}"`);
  if (format.object('schema') === undefined) throw format.wrong('schema', 'is required');
  const found = {
    type,
    name: format.requiredText('name'),
    schema: format.raw('schema') as object,
    strict: format.boolean('strict'),
  } as const;
  losses.dropLeft(format);
  return found;
}

function reasoningOf(request: Fields, losses: Losses, nested: [string, unknown][]): Reasoning | undefined {
  const reasoning = request.object('reasoning');
  if (reasoning === undefined) return undefined;
  const text = reasoning.text('effort');
  for (const [name, value] of reasoning.left()) nested.push([`reasoning.${name}`, value]);
  if (text === undefined) return undefined;
  // Newer than what other APIs have for it.
  if (text === 'max') losses.approximate('reasoning.effort');
  const effort = EFFORTS.find((each) => each === (text === 'max' ? 'xhigh' : text));
  if (effort === undefined) throw reasoning.wrong('effort', `must be one of ${[...EFFORTS, 'max'].join(', ')}, not "${text}"`);
  return { effort, budgetTokens: undefined };
}

/** @returns how many of the most probable tokens are asked for, if they are */
function includedIn(request: Fields, nested: [string, unknown][]): number | undefined {
  const included = request.list('include') ?? [];
  const most = request.number('top_logprobs');
  // Sealed thoughts are always given to whom can give them back.
  const others = included.filter((each) => each !== LOGPROBS && each !== ENCRYPTED);
  if (others.length > 0) nested.push(['include', others]);
  return included.includes(LOGPROBS) ? (most ?? 0) : most;
}
