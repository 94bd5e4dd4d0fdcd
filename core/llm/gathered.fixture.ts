// For tests: the whole of what a stream told.
import { withOwn } from './citations.ts';
import type { AnswerEvent, Block, BlockOf } from './conversation.ts';

export function gathered(events: readonly AnswerEvent[]): object {
  const blocks: Block[] = [];
  let rest: object = {};
  for (const event of events) {
    if (event.type === 'block_start') blocks.push(event.block);
    else if (event.type === 'answer_start') rest = { id: event.id, model: event.model };
    else if (event.type === 'answer_stop') rest = { ...rest, finish: event.finish, stopSequence: event.stopSequence, usage: event.usage };
    else if (event.type === 'citation') blocks[event.index] = withOwn(blocks[event.index] as BlockOf<'text'>, [event.citation]);
    else if ('text' in event) {
      const field = event.type === 'arguments_delta' ? 'arguments' : event.type === 'signature_delta' ? 'signature' : 'text';
      const last = blocks[event.index] as unknown as Record<string, unknown>;
      blocks[event.index] = { ...last, [field]: `${(last[field] as string | undefined) ?? ''}${event.text}` } as unknown as Block;
    }
  }
  return { ...rest, blocks };
}
