import type { Block, BlockOf } from '../conversation.ts';
import type { Json } from '../given.ts';

/** The result of a tool. */
export interface ResultItem {
  readonly item: Json;
  /** What a tool cannot say: the user says it next. */
  readonly rest: readonly Block[];
}

export interface UserItemWriting {
  readonly said: (blocks: readonly Block[]) => Json;
  readonly result: (block: BlockOf<'tool_result'>) => ResultItem;
}

/** A user's turn: in the APIs of OpenAI results of tools stand by themselves, between what is said. */
export function userItems(blocks: readonly Block[], { said, result }: UserItemWriting): Json[] {
  const items: Json[] = [];
  let own: Block[] = [];
  const flush = (): void => {
    if (own.length > 0) items.push(said(own));
    own = [];
  };
  for (const block of blocks) {
    if (block.type !== 'tool_result') {
      own.push(block);
      continue;
    }
    flush();
    const { item, rest } = result(block);
    items.push(item);
    own.push(...rest);
  }
  flush();
  return items;
}
