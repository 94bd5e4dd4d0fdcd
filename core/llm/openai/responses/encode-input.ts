import { fileName } from '../file-name.ts';
import { cacheOf } from '../cache.ts';
import { userItems } from '../user-items.ts';
import { dropCitations } from '../../citations.ts';
import type { Block, BlockOf, Conversation, Media, Turn } from '../../conversation.ts';
import { given, type Json } from '../../given.ts';
import type { Writing } from '../../losses.ts';
import { urlOf } from '../../media.ts';
import { encryptedOf, itemsOf, type Item } from './items.ts';

/** `instructions` and `input` of a request. */
export function inputOf({ system, turns }: Conversation, to: Writing): Json {
  const items = turns.flatMap((turn) => itemsOfTurn(turn, to));
  if (system.length === 0) return { input: items };
  const content = contentOf(system, to);
  // Only a text is what `instructions` takes, and without input there is no request.
  if (typeof content === 'string' && items.length > 0) return { instructions: content, input: items };
  return { input: [{ role: 'system', content }, ...items] };
}

function itemsOfTurn({ role, blocks }: Turn, to: Writing): Json[] {
  if (role === 'system') return [{ role, content: contentOf(blocks, to) }];
  if (role === 'assistant')
    return itemsOf(blocks)
      .map((item) => itemOf(item, to))
      .filter((item) => item !== undefined);
  return userItems(blocks, {
    said: (own) => ({ role, content: contentOf(own, to) }),
    result: (block) => ({ item: resultOf(block, to), rest: [] }),
  });
}

function itemOf(item: Item, to: Writing): Json | undefined {
  switch (item.type) {
    case 'message':
      return { role: 'assistant', content: saidOf(item.parts, to) };
    case 'reasoning':
      return thoughtOf(item.thought, to);
    case 'call': {
      const { id, name, arguments: text, cache, signature, at = 'tool_call' } = item.call;
      if (signature !== undefined) to.losses.drop(`${at}.thought_signature`);
      return { type: 'function_call', call_id: id, name, arguments: text, ...cacheOf(cache, at, to) };
    }
    case 'none':
      to.losses.drop(item.block.at ?? item.block.type);
      return undefined;
  }
}

/** One text alone is said as such: some servers take no list without the id that they gave it. */
function saidOf(parts: readonly BlockOf<'text' | 'refusal'>[], to: Writing): string | readonly Json[] {
  for (const part of parts) dropCitations(part, part.at ?? part.type, to.losses);
  for (const part of parts)
    if (part.type === 'text' && part.signature !== undefined) to.losses.drop(`${part.at ?? part.type}.thought_signature`);
  const [only] = parts;
  if (parts.length === 1 && only?.type === 'text' && only.cache === undefined) return only.text;
  return parts.map(({ type, text, cache, at = type }) => ({
    ...(type === 'refusal' ? { type, refusal: text } : { type: 'output_text', text, annotations: [] }),
    ...cacheOf(cache, at, to),
  }));
}

/** Without an id, which nobody would know. A provider takes only what it sealed itself. */
function thoughtOf(thought: BlockOf<'reasoning'>, to: Writing): Json | undefined {
  const { text, sealed, at = 'reasoning' } = thought;
  if (sealed === undefined && !to.isOwn) {
    to.losses.drop(at);
    return undefined;
  }
  const encrypted = encryptedOf(thought);
  // Servers of open models, which seal nothing, take thoughts as they were.
  if (encrypted === undefined) return { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text }] };
  return { type: 'reasoning', summary: text === '' ? [] : [{ type: 'summary_text', text }], encrypted_content: encrypted };
}

function resultOf({ id, blocks, isError, cache, at = 'tool_result' }: BlockOf<'tool_result'>, to: Writing): Json {
  if (isError) to.losses.drop(`${at}.is_error`);
  return { type: 'function_call_output', call_id: id, output: contentOf(blocks, to), ...cacheOf(cache, at, to) };
}

function contentOf(blocks: readonly Block[], to: Writing): string | readonly Json[] {
  const [only] = blocks;
  if (only === undefined) return '';
  for (const block of blocks) dropCitations(block, block.at ?? 'input', to.losses);
  if (blocks.length === 1 && only.type === 'text' && (only.cache === undefined || !to.isOwn)) {
    cacheOf(only.cache, only.at ?? 'input', to);
    return only.text;
  }
  return blocks.flatMap((block) => {
    const part = partOf(block, to);
    return part === undefined ? [] : [{ ...part, ...cacheOf(block.cache, block.at ?? 'input', to) }];
  });
}

function partOf(block: Block, to: Writing): Json | undefined {
  const { at = block.type } = block;
  switch (block.type) {
    case 'text':
    case 'refusal':
      return { type: 'input_text', text: block.text };
    case 'image':
      return { type: 'input_image', ...mediaOf(block.media, 'image_url'), detail: block.detail ?? 'auto' };
    case 'file':
      return filePart(block);
    case 'audio': {
      if (!('base64' in block.media)) break;
      const { base64, mediaType } = block.media;
      return { type: 'input_audio', input_audio: { data: base64, format: mediaType.replace(/^audio\/(x-)?/, '') } };
    }
    case 'video':
    case 'reasoning':
    case 'tool_call':
    case 'tool_result':
      break;
  }
  to.losses.drop(at);
  return undefined;
}

function mediaOf(media: Media, urlName: string): Json {
  return 'fileId' in media ? { file_id: media.fileId } : { [urlName]: urlOf(media) };
}

function filePart({ media, name }: BlockOf<'file'>): Json {
  if (!('base64' in media)) return { type: 'input_file', ...mediaOf(media, 'file_url'), ...given({ filename: name }) };
  return { type: 'input_file', filename: fileName(name), file_data: urlOf(media) };
}
