import type { JsonObjectScan } from '../../../json/scan.ts';
import { reasoningOf as claudeReasoning } from '../../anthropic/messages/decode-request.ts';
import { withSignatures } from '../../anthropic/messages/signatures.ts';
import type { Addressed } from '../../codec.ts';
import type { Conversation, Reasoning, ResponseFormat, Search, Tool, ToolChoice, Turn } from '../../conversation.ts';
import { badRequest, Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { EFFORTS } from '../../openai/effort.ts';
import { markCached } from './cache-point.ts';
import { oneSearch } from '../../search.ts';
import { blocksIn } from './decode-blocks.ts';
import { searchIn } from './search.ts';

/** Of the fields that only some models have, those that a codec of the same API writes back. */
export const MORE = 'additionalModelRequestFields.';

/**
 * Reads the body of POST /model/{modelId}/converse and /converse-stream: model and stream are said by the path.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
 * @throws GatewayError TK_BAD_REQUEST
 */
export function decodeRequest(body: JsonObjectScan, addressed?: Addressed): Conversation {
  const request = Fields.of(body);
  const losses = new Losses();
  // Some clients say again what the path says.
  const named = request.text('modelId');
  const model = addressed?.model ?? named;
  if (model === undefined) throw badRequest('modelId', 'is required');
  const turns = request.objects('messages').map((message) => turnIn(message, losses));
  if (turns.length === 0) throw badRequest('messages', 'needs one message or more');
  const config = request.object('inferenceConfig');
  const more = request.object('additionalModelRequestFields');
  const toolConfig = request.object('toolConfig');
  const tier = request.object('serviceTier');
  const found = {
    source: 'bedrock-converse',
    model,
    system: blocksIn(request, 'system', losses),
    turns,
    ...toolsIn(toolConfig, losses),
    toolChoice: choiceIn(toolConfig?.object('toolChoice'), losses),
    parallelTools: undefined,
    sampling: {
      maxTokens: config?.number('maxTokens'),
      temperature: config?.number('temperature'),
      topP: config?.number('topP'),
      topK: topKIn(more, losses),
      stop: stopIn(config),
      seed: undefined,
      presencePenalty: undefined,
      frequencyPenalty: undefined,
    },
    format: formatIn(request.object('outputConfig'), losses),
    reasoning: reasoningIn(more, losses),
    stream: addressed?.stream ?? false,
    choices: 1,
    logprobs: undefined,
    user: undefined,
    serviceTier: tier?.requiredText('type'),
  } as const;
  for (const each of [config, toolConfig, tier]) if (each !== undefined) losses.dropLeft(each);
  const others = (more?.left() ?? []).map(([name, value]) => [MORE + name, value] as const);
  return { ...found, extras: new Map([...others, ...request.left()]), losses: losses.list() };
}

function turnIn(message: Fields, losses: Losses): Turn {
  const role = message.requiredText('role');
  if (role !== 'user' && role !== 'assistant') throw message.wrong('role', `must be user or assistant, not "${role}"`);
  const turn = { role, blocks: withSignatures(blocksIn(message, 'content', losses)) } as const;
  losses.dropLeft(message);
  return turn;
}

/** @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Tool.html */
function toolsIn(config: Fields | undefined, losses: Losses): Pick<Conversation, 'tools' | 'search'> {
  const found: Tool[] = [];
  const searches: Search[] = [];
  for (const each of config?.objects('tools') ?? []) {
    markCached(found, each, losses);
    const spec = each.object('toolSpec');
    const search = searchIn(each, losses);
    if (search !== undefined) searches.push(search);
    losses.dropLeft(each);
    if (spec !== undefined) found.push({ ...specIn(spec, losses), at: each.path });
  }
  return { tools: found, search: oneSearch(searches, losses) };
}

function specIn(spec: Fields, losses: Losses): Tool {
  const schema = spec.object('inputSchema');
  if (schema === undefined) throw spec.wrong('inputSchema', 'is required');
  schema.object('json');
  const tool = {
    name: spec.requiredText('name'),
    description: spec.text('description'),
    parameters: schema.raw('json') as object | undefined,
    strict: spec.boolean('strict'),
  };
  losses.dropLeft(schema);
  losses.dropLeft(spec);
  return tool;
}

/** @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html */
function choiceIn(choice: Fields | undefined, losses: Losses): ToolChoice | undefined {
  if (choice === undefined) return undefined;
  const tool = choice.object('tool');
  const isAny = choice.object('any') !== undefined;
  const isAuto = choice.object('auto') !== undefined;
  losses.dropLeft(choice);
  if (tool !== undefined) return { type: 'tool', name: tool.requiredText('name') };
  if (isAny) return { type: 'required' };
  if (isAuto) return { type: 'auto' };
  throw badRequest(choice.path, 'must be one of auto, any, tool');
}

function stopIn(config: Fields | undefined): readonly string[] {
  return (config?.list('stopSequences') ?? []).map((each, index) => {
    if (typeof each !== 'string') throw config!.wrong(`stopSequences[${index}]`, 'must be a text');
    return each;
  });
}

/** @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_OutputConfig.html */
function formatIn(output: Fields | undefined, losses: Losses): ResponseFormat | undefined {
  const format = output?.object('textFormat');
  if (output !== undefined) losses.dropLeft(output);
  if (format === undefined) return undefined;
  const type = format.requiredText('type');
  if (type !== 'json_schema') throw format.wrong('type', `must be json_schema, not "${type}"`);
  const structure = format.object('structure');
  const of = structure?.object('jsonSchema');
  if (structure === undefined || of === undefined) throw format.wrong('structure.jsonSchema', 'is required');
  const found = { type, name: of.text('name') ?? 'answer', schema: schemaIn(of), strict: true } as const;
  for (const each of [format, structure, of]) losses.dropLeft(each);
  return found;
}

/** It is a text there. */
function schemaIn(of: Fields): object {
  const text = of.requiredText('schema');
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch {
    schema = undefined;
  }
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    throw of.wrong('schema', 'must be a text with the JSON of an object');
  return schema;
}

/** Claude and Mistral call it so; Nova has it elsewhere. */
function topKIn(more: Fields | undefined, losses: Losses): number | undefined {
  const config = more?.object('inferenceConfig');
  const ofNova = config?.number('topK');
  if (config !== undefined) losses.dropLeft(config);
  return more?.number('top_k') ?? ofNova;
}

/** As models of Anthropic, of OpenAI and of Amazon each have it. */
function reasoningIn(more: Fields | undefined, losses: Losses): Reasoning | undefined {
  if (more === undefined) return undefined;
  const output = more.object('output_config');
  const ofClaude = claudeReasoning(more, output);
  if (output !== undefined) losses.dropLeft(output);
  const plain = effortIn(more, 'reasoning_effort');
  const config = more.object('reasoningConfig');
  const ofNova = config === undefined ? undefined : novaReasoning(config, losses);
  return ofClaude ?? (plain === undefined ? ofNova : { effort: plain, budgetTokens: undefined });
}

/** @see https://docs.aws.amazon.com/nova/latest/nova2-userguide/extended-thinking.html */
function novaReasoning(config: Fields, losses: Losses): Reasoning {
  const type = config.requiredText('type');
  if (type !== 'enabled' && type !== 'disabled') throw config.wrong('type', `must be enabled or disabled, not "${type}"`);
  const effort = effortIn(config, 'maxReasoningEffort');
  losses.dropLeft(config);
  return { effort: type === 'disabled' ? 'none' : (effort ?? 'medium'), budgetTokens: undefined };
}

function effortIn(of: Fields, name: string): Reasoning['effort'] {
  const text = of.text(name);
  const effort = EFFORTS.find((each) => each === text);
  if (text !== undefined && effort === undefined) throw of.wrong(name, `must be one of ${EFFORTS.join(', ')}, not "${text}"`);
  return effort;
}
