import type { Block, Conversation } from '../../llm/conversation.ts';
import type { Bytes, Wanted } from './fetch-media.ts';

/** Types of blocks of which an API takes bytes alone, where others take an address. */
export type BytesOnly = ReadonlySet<Block['type']>;

/** What of a conversation would have to be fetched for such an API. */
export function wantedIn({ system, turns }: Conversation, bytesOnly: BytesOnly): Wanted[] {
  return [system, ...turns.map(({ blocks }) => blocks)].flatMap((blocks) => blocks.flatMap((block) => wantedOf(block, bytesOnly)));
}

function wantedOf(block: Block, bytesOnly: BytesOnly): Wanted[] {
  if (block.type === 'tool_result') return block.blocks.flatMap((inner) => wantedOf(inner, bytesOnly));
  if (!('media' in block) || !('url' in block.media) || !bytesOnly.has(block.type)) return [];
  const { url } = block.media;
  // Such as s3: what only a provider opens is the provider's to open.
  return /^https?:/i.test(url) ? [{ url, at: block.at ?? block.type }] : [];
}

/** The conversation with the bytes in the place of their addresses. */
export function withBytes(conversation: Conversation, found: ReadonlyMap<string, Bytes>): Conversation {
  const inBlock = (block: Block): Block => {
    if (block.type === 'tool_result') return { ...block, blocks: block.blocks.map(inBlock) };
    const bytes = 'media' in block && 'url' in block.media ? found.get(block.media.url) : undefined;
    return bytes === undefined ? block : ({ ...block, media: bytes } as Block);
  };
  return {
    ...conversation,
    system: conversation.system.map(inBlock),
    turns: conversation.turns.map((turn) => ({ ...turn, blocks: turn.blocks.map(inBlock) })),
  };
}
