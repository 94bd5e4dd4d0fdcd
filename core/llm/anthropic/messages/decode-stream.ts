import type { StreamDecoder, StreamEvent } from '../../codec.ts';
import type { AnswerEvent, Block, FinishReason } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { eventFields, malformed, truncated } from '../../malformed.ts';
import { anthropicUsage, type Usage } from '../../usage.ts';
import { FINISH } from './answer.ts';
import { blockIn } from './blocks.ts';
import { citationIn } from './citations.ts';

const DELTAS = {
  text_delta: ['text', 'text_delta'],
  thinking_delta: ['thinking', 'reasoning_delta'],
  signature_delta: ['signature', 'signature_delta'],
  input_json_delta: ['partial_json', 'arguments_delta'],
} as const;

/**
 * Reads the stream of a message.
 * @see https://docs.anthropic.com/en/docs/build-with-claude/streaming
 */
export class MessagesStreamDecoder implements StreamDecoder {
  readonly losses = new Losses();
  #usage: Usage | undefined;
  #finish: FinishReason = 'stop';
  #stopSequence: string | undefined;
  #begun = false;
  #stopped = false;
  /** Blocks that were told; those that only the API's own tools make are left out. */
  #count = 0;
  #isOpen = false;
  #isText = false;

  push({ type, data }: StreamEvent): readonly AnswerEvent[] {
    if (data === undefined || type === 'ping') return [];
    const event = eventFields(data.toString());
    if (type === 'error') return [{ type: 'error', message: event.object('error')?.text('message') ?? 'the backend broke off' }];
    if (type === 'message_start') return this.#start(event);
    if (!this.#begun) throw malformed('', `is a stream that begins with ${type}`);
    if (type === 'content_block_start') return this.#startBlock(event);
    if (type === 'content_block_delta') return this.#delta(event);
    if (type === 'content_block_stop') return this.#stopBlock();
    if (type === 'message_delta') this.#end(event);
    if (type !== 'message_stop' || this.#stopped) return [];
    this.#stopped = true;
    return [{ type: 'answer_stop', finish: this.#finish, stopSequence: this.#stopSequence, usage: this.#usage }];
  }

  end(): readonly AnswerEvent[] {
    if (!this.#stopped) throw truncated();
    return [];
  }

  #start(event: Fields): readonly AnswerEvent[] {
    const message = event.object('message');
    if (message === undefined) throw malformed('message', 'is missing');
    this.#begun = true;
    this.#usage = anthropicUsage(message.raw('usage'));
    return [{ type: 'answer_start', id: message.text('id') ?? '', model: message.text('model') ?? '', usage: this.#usage }];
  }

  #startBlock(event: Fields): readonly AnswerEvent[] {
    const content = event.object('content_block');
    if (content === undefined) throw malformed('content_block', 'is missing');
    const block = blockIn(content, this.losses);
    if (block === undefined) return [];
    this.#isOpen = true;
    this.#isText = block.type === 'text';
    const index = this.#count;
    if (block.type !== 'text') return [{ type: 'block_start', index, block: emptied(block) }];
    const { citations = [], ...head } = block;
    return [{ type: 'block_start', index, block: head }, ...citations.map((citation) => ({ type: 'citation', index, citation }) as const)];
  }

  #delta(event: Fields): readonly AnswerEvent[] {
    const delta = event.object('delta');
    // Of a block that is left out.
    if (delta === undefined || !this.#isOpen) return [];
    const type = delta.requiredText('type');
    if (type === 'citations_delta' && this.#isText) return this.#cite(delta);
    const known = DELTAS[type as keyof typeof DELTAS];
    if (known === undefined) {
      this.losses.drop(`content.${type.replace(/_delta$/, '')}`);
      return [];
    }
    const text = delta.text(known[0]) ?? '';
    return text === '' ? [] : [{ type: known[1], index: this.#count, text }];
  }

  #cite(delta: Fields): readonly AnswerEvent[] {
    const of = new Fields(delta.raw('citation'), 'content.citations', malformed);
    const citation = citationIn(of, this.losses);
    return citation === undefined ? [] : [{ type: 'citation', index: this.#count, citation }];
  }

  #stopBlock(): readonly AnswerEvent[] {
    if (!this.#isOpen) return [];
    this.#isOpen = false;
    return [{ type: 'block_stop', index: this.#count++ }];
  }

  #end(event: Fields): void {
    const delta = event.object('delta');
    const reason = delta?.text('stop_reason');
    if (reason !== undefined) this.#finish = FINISH[reason] ?? 'stop';
    this.#stopSequence = delta?.text('stop_sequence') ?? this.#stopSequence;
    this.#usage = anthropicUsage(event.raw('usage'), this.#usage);
  }
}

/** The head of a call has `{}` where its arguments will be. */
function emptied(block: Block): Block {
  return block.type === 'tool_call' && block.arguments === '{}' ? { ...block, arguments: '' } : block;
}
