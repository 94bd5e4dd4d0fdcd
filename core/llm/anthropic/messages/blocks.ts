import { cacheHint } from '../../cache-hint.ts';
import type { Block, Media } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import type { Losses } from '../../losses.ts';
import { textMedia } from '../../media.ts';
import { citationsIn } from './citations.ts';

/** Blocks of a field that has a text, or a list of them: in a request or in an answer. */
export function blocksIn(of: Fields, name: string, losses: Losses): Block[] {
  const content = of.raw(name);
  const at = of.at(name);
  if (content === undefined) return [];
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content, at }];
  if (!Array.isArray(content)) throw of.wrong(name, 'must be a text or a list of blocks');
  return content.flatMap((value, index) => {
    const part = of.item(name, index, value);
    const block = blockIn(part, losses);
    if (block === undefined) return [];
    const whole = { ...block, ...cacheHint(part), at: part.path };
    losses.dropLeft(part);
    return [whole];
  });
}

/** @returns undefined for what only the API's own tools make */
export function blockIn(block: Fields, losses: Losses): Block | undefined {
  const type = block.requiredText('type');
  switch (type) {
    case 'text':
      return { type, text: block.requiredText('text'), ...citationsIn(block, losses) };
    case 'image':
      return { type, media: sourceOf(block), detail: undefined };
    case 'document':
      return documentOf(block, losses);
    case 'tool_use': {
      const input = block.raw('input') ?? {};
      return { type: 'tool_call', id: block.requiredText('id'), name: block.requiredText('name'), arguments: JSON.stringify(input) };
    }
    case 'tool_result': {
      const id = block.requiredText('tool_use_id');
      return { type, id, blocks: blocksIn(block, 'content', losses), isError: block.boolean('is_error') ?? false };
    }
    case 'thinking':
      return { type: 'reasoning', text: block.text('thinking') ?? '', signature: block.text('signature'), sealed: undefined };
    case 'redacted_thinking':
      return { type: 'reasoning', text: '', signature: undefined, sealed: block.requiredText('data') };
    default:
      losses.drop(block.path);
      return undefined;
  }
}

function sourceOf(block: Fields): Media {
  const source = block.object('source');
  if (source === undefined) throw block.wrong('source', 'is required');
  const type = source.requiredText('type');
  if (type === 'base64') return { base64: source.requiredText('data'), mediaType: source.requiredText('media_type') };
  if (type === 'url') return { url: source.requiredText('url'), mediaType: undefined };
  if (type === 'file') return { fileId: source.requiredText('file_id'), mediaType: undefined };
  throw source.wrong('type', `must be base64, url or file, not "${type}"`);
}

function documentOf(block: Fields, losses: Losses): Block | undefined {
  const source = block.object('source');
  const name = block.text('title');
  const type = source?.text('type');
  if (type === 'text') return { type: 'file', media: textMedia(source!.requiredText('data')), name };
  // A list of blocks for citations.
  if (type === 'content') {
    losses.drop(block.path);
    return undefined;
  }
  return { type: 'file', media: sourceOf(block), name };
}
