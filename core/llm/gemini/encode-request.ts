import type { Encoded } from '../codec.ts';
import type { Conversation, Tool, ToolChoice } from '../conversation.ts';
import { filled, given, type Json } from '../given.ts';
import { Losses, type Writing } from '../losses.ts';
import { configOf } from './encode-config.ts';
import { contentsOf, partOf, type PartWriting } from './encode-parts.ts';
import { generationOf } from './names.ts';
import { searchTool } from './search.ts';
import { configWith, vendorFields } from './vendor-fields.ts';

/**
 * Writes the body of POST …/models/{model}:generateContent and :streamGenerateContent: model and stream are said by the path.
 * @see https://ai.google.dev/api/generate-content
 * @see https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference
 */
export function encodeRequest(conversation: Conversation): Encoded {
  const { model, system, turns, parallelTools, user, source, extras } = conversation;
  const losses = new Losses();
  const isOwn = source === 'gemini';
  const generation = generationOf(model);
  const isOlder = generation !== undefined && generation < 3;
  const needsSignature = !isOwn && generation !== undefined && !isOlder;
  const to: PartWriting = { isOwn, losses, isAnswer: false, hasIds: isOwn || !isOlder, needsSignature };
  const parts = system.flatMap((block) => partOf(block, to) ?? []);
  const own = new Map(isOwn ? extras : []);
  const vendor = vendorFields(conversation, losses);
  const body = {
    ...(parts.length === 0 ? {} : { systemInstruction: { parts } }),
    contents: contentsOf(turns, to),
    ...filled('tools', toolsOf(conversation, own, to)),
    ...filled('toolConfig', { ...choiceOf(conversation, to), ...taken(own, 'toolConfig.') }),
    ...filled('generationConfig', { ...configWith(vendor.config, configOf(conversation, to)), ...taken(own, 'generationConfig.') }),
    ...vendor.top,
    ...Object.fromEntries(own),
  };
  if (parallelTools === false) losses.drop('parallel_tool_calls');
  if (user !== undefined) losses.drop('user');
  tierOf(conversation, losses);
  if (!isOwn) for (const name of extras.keys()) if (!vendor.names.has(name)) losses.drop(name);
  return { body, losses: [...conversation.losses, ...losses.list()] };
}

/** Extras that belong into an object of the request. */
function taken(own: Map<string, unknown>, prefix: string): Json {
  const found = [...own].filter(([path]) => path.startsWith(prefix));
  for (const [path] of found) own.delete(path);
  return Object.fromEntries(found.map(([path, value]) => [path.slice(prefix.length), value]));
}

function toolsOf(conversation: Conversation, own: Map<string, unknown>, to: Writing): Json[] {
  const { tools } = conversation;
  const functionDeclarations = tools.map(({ name, description, parameters, cache, at = 'tools' }) => {
    if (cache !== undefined) to.losses.drop(`${at}.cache_control`);
    return { name, ...given({ description, parametersJsonSchema: parameters }) };
  });
  const others = Object.entries(taken(own, 'tools[')).map(([path, value]) => ({ [path.slice(path.indexOf('.') + 1)]: value }));
  return [...(tools.length === 0 ? [] : [{ functionDeclarations }]), ...searchTool(conversation, to), ...others];
}

/** Where there is no tool, none can be chosen. */
function choiceOf({ tools, toolChoice }: Conversation, to: Writing): Json {
  const strict = tools.length > 0 && !to.isOwn ? strictMode(tools, toolChoice, to) : undefined;
  if (strict !== undefined) return { functionCallingConfig: { mode: strict } };
  if (toolChoice === undefined) return {};
  if (tools.length === 0 && !to.isOwn) {
    if (toolChoice.type === 'required' || toolChoice.type === 'tool') to.losses.drop('tool_choice');
    return {};
  }
  if (toolChoice.type === 'tool') return { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [toolChoice.name] } };
  return { functionCallingConfig: { mode: MODES[toolChoice.type] } };
}

const MODES = { auto: 'AUTO', none: 'NONE', required: 'ANY' } as const;

/** Calls that keep to their schemas: of all tools or of none. ANY has it of itself. */
function strictMode(tools: readonly Tool[], choice: ToolChoice | undefined, to: Writing): string | undefined {
  const isFree = choice === undefined || choice.type === 'auto';
  if (!isFree || !tools.some(({ strict }) => strict === true)) return undefined;
  for (const { strict, at = 'tools' } of tools) if (strict !== true) to.losses.approximate(`${at}.strict`);
  return 'VALIDATED';
}

/** Left to the project, as it is without a word. */
const USUAL_TIERS = ['auto', 'default', 'standard_only'];

function tierOf({ serviceTier }: Conversation, losses: Losses): void {
  if (serviceTier !== undefined && !USUAL_TIERS.includes(serviceTier)) losses.drop('service_tier');
}
