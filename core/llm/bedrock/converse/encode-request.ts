import { JSON_ONLY } from '../../anthropic/messages/encode-request.ts';
import { choiceInWords } from '../../choice-format.ts';
import type { Encoded } from '../../codec.ts';
import type { Block, Conversation, ResponseFormat, ToolChoice } from '../../conversation.ts';
import { filled, given, type Json, onlyStrict } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { cachePoints } from './cache-point.ts';
import { MORE } from './decode-request.ts';
import { blocksOf, type BlockWriting, messagesOf } from './encode-blocks.ts';
import { configOf } from './encode-config.ts';
import { familyOf } from './models.ts';
import { documentNames } from './names.ts';
import { searchTool } from './search.ts';

/**
 * Writes the body of POST /model/{modelId}/converse and /converse-stream: model and stream are said by the path.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 */
export function encodeRequest(conversation: Conversation): Encoded {
  const { model, system, turns, format, source, extras } = conversation;
  const losses = new Losses();
  const isOwn = source === 'bedrock-converse';
  const to: BlockWriting = { isOwn, losses, isAnswer: false, family: familyOf(model), nameOf: documentNames() };
  const { inferenceConfig, additionalModelRequestFields } = configOf(conversation, to);
  const [more, others] = isOwn ? ownExtras(extras) : [{}, {}];
  const instructions = [
    ...blocksOf(
      [...system, ...choiceInWords(format, losses)].filter((block) => isTold(block, to)),
      to,
    ),
    ...(format?.type === 'json' ? [{ text: JSON_ONLY }] : []),
  ];
  const body = {
    ...filled('system', instructions),
    messages: messagesOf(turns, to),
    ...filled('inferenceConfig', inferenceConfig),
    ...filled('toolConfig', toolConfigOf(conversation, to)),
    ...given({ outputConfig: outputOf(format, to) }),
    ...filled('additionalModelRequestFields', { ...additionalModelRequestFields, ...more }),
    ...told(conversation, to),
    ...tierOf(conversation, to),
    ...others,
  };
  if (!isOwn) for (const name of extras.keys()) losses.drop(name);
  return { body, losses: [...conversation.losses, ...losses.list()] };
}

/** Instructions are texts. */
function isTold({ type, at = 'system' }: Block, { losses }: BlockWriting): boolean {
  if (type === 'text') return true;
  losses.drop(at);
  return false;
}

/** Those of `additionalModelRequestFields`, and the others. */
function ownExtras(extras: ReadonlyMap<string, unknown>): readonly [Json, Json] {
  const all = [...extras];
  const more = all.filter(([name]) => name.startsWith(MORE)).map(([name, value]) => [name.slice(MORE.length), value] as const);
  return [Object.fromEntries(more), Object.fromEntries(all.filter(([name]) => !name.startsWith(MORE)))];
}

/** Which one of the stop sequences it was, Claude tells where it is asked to. */
function told({ sampling }: Conversation, { isOwn, family }: BlockWriting): Json {
  return isOwn || family !== 'claude' || sampling.stop.length === 0 ? {} : { additionalModelResponseFieldPaths: ['/stop_sequence'] };
}

/** The API has no choice of none, and refuses calls and results where there are no tools. */
function toolConfigOf(conversation: Conversation, to: BlockWriting): Json {
  const { model, search } = conversation;
  const system = searchTool(search, model, to.isOwn, to.losses);
  const { tools = [], ...choice } = functionsOf(conversation, to);
  return { ...choice, ...filled('tools', [...tools, ...system]) };
}

function functionsOf(conversation: Conversation, to: BlockWriting): { readonly tools?: readonly Json[]; readonly toolChoice?: Json } {
  const { tools, toolChoice, parallelTools } = conversation;
  const called = calledIn(conversation);
  if (tools.length === 0) {
    if (!to.isOwn && (toolChoice?.type === 'required' || toolChoice?.type === 'tool')) to.losses.drop('tool_choice');
    return to.isOwn || called === undefined ? {} : { tools: standIns(called, to) };
  }
  if (toolChoice?.type === 'none') {
    if (called === undefined) return {};
    to.losses.approximate('tool_choice');
  } else if (parallelTools === false) to.losses.drop('parallel_tool_calls');
  const choice = choiceOf(toolChoice);
  return { tools: toolsOf(conversation, to), ...(choice === undefined ? {} : { toolChoice: choice }) };
}

/** Names of tools that were called; undefined where there is neither a call nor a result. */
function calledIn({ turns }: Conversation): readonly string[] | undefined {
  const blocks = turns.flatMap(({ blocks: each }) => each);
  if (!blocks.some(({ type }) => type === 'tool_call' || type === 'tool_result')) return undefined;
  return [...new Set(blocks.flatMap((block) => (block.type === 'tool_call' ? [block.name] : [])))];
}

/** Tools of which nothing but their names is known. */
function standIns(called: readonly string[], { losses }: BlockWriting): Json[] {
  losses.approximate('tools');
  const names = called.length === 0 ? ['tool'] : called;
  return names.map((name) => ({ toolSpec: { name, inputSchema: { json: { type: 'object' } } } }));
}

function toolsOf({ tools }: Conversation, to: BlockWriting): Json[] {
  return tools.flatMap(({ name, description, parameters, strict, cache, at = 'tools' }) => {
    // It is refused where it is empty.
    const described = given({ description: description === '' ? undefined : description, ...onlyStrict(strict) });
    const spec = { name, ...described, inputSchema: { json: parameters ?? { type: 'object' } } };
    return [{ toolSpec: spec }, ...cachePoints(cache, at, true, to)];
  });
}

function choiceOf(choice: ToolChoice | undefined): Json | undefined {
  if (choice === undefined || choice.type === 'none') return undefined;
  if (choice.type === 'tool') return { tool: { name: choice.name } };
  return choice.type === 'required' ? { any: {} } : { auto: {} };
}

/** Answers always keep to the schema. */
function outputOf(format: ResponseFormat | undefined, { losses }: BlockWriting): Json | undefined {
  if (format === undefined || format.type === 'choice') return undefined;
  if (format.type === 'json' || format.strict === false) losses.approximate('response_format');
  if (format.type === 'json') return undefined;
  const jsonSchema = { schema: JSON.stringify(format.schema), name: format.name };
  return { textFormat: { type: 'json_schema', structure: { jsonSchema } } };
}

/** As the APIs of OpenAI and of Anthropic call them; without a word it is `default`. */
const TIERS: Readonly<Record<string, string | undefined>> = {
  auto: undefined,
  default: 'default',
  standard_only: 'default',
  flex: 'flex',
  priority: 'priority',
};

function tierOf({ serviceTier }: Conversation, { isOwn, losses }: BlockWriting): Json {
  if (serviceTier === undefined) return {};
  if (isOwn) return { serviceTier: { type: serviceTier } };
  if (!Object.hasOwn(TIERS, serviceTier)) losses.drop('service_tier');
  const type = Object.hasOwn(TIERS, serviceTier) ? TIERS[serviceTier] : undefined;
  return type === undefined ? {} : { serviceTier: { type } };
}
