import type { StreamEncoder } from '../../codec.ts';
import type { AnswerEvent, Block } from '../../conversation.ts';
import { Losses } from '../../losses.ts';
import { REASONS, usageOf } from './answer.ts';
import { citationJson } from './citations.ts';
import { blocksOf, toolId } from './encode-request.ts';
import { markedSignature } from './signatures.ts';

const DELTAS = {
  text_delta: ['text_delta', 'text'],
  reasoning_delta: ['thinking_delta', 'thinking'],
  signature_delta: ['signature_delta', 'signature'],
  arguments_delta: ['input_json_delta', 'partial_json'],
} as const;

/** Writes the stream of a message. Signatures of Gemini go along as in a whole one. */
export class MessagesStreamEncoder implements StreamEncoder {
  readonly losses = new Losses();
  /** Thoughts that were put in for signatures of Gemini so far: what follows is numbered behind them. */
  #more = 0;
  /** Type of the block that comes. */
  #open: Block['type'] | undefined;
  /** Of the text that comes. */
  #signature = '';

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
        return this.#start(event.index, event.block);
      case 'signature_delta':
        if (this.#open === 'reasoning') return this.#delta(event);
        this.#signature += event.text;
        return '';
      case 'text_delta':
      case 'reasoning_delta':
      case 'arguments_delta':
        return this.#delta(event);
      case 'citation': {
        const citation = citationJson(event.citation, 'content', this.losses);
        if (citation === undefined) return '';
        const delta = { type: 'citations_delta', citation };
        return written({ type: 'content_block_delta', index: event.index + this.#more, delta });
      }
      case 'block_stop':
        return written({ type: 'content_block_stop', index: event.index + this.#more }) + this.#signatureBehind(event.index);
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

  #delta({ type, index, text }: Extract<AnswerEvent, { readonly text: string }>): string {
    const [as, field] = DELTAS[type];
    return written({ type: 'content_block_delta', index: index + this.#more, delta: { type: as, [field]: text } });
  }

  #start(index: number, block: Block): string {
    this.#open = block.type;
    if (block.type === 'text') this.#signature = block.signature ?? '';
    if (block.type !== 'tool_call' || block.signature === undefined) return startOf(index + this.#more, block, this.losses);
    return this.#signatureThought('tool_call', index, block.signature) + startOf(index + this.#more, block, this.losses);
  }

  #signatureBehind(index: number): string {
    const signature = this.#signature;
    this.#signature = '';
    return signature === '' ? '' : this.#signatureThought('text', index + 1, signature);
  }

  #signatureThought(type: 'tool_call' | 'text', before: number, signature: string): string {
    const index = before + this.#more;
    this.#more++;
    const thought = { type: 'reasoning', text: '', signature: markedSignature(type, signature), sealed: undefined } as const;
    return startOf(index, thought, this.losses) + written({ type: 'content_block_stop', index });
  }
}

/** What is known at its start comes as the API says it: a head without content, and then that as deltas. */
function startOf(index: number, block: Block, losses: Losses): string {
  const head = written({ type: 'content_block_start', index, content_block: headOf(block, losses) });
  return (
    head +
    firstOf(block)
      .map((delta) => written({ type: 'content_block_delta', index, delta }))
      .join('')
  );
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
