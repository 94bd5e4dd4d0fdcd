// For tests: an answer as a stream tells it.
import type { Answer, AnswerEvent, Block } from './conversation.ts';

/** Parts of a text, as many as there are numbers and one more. */
function parts(text: string, cuts: readonly number[]): string[] {
  const letters = Array.from(text);
  const places = [...new Set(cuts.map((cut) => cut % (letters.length + 1)))].toSorted((a, b) => a - b);
  return [0, ...places].map((from, index) => letters.slice(from, places[index]).join('')).filter((part) => part !== '');
}

/** An answer as it is told bit by bit. */
export function toldBitByBit({ id, model, blocks, finish, stopSequence, usage }: Answer, cuts: readonly number[]): AnswerEvent[] {
  const inside = blocks.flatMap((block, index): AnswerEvent[] => {
    const deltas = (type: 'text_delta' | 'reasoning_delta' | 'arguments_delta', text: string) =>
      parts(text, cuts).map((part): AnswerEvent => ({ type, index, text: part }));
    const [head, content] = emptied(block, deltas);
    const signature: AnswerEvent[] =
      block.type === 'reasoning' && block.signature !== undefined ? [{ type: 'signature_delta', index, text: block.signature }] : [];
    const citations = block.type === 'text' ? (block.citations ?? []) : [];
    const cited = citations.map((citation): AnswerEvent => ({ type: 'citation', index, citation }));
    return [{ type: 'block_start', index, block: head }, ...content, ...signature, ...cited, { type: 'block_stop', index }];
  });
  return [{ type: 'answer_start', id, model, usage: undefined }, ...inside, { type: 'answer_stop', finish, stopSequence, usage }];
}

function emptied(
  block: Block,
  deltas: (type: 'text_delta' | 'reasoning_delta' | 'arguments_delta', text: string) => AnswerEvent[],
): readonly [Block, AnswerEvent[]] {
  if (block.type === 'text') {
    const { citations: _, ...head } = block;
    return [{ ...head, text: '' }, deltas('text_delta', block.text)];
  }
  if (block.type === 'tool_call') return [{ ...block, arguments: '' }, deltas('arguments_delta', block.arguments)];
  if (block.type === 'reasoning') return [{ ...block, text: '', signature: undefined }, deltas('reasoning_delta', block.text)];
  return [block, []];
}
