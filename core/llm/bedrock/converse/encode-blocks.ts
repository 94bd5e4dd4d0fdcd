import { isSignatureThought } from '../../anthropic/messages/signatures.ts';
import { dropCitations } from '../../citations.ts';
import type { Block, BlockOf, Turn } from '../../conversation.ts';
import type { Json } from '../../given.ts';
import { argumentsOf } from '../../json-object.ts';
import type { Writing } from '../../losses.ts';
import { cachePoints } from './cache-point.ts';
import { citationJson } from './citations.ts';
import { mediaOf, type MediaBlock } from './media.ts';
import type { Family } from './models.ts';
import { toolUseId } from './names.ts';
import { redactedContent } from './sealed.ts';

/** What blocks are written with. */
export interface BlockWriting extends Writing {
  /** An answer says all that was thought; a request gives back what a model signed. */
  readonly isAnswer: boolean;
  readonly family: Family | undefined;
  /** Of documents. */
  readonly nameOf: (name: string | undefined) => string;
}

/** Where something has to be said and there is nothing to say: the API refuses what is blank. */
const NOTHING = '…';

interface Message {
  readonly role: string;
  readonly content: Json[];
  /** Documents that are in it. */
  readonly files: Block[];
}

/** Neighbours of one role are one message, the first one is a user's, and none is empty: the API refuses all else. */
export function messagesOf(turns: readonly Turn[], to: BlockWriting): Json[] {
  const messages: Message[] = [];
  for (const { role, blocks } of turns) {
    // The API has instructions at the beginning alone.
    if (role === 'system') for (const { at = 'messages' } of blocks) to.losses.approximate(at);
    const as = role === 'assistant' ? role : 'user';
    const content = blocksOf(blocks, to);
    const last = messages.at(-1);
    if (last?.role === as) last.content.push(...content);
    else if (content.length > 0) messages.push({ role: as, content, files: [] });
    if (content.length > 0) messages.at(-1)!.files.push(...blocks.filter(({ type }) => type === 'file'));
  }
  if (messages[0]?.role === 'assistant' && !to.isOwn) {
    to.losses.approximate(turns[0]?.blocks[0]?.at ?? 'messages');
    messages.unshift({ role: 'user', content: [{ text: NOTHING }], files: [] });
  }
  return messages.map((message) => ({ role: message.role, content: withText(message, to) }));
}

/** A document is refused without a text beside it. */
function withText({ content, files }: Message, to: BlockWriting): readonly Json[] {
  const hasDocument = content.some(({ document }) => document !== undefined);
  if (to.isOwn || !hasDocument || content.some(({ text }) => text !== undefined)) return content;
  to.losses.approximate(files[0]?.at ?? 'messages');
  return [...content, { text: NOTHING }];
}

export function blocksOf(blocks: readonly Block[], to: BlockWriting): Json[] {
  return blocks.flatMap((block) => {
    const { at = block.type } = block;
    if ((block.type === 'text' || block.type === 'tool_call') && block.signature !== undefined) {
      // Of Gemini, and of use to nobody else.
      to.losses.drop(`${at}.thought_signature`);
    }
    const written = blockOf(block, at, to);
    return written === undefined ? [] : [written, ...cachePoints(block.cache, at, false, to)];
  });
}

/** @returns undefined for what the API has no block for, and for what says nothing */
function blockOf(block: Block, at: string, to: BlockWriting): Json | undefined {
  switch (block.type) {
    case 'text':
      return textOf(block, at, to);
    case 'refusal':
      return block.text === '' ? undefined : { text: block.text };
    case 'image':
    case 'audio':
    case 'video':
    case 'file':
      return mediaBlock(block, at, to);
    case 'tool_call':
      return { toolUse: { toolUseId: toolUseId(block.id), name: block.name, input: argumentsOf(block, at, to.losses) } };
    case 'tool_result':
      return { toolResult: resultOf(block, to) };
    case 'reasoning':
      return thoughtOf(block, at, to);
  }
}

function textOf(block: BlockOf<'text'>, at: string, to: BlockWriting): Json | undefined {
  const { text, citations } = block;
  if (!to.isAnswer || text === '') dropCitations(block, at, to.losses);
  if (text === '') return undefined;
  if (!to.isAnswer || citations === undefined) return { text };
  return {
    citationsContent: { content: [{ text }], citations: citations.map((each) => citationJson(each, block.at ?? 'content', to.losses)) },
  };
}

function mediaBlock(block: MediaBlock, at: string, to: BlockWriting): Json | undefined {
  const written = mediaOf(block, at, to.losses);
  if (written === undefined) {
    to.losses.drop(at);
    return undefined;
  }
  if (block.type === 'image' && block.detail !== undefined && block.detail !== 'auto') to.losses.drop(`${at}.detail`);
  if (block.type !== 'file') return { [block.type]: written };
  const name = to.nameOf(block.name);
  if (block.name !== undefined && name !== block.name) to.losses.approximate(`${at}.filename`);
  return { document: { name, ...written } };
}

function resultOf({ id, blocks, isError }: BlockOf<'tool_result'>, to: BlockWriting): Json {
  const content = blocks.flatMap((block) => {
    const { at = block.type } = block;
    if (block.cache !== undefined) to.losses.drop(`${at}.cache_control`);
    const isTold =
      block.type === 'text' || block.type === 'refusal' || block.type === 'image' || block.type === 'file' || block.type === 'video';
    if (!isTold) to.losses.drop(at);
    return (isTold ? blockOf(block, at, to) : undefined) ?? [];
  });
  return { toolUseId: toolUseId(id), content, ...(isError ? { status: 'error' } : {}) };
}

/** Models refuse thoughts that none of them signed. */
function thoughtOf(block: BlockOf<'reasoning'>, at: string, to: BlockWriting): Json | undefined {
  const { text, signature, sealed } = block;
  const isForeign = !to.isAnswer && (isSignatureThought(block) || (!to.isOwn && signature === undefined && sealed === undefined));
  if (isForeign) {
    to.losses.drop(at);
    return undefined;
  }
  if (sealed !== undefined) return { reasoningContent: { redactedContent: redactedContent(sealed) } };
  return { reasoningContent: { reasoningText: { text, ...(signature === undefined ? {} : { signature }) } } };
}
