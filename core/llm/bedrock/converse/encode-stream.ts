import type { StreamEncoder } from '../../codec.ts';
import type { AnswerEvent, Block } from '../../conversation.ts';
import type { Json } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { endOf, signatureThought, usageOf } from './answer.ts';
import { citationJson } from './citations.ts';
import { toolUseId } from './names.ts';
import { redactedContent } from './sealed.ts';

const DELTAS = {
  text_delta: (text: string) => ({ text }),
  reasoning_delta: (text: string) => ({ reasoningContent: { text } }),
  signature_delta: (signature: string) => ({ reasoningContent: { signature } }),
  arguments_delta: (input: string) => ({ toolUse: { input } }),
} as const;

/**
 * Writes the stream of ConverseStream, each event by its name: how they are framed is for the transport to know. Id and model are said
 * elsewhere. Signatures of Gemini go along as in a whole answer.
 */
export class ConverseStreamEncoder implements StreamEncoder {
  readonly losses = new Losses();
  /** Blocks that ended. */
  #count = 0;
  /** Type of the block that comes; undefined where it is left out. */
  #open: Block['type'] | undefined;
  /** Of the block that comes something was written: others do not begin. */
  #isBegun = false;
  /** Of the text that comes. */
  #signature = '';

  push(event: AnswerEvent): string {
    switch (event.type) {
      case 'answer_start':
        return written('messageStart', { role: 'assistant' });
      case 'block_start':
        return this.#start(event.block);
      case 'signature_delta':
        if (this.#open === 'reasoning') return this.#delta(DELTAS.signature_delta(event.text));
        this.#signature += event.text;
        return '';
      case 'text_delta':
      case 'reasoning_delta':
      case 'arguments_delta':
        return this.#open === undefined ? '' : this.#delta(DELTAS[event.type](event.text));
      case 'citation':
        if (!this.#isBegun) {
          this.losses.drop('content.citations');
          return '';
        }
        return this.#delta({ citation: citationJson(event.citation, 'content', this.losses) });
      case 'block_stop':
        return this.#stop();
      case 'answer_stop': {
        const end = written('messageStop', endOf(event, this.losses));
        return event.usage === undefined ? end : end + written('metadata', { usage: usageOf(event.usage) });
      }
      case 'error':
        return written('internalServerException', { message: event.message });
    }
  }

  /** The API has no other end marker than why it ended. */
  end(): string {
    return '';
  }

  #start(block: Block): string {
    this.#isBegun = false;
    this.#signature = '';
    this.#open = block.type;
    if (block.type === 'tool_call') {
      const { id, name, arguments: input, signature } = block;
      const thought = signature === undefined ? '' : this.#signatureThought('tool_call', signature);
      this.#open = block.type;
      this.#isBegun = true;
      const start = { toolUse: { toolUseId: toolUseId(id), name } };
      const head = written('contentBlockStart', { start, contentBlockIndex: this.#count });
      return thought + head + (input === '' ? '' : this.#delta(DELTAS.arguments_delta(input)));
    }
    if (block.type === 'text' || block.type === 'refusal') {
      if (block.type === 'text') this.#signature = block.signature ?? '';
      return block.text === '' ? '' : this.#delta(DELTAS.text_delta(block.text));
    }
    if (block.type === 'reasoning') return this.#thought(block);
    this.losses.drop(block.at ?? block.type);
    this.#open = undefined;
    return '';
  }

  #thought({ text, signature, sealed }: Extract<Block, { readonly type: 'reasoning' }>): string {
    if (sealed !== undefined) return this.#delta({ reasoningContent: { redactedContent: redactedContent(sealed) } });
    const said = text === '' ? '' : this.#delta(DELTAS.reasoning_delta(text));
    return said + (signature === undefined ? '' : this.#delta(DELTAS.signature_delta(signature)));
  }

  #delta(delta: Json): string {
    this.#isBegun = true;
    return written('contentBlockDelta', { delta, contentBlockIndex: this.#count });
  }

  #stop(): string {
    const signature = this.#signature;
    this.#signature = '';
    const end = this.#isBegun ? written('contentBlockStop', { contentBlockIndex: this.#count++ }) : '';
    this.#isBegun = false;
    return signature === '' ? end : end + this.#signatureThought('text', signature);
  }

  #signatureThought(of: 'text' | 'tool_call', signature: string): string {
    return this.#thought(signatureThought(of, signature)) + this.#stop();
  }
}

function written(type: string, event: Json): string {
  return `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
}
