import type { Block, BlockOf } from '../../conversation.ts';
import { given, type Json } from '../../given.ts';

/**
 * Gemini signs what follows a thought, and takes a call back only with that signature. Messages have signatures of thoughts alone: so it goes
 * along as an empty thought, before the call or behind the text that it is of, which clients give back as they give back all thoughts. The
 * mark has letters that no signature of Anthropic has, so that none of the two is taken for the other.
 */
const MARKS = { tool_call: 'gemini-call:', text: 'gemini-text:' } as const;

type Signed = BlockOf<'tool_call' | 'text'>;

/** The thought that the signature of a block goes along as. */
export function signatureThought(type: Signed['type'], signature: string): Json {
  return { type: 'thinking', thinking: '', signature: markedSignature(type, signature) };
}

export function markedSignature(type: Signed['type'], signature: string): string {
  return MARKS[type] + signature;
}

/** Blocks of a request with the signatures that went along beside them. */
export function withSignatures(blocks: readonly Block[]): Block[] {
  const found: Block[] = [];
  for (const [index, block] of blocks.entries()) {
    const last = found.at(-1);
    const before = blocks[index - 1];
    const ofText = markedIn(block, MARKS.text);
    const ofCall = block.type === 'tool_call' && before !== undefined ? markedIn(before, MARKS.tool_call) : undefined;
    if (ofCall !== undefined) found[found.length - 1] = { ...(block as BlockOf<'tool_call'>), signature: ofCall };
    else if (ofText === undefined) found.push(block);
    else if (last?.type === 'text') found[found.length - 1] = { ...last, signature: ofText };
    else found.push({ type: 'text', text: '', signature: ofText, ...given({ at: block.at }) });
  }
  return found;
}

/** Whether a thought is there for a signature of Gemini, which Anthropic refuses. */
export function isSignatureThought(block: Block): boolean {
  return Object.values(MARKS).some((mark) => markedIn(block, mark) !== undefined);
}

function markedIn(block: Block, mark: string): string | undefined {
  if (block.type !== 'reasoning' || block.text !== '' || block.signature?.startsWith(mark) !== true) return undefined;
  return block.signature.slice(mark.length);
}
