import type { Accumulator } from '../accumulate.ts';
import { type Fields, fields, parsed, text } from '../content/fields.ts';
import { Bounded, inOrder, part } from './pieces.ts';

interface Block {
  /** As content_block_start has it. */
  start: Fields;
  text: string;
  thinking: string;
  signature: string;
  /** JSON text of a tool's input. */
  input: string;
}

/** Stream of Anthropic messages. */
export class MessagesAccumulator extends Bounded implements Accumulator {
  readonly #blocks = new Map<number, Block>();
  #message: Fields | undefined;
  #stop: string | undefined;

  push(data: Buffer, isToken: boolean): void {
    if (isToken && (!this.content || this.room.truncated)) return;
    const event = parsed(data);
    if (event === undefined) return;
    const delta = fields(event['delta']);
    switch (event['type']) {
      case 'message_start':
        this.#message = fields(event['message']);
        break;
      case 'message_delta':
        this.#stop = text(delta['stop_reason']) ?? this.#stop;
        break;
      case 'content_block_start':
        if (this.content) this.#start(event['index'], fields(event['content_block']));
        break;
      case 'content_block_delta':
        this.#add(event['index'], delta);
        break;
      default:
    }
  }

  #start(index: unknown, start: Fields): void {
    const block = part(this.#blocks, index, newBlock);
    if (block === undefined) return;
    const kept: Record<string, unknown> = {};
    for (const name of ['type', 'id', 'name'] as const) {
      const value = text(start[name]);
      if (value !== undefined) kept[name] = this.room.take(value);
    }
    block.start = kept;
    block.text += this.room.take(text(start['text']) ?? '');
    block.thinking += this.room.take(text(start['thinking']) ?? '');
  }

  #add(index: unknown, delta: Fields): void {
    const block = part(this.#blocks, index, newBlock);
    if (block === undefined) return;
    block.text += this.room.take(text(delta['text']) ?? '');
    block.thinking += this.room.take(text(delta['thinking']) ?? '');
    block.signature += this.room.take(text(delta['signature']) ?? '');
    block.input += this.room.take(text(delta['partial_json']) ?? '');
  }

  value(): Fields | undefined {
    if (this.#message === undefined) return undefined;
    const { id, model, role = 'assistant' } = this.#message;
    const content = inOrder(this.#blocks).map(([, block]) => contentOf(block));
    return { id, type: 'message', role, model, content, stop_reason: this.#stop ?? null };
  }
}

function newBlock(): Block {
  return { start: {}, text: '', thinking: '', signature: '', input: '' };
}

function contentOf({ start, text: said, thinking, signature, input }: Block): Fields {
  const { type } = start;
  if (type === 'thinking') return { type, thinking, ...(signature === '' ? {} : { signature }) };
  if (type === 'tool_use' || type === 'server_tool_use') return { ...start, input: parsed(Buffer.from(input)) ?? input };
  return { ...start, type: type ?? 'text', text: said };
}
