import { charactersIn } from '../../citations.ts';
import type { Asked, StreamEncoder } from '../../codec.ts';
import type { AnswerEvent, Block, Citation } from '../../conversation.ts';
import { Losses } from '../../losses.ts';
import { REASONS, usageOf } from './answer.ts';
import { signed } from '../thought-signature.ts';
import { annotationsOf, callOf } from './message.ts';

/** A thought while it is told, to be given with its signature at its end. */
interface Thought {
  text: string;
  signature: string;
}

/**
 * Writes the stream of a chat completion. Thoughts go along as they come (`reasoning_content`), and as a whole with their signature
 * (`thinking_blocks`) where they have one: so clients of gateways give them back. Signatures of Gemini go along as in a whole one.
 */
export class ChatStreamEncoder implements StreamEncoder {
  readonly losses = new Losses();
  readonly #asked: Asked;
  #head = '';
  #calls = -1;
  #thought: Thought | undefined;
  /** Field of the text that comes. */
  #field: 'content' | 'refusal' = 'content';
  /** Characters of the texts that are whole, and of the one that comes; what it rests on. */
  #base = 0;
  #length = 0;
  #citations: Citation[] = [];

  constructor(asked: Asked) {
    this.#asked = asked;
  }

  push(event: AnswerEvent): string {
    switch (event.type) {
      case 'answer_start': {
        const { id, model } = event;
        const { created } = this.#asked;
        // Of every chunk, but for its end.
        this.#head = JSON.stringify({ id, object: 'chat.completion.chunk', created, model }).slice(0, -1);
        return this.#delta({ role: 'assistant', content: '' });
      }
      case 'block_start':
        return this.#start(event.block);
      case 'text_delta':
        if (this.#field === 'content') this.#length += charactersIn(event.text);
        return this.#delta({ [this.#field]: event.text });
      case 'reasoning_delta':
        if (this.#thought !== undefined) this.#thought.text += event.text;
        return this.#delta({ reasoning_content: event.text });
      case 'signature_delta':
        if (this.#thought === undefined) return this.#delta(signed(event.text));
        this.#thought.signature += event.text;
        return '';
      case 'arguments_delta':
        return this.#delta({ tool_calls: [{ index: this.#calls, function: { arguments: event.text } }] });
      case 'citation':
        this.#citations.push(event.citation);
        return '';
      case 'block_stop':
        return this.#annotations() + this.#endOfThought();
      case 'answer_stop': {
        if (event.finish === 'pause') this.losses.approximate('stop_reason');
        if (event.stopSequence !== undefined) this.losses.drop('stop_sequence');
        const last = this.#chunk({ choices: [{ index: 0, delta: {}, logprobs: null, finish_reason: REASONS[event.finish] }] });
        if (!this.#asked.usage || event.usage === undefined) return last;
        return last + this.#chunk({ choices: [], usage: usageOf(event.usage) });
      }
      case 'error':
        return `data: ${JSON.stringify({ error: { message: event.message, type: 'server_error', param: null, code: null } })}\n\n`;
    }
  }

  end(): string {
    return 'data: [DONE]\n\n';
  }

  #start(block: Block): string {
    if (block.type === 'text' || block.type === 'refusal') {
      this.#field = block.type === 'text' ? 'content' : 'refusal';
      if (block.type === 'text') this.#length = charactersIn(block.text);
      const first = {
        ...(block.text === '' ? {} : { [this.#field]: block.text }),
        ...(block.type === 'text' ? signed(block.signature) : {}),
      };
      return Object.keys(first).length === 0 ? '' : this.#delta(first);
    }
    if (block.type === 'tool_call') {
      this.#calls++;
      return this.#delta({ tool_calls: [{ index: this.#calls, ...callOf(block), ...signed(block.signature) }] });
    }
    if (block.type !== 'reasoning') {
      this.losses.drop(block.at ?? block.type);
      return '';
    }
    if (block.sealed !== undefined) return this.#delta({ thinking_blocks: [{ type: 'redacted_thinking', data: block.sealed }] });
    this.#thought = { text: block.text, signature: block.signature ?? '' };
    return block.text === '' ? '' : this.#delta({ reasoning_content: block.text });
  }

  #annotations(): string {
    const place = { base: this.#base, length: this.#length, at: 'content' };
    this.#base += this.#length;
    this.#length = 0;
    if (this.#citations.length === 0) return '';
    const annotations = annotationsOf(this.#citations, place, this.losses);
    this.#citations = [];
    return annotations.length === 0 ? '' : this.#delta({ annotations });
  }

  #endOfThought(): string {
    const thought = this.#thought;
    this.#thought = undefined;
    if (thought === undefined || thought.signature === '') return '';
    return this.#delta({ thinking_blocks: [{ type: 'thinking', thinking: thought.text, signature: thought.signature }] });
  }

  #delta(delta: object): string {
    return this.#chunk({ choices: [{ index: 0, delta, logprobs: null, finish_reason: null }] });
  }

  #chunk(fields: object): string {
    return `data: ${this.#head},${JSON.stringify(fields).slice(1)}\n\n`;
  }
}
