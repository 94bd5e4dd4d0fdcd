import type { Asked, StreamEncoder } from '../../codec.ts';
import type { AnswerEvent, Block, BlockOf, Citation } from '../../conversation.ts';
import type { Json } from '../../given.ts';
import { Losses } from '../../losses.ts';
import { encryptedOf, isSeal } from './items.ts';
import {
  annotationsOf,
  callItem,
  endOf,
  itemId,
  messageItem,
  partOf,
  responseOf,
  thoughtItem,
  type End,
  type Head,
  type ItemStatus,
} from './output.ts';

type Told = BlockOf<'text' | 'refusal' | 'reasoning' | 'tool_call'>;

/** The item that is being told, with its blocks that are whole. */
interface Item {
  readonly type: 'message' | 'reasoning' | 'call';
  readonly id: string;
  readonly blocks: Told[];
}

/** Writes the stream of a response. Its last event has the whole of it once more, as the API has it. */
export class ResponsesStreamEncoder implements StreamEncoder {
  readonly losses = new Losses();
  #head: Head;
  #number = 0;
  /** Items that are whole. */
  readonly #output: Json[] = [];
  /** Texts that follow each other are one message, and a seal may come behind a thought: it ends where something else begins. */
  #item: Item | undefined;
  /** The block that comes, as far as it came. */
  #block: Told | undefined;
  #citations: Citation[] = [];
  #hasRefused = false;
  #end: End | undefined;

  constructor({ created }: Asked) {
    this.#head = { id: '', model: '', created };
  }

  push(event: AnswerEvent): string {
    switch (event.type) {
      case 'answer_start': {
        const { id, model } = event;
        this.#head = { ...this.#head, id, model };
        const response = responseOf(this.#head, [], undefined);
        return this.#written('response.created', { response }) + this.#written('response.in_progress', { response });
      }
      case 'block_start':
        return this.#startBlock(event.block);
      case 'text_delta':
      case 'reasoning_delta':
      case 'arguments_delta':
        return this.#add(event.text);
      case 'signature_delta':
        return this.#sign(event.text);
      case 'citation':
        this.#citations.push(event.citation);
        return '';
      case 'block_stop':
        return this.#stopBlock();
      case 'answer_stop':
        this.#end = endOf(event, this.#hasRefused, this.losses);
        return this.#endItem();
      case 'error':
        return this.#written('error', { code: 'server_error', message: event.message, param: null });
    }
  }

  end(): string {
    const response = responseOf(this.#head, this.#output, this.#end);
    return this.#written(`response.${String(response['status'])}`, { response });
  }

  /** It is told with the whole of its block. */
  #sign(signature: string): string {
    const block = this.#block;
    if (block?.type === 'reasoning' || block?.type === 'text') this.#block = { ...block, signature: (block.signature ?? '') + signature };
    return '';
  }

  #startBlock(block: Block): string {
    if (block.type !== 'text' && block.type !== 'refusal' && block.type !== 'reasoning' && block.type !== 'tool_call') {
      this.losses.drop(block.at ?? block.type);
      return '';
    }
    if (block.type === 'reasoning' && isSeal(block) && this.#item?.type === 'reasoning') {
      const [thought] = this.#item.blocks as BlockOf<'reasoning'>[];
      this.#item.blocks[0] = { ...thought!, sealed: block.sealed };
      return this.#endItem();
    }
    const item = this.#startItem(block);
    this.#block = block.type === 'tool_call' ? { ...block, arguments: '' } : { ...block, text: '' };
    if (block.type === 'tool_call') return item + this.#add(block.arguments);
    if (block.type === 'reasoning') return item + this.#add(block.text);
    this.#hasRefused ||= block.type === 'refusal';
    const part = partOf({ type: block.type, text: '' }, this.losses);
    return item + this.#written('response.content_part.added', { ...this.#inMessage(), part }) + this.#add(block.text);
  }

  #startItem(block: Told): string {
    const type = block.type === 'tool_call' ? 'call' : block.type === 'reasoning' ? block.type : 'message';
    if (type === 'message' && this.#item?.type === type) return '';
    const ended = this.#endItem();
    const prefix = type === 'call' ? 'fc' : type === 'reasoning' ? 'rs' : 'msg';
    this.#item = { type, id: itemId(prefix, this.#head, this.#output.length), blocks: [] };
    const first = block.type === 'tool_call' ? { ...block, arguments: '' } : NO_THOUGHT;
    const item = wholeOf({ ...this.#item, blocks: type === 'message' ? [] : [first] }, 'in_progress', this.losses);
    return ended + this.#written('response.output_item.added', { output_index: this.#output.length, item });
  }

  #add(delta: string): string {
    const block = this.#block;
    if (block === undefined || delta === '') return '';
    if (block.type === 'tool_call') {
      this.#block = { ...block, arguments: block.arguments + delta };
      return this.#written('response.function_call_arguments.delta', { ...this.#place(), delta });
    }
    this.#block = { ...block, text: block.text + delta };
    if (block.type === 'text') return this.#written('response.output_text.delta', { ...this.#inMessage(), delta, logprobs: [] });
    if (block.type === 'refusal') return this.#written('response.refusal.delta', { ...this.#inMessage(), delta });
    const part = { type: 'summary_text', text: '' };
    const added = block.text === '' ? this.#written('response.reasoning_summary_part.added', { ...this.#inSummary(), part }) : '';
    return added + this.#written('response.reasoning_summary_text.delta', { ...this.#inSummary(), delta });
  }

  #stopBlock(): string {
    const block = this.#withCitations();
    // What cannot be said, or the seal of a thought that was told.
    if (block === undefined || this.#item === undefined) return '';
    const done = this.#doneOf(block);
    this.#block = undefined;
    this.#item.blocks.push(block);
    const isWhole = block.type === 'tool_call' || (block.type === 'reasoning' && encryptedOf(block) !== undefined);
    return isWhole ? done + this.#endItem() : done;
  }

  #withCitations(): Told | undefined {
    const block = this.#block;
    const citations = this.#citations;
    if (citations.length === 0) return block;
    this.#citations = [];
    return block?.type === 'text' ? { ...block, citations } : block;
  }

  #doneOf(block: Told): string {
    switch (block.type) {
      case 'tool_call':
        return this.#written('response.function_call_arguments.done', { ...this.#place(), name: block.name, arguments: block.arguments });
      case 'reasoning': {
        const { text } = block;
        if (text === '') return '';
        const part = { type: 'summary_text', text };
        const done = this.#written('response.reasoning_summary_text.done', { ...this.#inSummary(), text });
        return done + this.#written('response.reasoning_summary_part.done', { ...this.#inSummary(), part });
      }
      case 'text':
      case 'refusal': {
        const { type, text } = block;
        const said = type === 'refusal' ? { refusal: text } : { text, logprobs: [] };
        const cited = type === 'text' ? this.#annotationsOf(block) : '';
        const done = this.#written(`response.${type === 'refusal' ? type : 'output_text'}.done`, { ...this.#inMessage(), ...said });
        return cited + done + this.#written('response.content_part.done', { ...this.#inMessage(), part: partOf(block, this.losses) });
      }
    }
  }

  #annotationsOf(block: BlockOf<'text'>): string {
    return annotationsOf(block, this.losses)
      .map((annotation, annotation_index) =>
        this.#written('response.output_text.annotation.added', { ...this.#inMessage(), annotation_index, annotation }),
      )
      .join('');
  }

  #endItem(): string {
    if (this.#item === undefined) return '';
    const item = wholeOf(this.#item, 'completed', this.losses);
    this.#item = undefined;
    this.#output.push(item);
    return this.#written('response.output_item.done', { output_index: this.#output.length - 1, item });
  }

  #place(): Json {
    return { item_id: this.#item!.id, output_index: this.#output.length };
  }

  #inMessage(): Json {
    return { ...this.#place(), content_index: this.#item!.blocks.length };
  }

  #inSummary(): Json {
    return { ...this.#place(), summary_index: 0 };
  }

  #written(type: string, fields: Json): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#number++, ...fields })}\n\n`;
  }
}

const NO_THOUGHT: BlockOf<'reasoning'> = { type: 'reasoning', text: '', signature: undefined, sealed: undefined };

function wholeOf({ id, blocks }: Item, status: ItemStatus, losses: Losses): Json {
  const [first] = blocks;
  if (first?.type === 'reasoning') return thoughtItem(id, first);
  if (first?.type === 'tool_call') return callItem(id, first, status);
  const said = blocks.filter((block) => block.type === 'text' || block.type === 'refusal');
  return messageItem(
    id,
    said.map((part) => partOf(part, losses)),
    status,
  );
}
