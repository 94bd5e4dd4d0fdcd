import type { StreamEncoder } from '../../codec.ts';
import type { AnswerEvent, Block } from '../../conversation.ts';
import { Losses } from '../../losses.ts';
import { REASONS, usageOf } from './answer.ts';
import { blocksOf, toolId } from './encode-request.ts';

const DELTAS = {
  text_delta: ['text_delta', 'text'],
  reasoning_delta: ['thinking_delta', 'thinking'],
  signature_delta: ['signature_delta', 'signature'],
  arguments_delta: ['input_json_delta', 'partial_json'],
} as const;

/** Writes the stream of a message. */
export class MessagesStreamEncoder implements StreamEncoder {
  readonly losses = new Losses();
  push(event: AnswerEvent): string {
    switch (event.type) {
      case 'answer_start': {
        const { id, model, usage } = event;
        const message = {
          id,
          type: 'message',
          role: 'assistant',
          model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: usageOf(usage),
        };
        return written({ type: 'message_start', message });
      }
      case 'block_start':
        return this.#startOf(event.index, event.block);
      case 'text_delta':
      case 'reasoning_delta':
      case 'signature_delta':
      case 'arguments_delta': {
        const [type, field] = DELTAS[event.type];
        return written({ type: 'content_block_delta', index: event.index, delta: { type, [field]: event.text } });
      }
      case 'block_stop':
        return written({ type: 'content_block_stop', index: event.index });
      case 'answer_stop': {
        const { finish, stopSequence, usage } = event;
        const delta = { stop_reason: stopSequence === undefined ? REASONS[finish] : 'stop_sequence', stop_sequence: stopSequence ?? null };
        return written({ type: 'message_delta', delta, usage: usageOf(usage) });
      }
      case 'error':
        return written({ type: 'error', error: { type: 'api_error', message: event.message } });
    }
  }

  end(): string {
    return written({ type: 'message_stop' });
  }

  /** What is known at its start comes as the API says it: a head without content, and then that as deltas. */
  #startOf(index: number, block: Block): string {
    const head = written({ type: 'content_block_start', index, content_block: headOf(block, this.losses) });
    return (
      head +
      firstOf(block)
        .map((delta) => written({ type: 'content_block_delta', index, delta }))
        .join('')
    );
  }
}

function headOf(block: Block, losses: Losses): object {
  if (block.type === 'text' || block.type === 'refusal') return { type: 'text', text: '' };
  if (block.type === 'tool_call') return { type: 'tool_use', id: toolId(block.id), name: block.name, input: {} };
  if (block.type === 'reasoning' && block.sealed === undefined) return { type: 'thinking', thinking: '', signature: '' };
  return blocksOf([block], { isOwn: false, losses })[0] ?? { type: 'text', text: '' };
}

function firstOf(block: Block): object[] {
  const found: object[] = [];
  if ((block.type === 'text' || block.type === 'refusal') && block.text !== '') found.push({ type: 'text_delta', text: block.text });
  if (block.type === 'tool_call' && block.arguments !== '') found.push({ type: 'input_json_delta', partial_json: block.arguments });
  if (block.type !== 'reasoning' || block.sealed !== undefined) return found;
  if (block.text !== '') found.push({ type: 'thinking_delta', thinking: block.text });
  if (block.signature !== undefined) found.push({ type: 'signature_delta', signature: block.signature });
  return found;
}

function written(event: { readonly type: string; readonly [field: string]: unknown }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}
