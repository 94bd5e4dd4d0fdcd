import { choiceInWords } from '../../choice-format.ts';
import { dropCitations } from '../../citations.ts';
import type { Encoded, Takes } from '../../codec.ts';
import type { Block, BlockOf, Conversation, ResponseFormat, Sampling, Tool, ToolChoice, Turn } from '../../conversation.ts';
import { given, type Json, onlyStrict } from '../../given.ts';
import { Losses, type Writing } from '../../losses.ts';
import { urlOf } from '../../media.ts';
import { cacheOf } from '../cache.ts';
import { effortOf } from '../effort.ts';
import { fileName } from '../file-name.ts';
import { tierOf } from '../service-tier.ts';
import { signed } from '../thought-signature.ts';
import { type ResultItem, userItems } from '../user-items.ts';
import { HIDDEN } from './decode-request.ts';
import { callOf } from './message.ts';
import { searchOf } from './search.ts';

interface ChatWriting extends Writing {
  readonly takesThoughts: boolean;
}

/**
 * Writes the body of POST /v1/chat/completions. A stream always has its usage: whoever did not ask for it does not get it.
 * @see https://platform.openai.com/docs/api-reference/chat/create
 */
export function encodeRequest(conversation: Conversation, { thoughts = false }: Takes = {}): Encoded {
  const { model, tools, toolChoice, parallelTools, format, stream, choices, logprobs, user, source, extras } = conversation;
  const losses = new Losses();
  const isOwn = source === 'openai-chat';
  const to: ChatWriting = { isOwn, losses, takesThoughts: thoughts };
  const body = {
    model,
    messages: messagesOf(conversation, to),
    ...(tools.length === 0 ? {} : { tools: tools.map((tool) => toolOf(tool, to)) }),
    ...searchOf(conversation.search, losses),
    ...(toolChoice === undefined ? {} : { tool_choice: choiceOf(toolChoice) }),
    ...given({ parallel_tool_calls: parallelTools }),
    ...samplingOf(conversation.sampling, to),
    ...formatOf(format, to),
    ...given({ reasoning_effort: effortOf(conversation.reasoning, losses) }),
    ...(choices === 1 ? {} : { n: choices }),
    ...(logprobs === undefined ? {} : { logprobs: true, ...(logprobs === 0 ? {} : { top_logprobs: logprobs }) }),
    ...given({ user, service_tier: tierOf(conversation, losses) }),
    ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    ...(isOwn ? Object.fromEntries([...extras].filter(([name]) => name !== HIDDEN)) : {}),
  };
  for (const name of extras.keys()) if (!isOwn || name === HIDDEN) losses.drop(name);
  return { body, losses: [...conversation.losses, ...losses.list()] };
}

function messagesOf({ system: told, turns, format }: Conversation, to: ChatWriting): Json[] {
  const system = [...told, ...(to.isOwn ? [] : choiceInWords(format, to.losses))];
  const first = system.length === 0 ? [] : [{ role: 'system', content: contentOf(system, to) }];
  return [...first, ...turns.flatMap((turn) => messagesOfTurn(turn, to))];
}

function messagesOfTurn({ role, blocks }: Turn, to: ChatWriting): Json[] {
  if (role === 'system') return [{ role, content: contentOf(blocks, to) }];
  if (role === 'assistant') return [assistantMessage(blocks, to)];
  return userItems(blocks, {
    said: (own) => ({ role, content: contentOf(own, to) }),
    result: (block) => toolMessage(block, to),
  });
}

/** A tool answers with text alone: what else it gave is what the user says next. */
function toolMessage(result: BlockOf<'tool_result'>, to: Writing): ResultItem {
  const { id, blocks, isError, cache, at = 'tool_result' } = result;
  const texts = blocks.filter(({ type }) => type === 'text');
  const media = blocks.filter(({ type }) => type !== 'text');
  if (isError) to.losses.drop(`${at}.is_error`);
  for (const block of media) to.losses.approximate(block.at ?? at);
  return { item: { role: 'tool', tool_call_id: id, content: contentOf(texts, to), ...cacheOf(cache, at, to) }, rest: media };
}

function assistantMessage(blocks: readonly Block[], to: ChatWriting): Json {
  const thoughts = blocks.filter((block): block is BlockOf<'reasoning'> => block.type === 'reasoning');
  const calls = blocks.filter((block): block is BlockOf<'tool_call'> => block.type === 'tool_call');
  const rest = blocks.filter(({ type }) => type !== 'reasoning' && type !== 'tool_call');
  const texts = rest.filter((block) => block.type !== 'text' || block.text !== '');
  // A call has no hint in this API.
  for (const { cache, at = 'tool_call' } of calls) if (cache !== undefined) to.losses.drop(`${at}.cache_control`);
  return {
    role: 'assistant',
    content: texts.length === 0 ? null : contentOf(texts, to),
    ...(to.isOwn ? thoughtsOf(thoughts) : plainThoughts(thoughts, to)),
    ...(calls.length === 0 ? {} : { tool_calls: calls.map((call) => ({ ...callOf(call), ...signed(signatureOf(call, to)) })) }),
    ...signed(lastSignature(rest, to)),
  };
}

/** Only a client of this API is known to have had it from there. */
function signatureOf({ signature, at }: BlockOf<'tool_call' | 'text'>, to: Writing): string | undefined {
  if (to.isOwn || signature === undefined) return signature;
  to.losses.drop(`${at ?? 'messages'}.thought_signature`);
  return undefined;
}

/** A message has one for all of its text. */
function lastSignature(blocks: readonly Block[], to: Writing): string | undefined {
  return blocks.flatMap((block) => (block.type === 'text' ? (signatureOf(block, to) ?? []) : [])).at(-1);
}

/** Nobody but who signed or sealed them could check them: a server that takes thoughts reads their text. */
function plainThoughts(thoughts: readonly BlockOf<'reasoning'>[], to: ChatWriting): Json {
  const texts: string[] = [];
  for (const { text, sealed, at = 'reasoning' } of thoughts) {
    if (to.takesThoughts && sealed === undefined) texts.push(text);
    else to.losses.drop(at);
  }
  return texts.length === 0 ? {} : { reasoning_content: texts.join('') };
}

/** As they came: with a signature or a seal as blocks, otherwise as text. */
function thoughtsOf(thoughts: readonly BlockOf<'reasoning'>[]): Json {
  if (thoughts.length === 0) return {};
  const isPlain = thoughts.every(({ signature, sealed }) => signature === undefined && sealed === undefined);
  if (isPlain && thoughts.length === 1) return { reasoning_content: thoughts[0]!.text };
  return {
    thinking_blocks: thoughts.map(({ text, signature, sealed }) =>
      sealed === undefined ? { type: 'thinking', thinking: text, ...given({ signature }) } : { type: 'redacted_thinking', data: sealed },
    ),
  };
}

function contentOf(blocks: readonly Block[], to: Writing): string | readonly Json[] {
  const [only] = blocks;
  if (only === undefined) return '';
  for (const block of blocks) dropCitations(block, block.at ?? 'messages', to.losses);
  if (blocks.length === 1 && only.type === 'text' && only.cache === undefined) return only.text;
  return blocks.flatMap((block) => {
    const part = partOf(block, to);
    return part === undefined ? [] : [{ ...part, ...cacheOf(block.cache, block.at ?? 'messages', to) }];
  });
}

function partOf(block: Block, to: Writing): Json | undefined {
  const { at = block.type } = block;
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'refusal':
      return { type: 'refusal', refusal: block.text };
    case 'image':
      return withUrl('image_url', block, { ...given({ detail: block.detail }) }, at, to);
    case 'video':
      return withUrl('video_url', block, {}, at, to);
    case 'audio': {
      if (!('base64' in block.media)) return withUrl('audio_url', block, {}, at, to);
      const { base64, mediaType } = block.media;
      return { type: 'input_audio', input_audio: { data: base64, format: mediaType.replace(/^audio\/(x-)?/, '') } };
    }
    case 'file':
      return filePart(block, at, to);
    case 'reasoning':
    case 'tool_call':
    case 'tool_result':
      to.losses.drop(at);
      return undefined;
  }
}

function withUrl(type: string, { media }: BlockOf<'image' | 'audio' | 'video'>, more: Json, at: string, to: Writing): Json | undefined {
  const url = urlOf(media);
  if (url !== undefined) return { type, [type]: { url, ...more } };
  to.losses.drop(at);
  return undefined;
}

function filePart({ media, name }: BlockOf<'file'>, at: string, to: Writing): Json | undefined {
  if ('fileId' in media) return { type: 'file', file: { file_id: media.fileId, ...given({ filename: name }) } };
  if ('base64' in media) return { type: 'file', file: { file_data: urlOf(media), filename: fileName(name) } };
  // The API takes no address of a file.
  to.losses.drop(at);
  return undefined;
}

function toolOf({ name, description, parameters, strict, cache, at = 'tools' }: Tool, to: Writing): Json {
  return { type: 'function', function: { name, ...given({ description, parameters, ...onlyStrict(strict) }) }, ...cacheOf(cache, at, to) };
}

function choiceOf(choice: ToolChoice): unknown {
  return choice.type === 'tool' ? { type: 'function', function: { name: choice.name } } : choice.type;
}

function samplingOf(sampling: Sampling, to: Writing): Json {
  const { maxTokens, temperature, topP, topK, stop, seed, presencePenalty, frequencyPenalty } = sampling;
  // Servers of open models have it, and the API refuses what it does not know.
  if (topK !== undefined && !to.isOwn) to.losses.drop('top_k');
  return given({
    max_completion_tokens: maxTokens,
    temperature,
    top_p: topP,
    top_k: to.isOwn ? topK : undefined,
    stop: stop.length === 0 ? undefined : stop,
    seed,
    presence_penalty: presencePenalty,
    frequency_penalty: frequencyPenalty,
  });
}

function formatOf(format: ResponseFormat | undefined, to: Writing): Json {
  if (format === undefined) return {};
  if (format.type === 'choice') return to.isOwn ? { guided_choice: format.choices } : {};
  if (format.type === 'json') return { response_format: { type: 'json_object' } };
  const { name, schema, strict } = format;
  return { response_format: { type: 'json_schema', json_schema: { name, schema, ...given({ strict }) } } };
}
