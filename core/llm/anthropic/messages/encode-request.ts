import { cacheControl } from '../../cache-hint.ts';
import { choiceInWords } from '../../choice-format.ts';
import { dropCitations } from '../../citations.ts';
import type { Encoded } from '../../codec.ts';
import type { Block, BlockOf, Conversation, Media, ResponseFormat, Tool, ToolChoice, Turn } from '../../conversation.ts';
import { filled, given, type Json, onlyStrict } from '../../given.ts';
import { Losses, type Writing } from '../../losses.ts';
import { type Thinking, thinkingOf } from '../thinking.ts';
import { searchOf } from './search.ts';
import { isSignatureThought } from './signatures.ts';

/** The API asks for a limit, and others have none. */
const DEFAULT_MAX_TOKENS = 4096;
/** For APIs that know no such format. */
export const JSON_ONLY = 'Answer with one JSON object and nothing else.';

/**
 * Writes the body of POST /v1/messages.
 * @see https://docs.anthropic.com/en/api/messages
 */
export function encodeRequest(conversation: Conversation): Encoded {
  const { model, system, turns, tools, format, stream, user, source, extras, sampling } = conversation;
  const losses = new Losses();
  const isOwn = source === 'anthropic-messages';
  const to: Writing = { isOwn, losses };
  const { thinking, effort } = thinkingOf(conversation, to);
  const instructions = [
    ...blocksOf([...system, ...choiceInWords(format, losses)], to),
    ...(format?.type === 'json' ? [{ type: 'text', text: JSON_ONLY }] : []),
  ];
  if (format?.type === 'json') losses.approximate('response_format');
  const body = {
    model,
    max_tokens: maxTokensOf(conversation, thinking, to),
    ...(instructions.length === 0 ? {} : { system: instructions }),
    messages: messagesOf(turns, to),
    ...filled('tools', [...tools.map(toolOf), ...searchOf(conversation, losses)]),
    ...choiceOf(conversation),
    ...samplingOf(conversation, thinking !== undefined && thinking.type !== 'disabled', to),
    ...(sampling.stop.length === 0 ? {} : { stop_sequences: sampling.stop }),
    ...given({ thinking, output_config: outputOf(format, effort) }),
    ...(user === undefined ? {} : { metadata: { user_id: user } }),
    ...given({ service_tier: tierOf(conversation, to) }),
    ...(stream ? { stream } : {}),
    ...(isOwn ? Object.fromEntries(extras) : {}),
  };
  if (!isOwn) for (const name of extras.keys()) losses.drop(name);
  return { body, losses: [...conversation.losses, ...losses.list()] };
}

/** Neighbours of one role are one message: results of tools have to stand together. */
function messagesOf(turns: readonly Turn[], to: Writing): Json[] {
  const messages: { role: string; content: Json[] }[] = [];
  for (const { role, blocks } of turns) {
    // Instructions amid the conversation are what the user says, as only some models know the role.
    const isSystem = role === 'system' && !to.isOwn;
    if (isSystem) for (const { at = 'messages' } of blocks) to.losses.approximate(at);
    const as = isSystem ? 'user' : role;
    const foreign = blocks.filter(isSignatureThought);
    for (const { at = 'messages' } of foreign) to.losses.drop(at);
    const content = blocksOf(foreign.length === 0 ? blocks : blocks.filter((block) => !foreign.includes(block)), to);
    const last = messages.at(-1);
    if (last?.role === as) last.content.push(...content);
    else messages.push({ role: as, content });
  }
  return messages;
}

export function blocksOf(blocks: readonly Block[], to: Writing): Json[] {
  return blocks.flatMap((block) => {
    if ('signature' in block && block.signature !== undefined && block.type !== 'reasoning') {
      // Of Gemini, and refused by everyone else.
      to.losses.drop(`${block.at ?? block.type}.thought_signature`);
      // A text that is there for it alone.
      if (block.type === 'text' && block.text === '') return [];
    }
    const written = blockOf(block, to);
    return written === undefined ? [] : [{ ...written, ...cacheControl(block.cache) }];
  });
}

function blockOf(block: Block, to: Writing): Json | undefined {
  const { at = block.type } = block;
  switch (block.type) {
    case 'text':
    case 'refusal':
      dropCitations(block, at, to.losses);
      return { type: 'text', text: block.text };
    case 'image':
      if (block.detail !== undefined && block.detail !== 'auto') to.losses.drop(`${at}.detail`);
      return { type: 'image', source: sourceOf(block.media) };
    case 'file':
      return documentOf(block, at, to);
    case 'tool_call':
      return { type: 'tool_use', id: toolId(block.id), name: block.name, input: inputOf(block, at, to) };
    case 'tool_result': {
      const { id, blocks, isError } = block;
      return { type: 'tool_result', tool_use_id: toolId(id), content: blocksOf(blocks, to), ...(isError ? { is_error: true } : {}) };
    }
    case 'reasoning':
      return thoughtOf(block, at, to);
    case 'audio':
    case 'video':
      to.losses.drop(at);
      return undefined;
  }
}

/** What was not thought by a model of this API is refused by it. */
function thoughtOf({ text, signature, sealed }: BlockOf<'reasoning'>, at: string, to: Writing): Json | undefined {
  if (sealed !== undefined) return { type: 'redacted_thinking', data: sealed };
  if (signature !== undefined) return { type: 'thinking', thinking: text, signature };
  to.losses.drop(at);
  return undefined;
}

function sourceOf(media: Media): Json {
  if ('base64' in media) return { type: 'base64', media_type: media.mediaType, data: media.base64 };
  return 'url' in media ? { type: 'url', url: media.url } : { type: 'file', file_id: media.fileId };
}

function documentOf({ media, name }: BlockOf<'file'>, at: string, to: Writing): Json | undefined {
  const title = given({ title: name });
  if (!('base64' in media) || media.mediaType === 'application/pdf') return { type: 'document', source: sourceOf(media), ...title };
  if (!media.mediaType.startsWith('text/')) {
    to.losses.drop(at);
    return undefined;
  }
  const data = Buffer.from(media.base64, 'base64').toString();
  return { type: 'document', source: { type: 'text', media_type: 'text/plain', data }, ...title };
}

/** The API takes letters, digits, "-" and "_". The same id becomes the same. */
export function toolId(id: string): string {
  return id.replaceAll(/[^\w-]/g, '_');
}

function inputOf({ arguments: text }: BlockOf<'tool_call'>, at: string, to: Writing): object {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // A model may have been cut off in the middle of it.
  }
  to.losses.approximate(at);
  return { arguments: text };
}

function toolOf({ name, description, parameters, strict, cache }: Tool): Json {
  return { name, ...given({ description, ...onlyStrict(strict) }), input_schema: parameters ?? { type: 'object' }, ...cacheControl(cache) };
}

function choiceOf({ tools, toolChoice, parallelTools }: Conversation): Json {
  if (tools.length === 0) return {};
  const alone = parallelTools === undefined ? {} : { disable_parallel_tool_use: !parallelTools };
  if (toolChoice === undefined) return parallelTools === undefined ? {} : { tool_choice: { type: 'auto', ...alone } };
  // Where there is no call, none is parallel.
  if (toolChoice.type === 'none') return { tool_choice: { type: 'none' } };
  return { tool_choice: { ...namedChoice(toolChoice), ...alone } };
}

function namedChoice(choice: ToolChoice): Json {
  if (choice.type === 'tool') return { type: 'tool', name: choice.name };
  return { type: choice.type === 'required' ? 'any' : 'auto' };
}

function outputOf(format: ResponseFormat | undefined, effort: string | undefined): Json | undefined {
  const schema = format?.type === 'json_schema' ? { type: 'json_schema', schema: format.schema } : undefined;
  return effort === undefined && schema === undefined ? undefined : given({ effort, format: schema });
}

/** What is thought is part of the answer, so that there has to be room for both. */
function maxTokensOf({ sampling }: Conversation, thinking: Thinking | undefined, to: Writing): number {
  const budget = thinking?.type === 'enabled' ? thinking.budget_tokens : 0;
  const { maxTokens } = sampling;
  if (maxTokens === undefined) {
    to.losses.approximate('max_tokens');
    return budget + DEFAULT_MAX_TOKENS;
  }
  if (budget === 0 || maxTokens > budget || to.isOwn) return maxTokens;
  to.losses.approximate('max_tokens');
  return budget + maxTokens;
}

/** While it thinks a model has a temperature of its own. */
function samplingOf({ sampling, choices, logprobs }: Conversation, thinks: boolean, to: Writing): Json {
  const { temperature, topP, topK, seed, presencePenalty, frequencyPenalty } = sampling;
  for (const [name, value] of Object.entries({ seed, presence_penalty: presencePenalty, frequency_penalty: frequencyPenalty, logprobs }))
    if (value !== undefined) to.losses.drop(name);
  if (choices > 1) to.losses.drop('n');
  if (to.isOwn) return given({ temperature, top_p: topP, top_k: topK });
  if (thinks) {
    for (const [name, value] of Object.entries({ temperature, top_p: topP, top_k: topK })) if (value !== undefined) to.losses.drop(name);
    return {};
  }
  if (temperature !== undefined && temperature > 1) to.losses.approximate('temperature');
  return given({ temperature: temperature === undefined ? undefined : Math.min(1, temperature), top_p: topP, top_k: topK });
}

function tierOf({ source, serviceTier }: Conversation, to: Writing): string | undefined {
  if (serviceTier === undefined || source === 'anthropic-messages') return serviceTier;
  if (serviceTier === 'auto') return 'auto';
  if (serviceTier === 'default') return 'standard_only';
  to.losses.drop('service_tier');
  return undefined;
}
