import type { StreamEncoder } from '../codec.ts';
import type { AnswerEvent, Block, BlockOf, Citation } from '../conversation.ts';
import type { Json } from '../given.ts';
import { Losses } from '../losses.ts';
import { answerWriting, endLosses, REASONS, usageOf } from './answer.ts';
import { partOf } from './encode-parts.ts';
import { groundingOf } from './grounding.ts';

/** Writes the stream of an answer. A call is told whole, when it is. */
export class GeminiStreamEncoder implements StreamEncoder {
  readonly losses = new Losses();
  #envelope: Json = {};
  #call: BlockOf<'tool_call'> | undefined;
  #isThought = false;
  /** Bytes of the texts that are whole; the one that comes, and what it rests on. */
  #before = 0;
  #text = '';
  #citations: Citation[] = [];

  push(event: AnswerEvent): string {
    switch (event.type) {
      case 'answer_start':
        this.#envelope = { modelVersion: event.model, responseId: event.id };
        return '';
      case 'block_start':
        return this.#start(event.block);
      case 'text_delta':
        this.#text += event.text;
        return this.#part({ text: event.text });
      case 'reasoning_delta':
        return this.#part({ text: event.text, thought: true });
      case 'signature_delta':
        return this.#part({ text: '', ...(this.#isThought ? { thought: true } : {}), thoughtSignature: event.text });
      case 'arguments_delta':
        if (this.#call !== undefined) this.#call = { ...this.#call, arguments: this.#call.arguments + event.text };
        return '';
      case 'citation':
        this.#citations.push(event.citation);
        return '';
      case 'block_stop': {
        const grounding = this.#grounding();
        const call = this.#call;
        this.#call = undefined;
        return call === undefined ? grounding : this.#block(call);
      }
      case 'answer_stop': {
        endLosses(event, this.losses);
        const { finish, usage } = event;
        const candidate = { content: { role: 'model', parts: [{ text: '' }] }, finishReason: REASONS[finish], index: 0 };
        return this.#chunk({ candidates: [candidate], ...(usage === undefined ? {} : { usageMetadata: usageOf(usage) }) });
      }
      case 'error':
        return `data: ${JSON.stringify({ error: { code: 500, message: event.message, status: 'INTERNAL' } })}\n\n`;
    }
  }

  /** The API has no end marker. */
  end(): string {
    return '';
  }

  /** What a text rests on is told behind it. */
  #grounding(): string {
    const text = this.#text;
    const before = this.#before;
    const citations = this.#citations;
    this.#before += Buffer.byteLength(text);
    this.#text = '';
    if (citations.length === 0) return '';
    this.#citations = [];
    const grounding = groundingOf([{ text, citations, part: undefined, before, at: 'content' }], this.losses);
    return this.#chunk({ candidates: [{ content: { role: 'model', parts: [{ text: '' }] }, index: 0, ...grounding }] });
  }

  #start(block: Block): string {
    if (block.type === 'text' || block.type === 'refusal') this.#text = block.text;
    this.#isThought = block.type === 'reasoning';
    if (block.type === 'tool_call') {
      this.#call = block;
      return '';
    }
    const isEmpty = 'text' in block && block.text === '' && !('sealed' in block && block.sealed !== undefined);
    return isEmpty && !('signature' in block && block.signature !== undefined) ? '' : this.#block(block);
  }

  #block(block: Block): string {
    const part = partOf(block, answerWriting(this.losses));
    return part === undefined ? '' : this.#part(part);
  }

  #part(part: Json): string {
    return this.#chunk({ candidates: [{ content: { role: 'model', parts: [part] }, index: 0 }] });
  }

  #chunk(fields: Json): string {
    return `data: ${JSON.stringify({ ...fields, ...this.#envelope })}\n\n`;
  }
}
