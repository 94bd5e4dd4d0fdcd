import type { JsonObjectScan } from '../../../json/scan.ts';
import { cacheHint } from '../../cache-hint.ts';
import type { Conversation, Effort, Reasoning, ResponseFormat, Tool, ToolChoice, Turn } from '../../conversation.ts';
import { badRequest, Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { thinkingIn } from '../../thinking.ts';
import { oneSearch } from '../../search.ts';
import { blocksIn } from './blocks.ts';
import { isSearch, searchIn } from './search.ts';
import { withSignatures } from './signatures.ts';

/**
 * Reads the body of POST /v1/messages.
 * @see https://docs.anthropic.com/en/api/messages
 * @throws GatewayError TK_BAD_REQUEST
 */
export function decodeRequest(body: JsonObjectScan): Conversation {
  const request = Fields.of(body);
  const losses = new Losses();
  const turns = request.objects('messages').map((message) => turnOf(message, losses));
  if (turns.length === 0) throw badRequest('messages', 'needs one message or more');
  const output = request.object('output_config');
  const format = formatOf(output, losses);
  const reasoning = reasoningOf(request, output);
  if (output !== undefined) losses.dropLeft(output);
  return {
    source: 'anthropic-messages',
    model: request.requiredText('model'),
    system: blocksIn(request, 'system', losses),
    turns,
    ...toolsOf(request, losses),
    ...choiceOf(request, losses),
    sampling: {
      maxTokens: request.number('max_tokens'),
      temperature: request.number('temperature'),
      topP: request.number('top_p'),
      topK: request.number('top_k'),
      stop: (request.list('stop_sequences') ?? []).map(String),
      seed: undefined,
      presencePenalty: undefined,
      frequencyPenalty: undefined,
    },
    format,
    reasoning,
    stream: request.boolean('stream') ?? false,
    choices: 1,
    logprobs: undefined,
    user: userOf(request, losses),
    serviceTier: request.text('service_tier'),
    extras: new Map(request.left()),
    losses: losses.list(),
  };
}

function turnOf(message: Fields, losses: Losses): Turn {
  const role = message.requiredText('role');
  // Newer models take instructions amid the conversation.
  if (role !== 'user' && role !== 'assistant' && role !== 'system')
    throw message.wrong('role', `must be user, assistant or system, not "${role}"`);
  const turn = { role, blocks: withSignatures(blocksIn(message, 'content', losses)) } as const;
  losses.dropLeft(message);
  return turn;
}

function toolsOf(request: Fields, losses: Losses): Pick<Conversation, 'tools' | 'search'> {
  const all = request.objects('tools');
  const searches = all.filter(isSearch).map((tool) => searchIn(tool, losses));
  const tools = all.flatMap((tool) => (isSearch(tool) ? [] : (toolOf(tool, losses) ?? [])));
  return { tools, search: oneSearch(searches, losses) };
}

function toolOf(tool: Fields, losses: Losses): Tool | undefined {
  const type = tool.text('type') ?? 'custom';
  if (type !== 'custom') {
    // Tools that the API runs, or whose shape it knows.
    losses.drop(tool.path);
    return undefined;
  }
  const found = {
    name: tool.requiredText('name'),
    description: tool.text('description'),
    parameters: tool.raw('input_schema') as object | undefined,
    strict: tool.boolean('strict'),
    ...cacheHint(tool),
    at: tool.path,
  };
  losses.dropLeft(tool);
  return found;
}

function choiceOf(
  request: Fields,
  losses: Losses,
): { readonly toolChoice: ToolChoice | undefined; readonly parallelTools: boolean | undefined } {
  const choice = request.object('tool_choice');
  if (choice === undefined) return { toolChoice: undefined, parallelTools: undefined };
  const type = choice.requiredText('type');
  const isAlone = choice.boolean('disable_parallel_tool_use');
  const parallelTools = isAlone === undefined ? undefined : !isAlone;
  const name = choice.text('name');
  losses.dropLeft(choice);
  if (type === 'tool') {
    if (name === undefined) throw choice.wrong('name', 'is required');
    return { toolChoice: { type, name }, parallelTools };
  }
  if (type === 'any') return { toolChoice: { type: 'required' }, parallelTools };
  if (type === 'auto' || type === 'none') return { toolChoice: { type }, parallelTools };
  throw choice.wrong('type', `must be auto, any, tool or none, not "${type}"`);
}

function formatOf(output: Fields | undefined, losses: Losses): ResponseFormat | undefined {
  const format = output?.object('format');
  if (format === undefined) return undefined;
  const type = format.requiredText('type');
  if (type !== 'json_schema') throw format.wrong('type', `must be json_schema, not "${type}"`);
  const schema = format.raw('schema');
  if (typeof schema !== 'object') throw format.wrong('schema', 'must be an object');
  losses.dropLeft(format);
  // The API has no name for it.
  return { type, name: 'answer', schema: schema as object, strict: true };
}

/** The most of the API is more than that of others. */
const EFFORTS: Readonly<Record<string, Effort>> = { low: 'low', medium: 'medium', high: 'high', xhigh: 'xhigh', max: 'xhigh' };

/** How much is to be thought, by the fields of the API, wherever they stand. */
export function reasoningOf(request: Fields, output: Fields | undefined): Reasoning | undefined {
  const text = output?.text('effort');
  const effort = text !== undefined && Object.hasOwn(EFFORTS, text) ? EFFORTS[text] : undefined;
  if (text !== undefined && effort === undefined)
    throw output!.wrong('effort', `must be one of ${Object.keys(EFFORTS).join(', ')}, not "${text}"`);
  const thinking = thinkingIn(request);
  if (thinking === undefined) return effort === undefined ? undefined : { effort, budgetTokens: undefined };
  const { budgetTokens } = thinking;
  // Left to the model how much.
  return { effort: effort ?? (budgetTokens === undefined ? 'medium' : undefined), budgetTokens };
}

function userOf(request: Fields, losses: Losses): string | undefined {
  const metadata = request.object('metadata');
  if (metadata === undefined) return undefined;
  const user = metadata.text('user_id');
  losses.dropLeft(metadata);
  return user;
}
