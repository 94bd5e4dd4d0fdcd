import { CitationsTold } from '../../citations.ts';
import type { StreamDecoder, StreamEvent } from '../../codec.ts';
import type { AnswerEvent, Block, FinishReason } from '../../conversation.ts';
import type { Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { errorMessage, eventFields, malformed, truncated } from '../../malformed.ts';
import { openaiUsage, type Usage } from '../../usage.ts';
import { finishOf } from './answer.ts';
import { signatureIn } from '../thought-signature.ts';
import { annotationsIn, contentIn, thoughtIn } from './message.ts';

type Delta = Extract<AnswerEvent, { readonly text: string }>['type'];

/**
 * Reads the stream of a chat completion: its first choice. The API has no blocks: one ends where something else begins.
 * @see https://platform.openai.com/docs/api-reference/chat-streaming
 */
export class ChatStreamDecoder implements StreamDecoder {
  readonly losses = new Losses();
  #begun = false;
  #finish: string | undefined;
  #usage: Usage | undefined;
  #stopped = false;
  /** Blocks so far; the last one is open. */
  #blocks: Block[] = [];
  /** What the open block is: `text`, or the index of a call. */
  #open: string | undefined;
  /** Indexes of calls, which begin once. */
  readonly #calls = new Set<number>();
  readonly #citations = new CitationsTold({ keepsText: false });

  push({ data }: StreamEvent): readonly AnswerEvent[] {
    if (data === undefined) return [];
    const text = data.toString();
    if (text.trim() === '[DONE]') return this.#stop();
    const chunk = eventFields(text);
    const error = chunk.raw('error');
    if (error !== undefined) return [{ type: 'error', message: errorMessage(error) }];
    const events: AnswerEvent[] = [];
    if (!this.#begun) {
      this.#begun = true;
      events.push({ type: 'answer_start', id: chunk.text('id') ?? '', model: chunk.text('model') ?? '', usage: undefined });
    }
    this.#usage = openaiUsage(chunk.raw('usage')) ?? this.#usage;
    const choice = chunk.objects('choices').find((each) => (each.number('index') ?? 0) === 0);
    if (choice !== undefined) {
      if (choice.raw('logprobs') !== undefined) this.losses.drop('choices.logprobs');
      const delta = choice.object('delta');
      if (delta !== undefined) this.#read(delta, events);
      this.#finish = choice.text('finish_reason') ?? this.#finish;
    }
    return events;
  }

  /** Some servers leave the end marker out. */
  end(): readonly AnswerEvent[] {
    return this.#stop();
  }

  #read(delta: Fields, events: AnswerEvent[]): void {
    const thought = delta.text('reasoning_content') ?? delta.text('reasoning');
    if (thought) this.#think(thought, events);
    for (const block of delta.objects('thinking_blocks')) this.#readThought(block, events);
    for (const block of contentIn(delta, this.losses)) {
      if (block.type === 'reasoning' && block.text !== '') this.#think(block.text, events);
      if (block.type === 'reasoning' && block.signature !== undefined) this.losses.drop('choices.delta.content.signature');
      if (block.type === 'text' && block.text !== '') this.#say(block.text, events);
    }
    if (delta.raw('annotations') !== undefined) this.#citations.cite(annotationsIn(delta, this.losses));
    const signature = signatureIn(delta, this.losses);
    if (signature) {
      this.#add('text', { type: 'text', text: '' }, 'signature_delta', signature, events);
      this.#close(events);
    }
    const refusal = delta.text('refusal');
    if (refusal) this.#add('refusal', { type: 'refusal', text: '' }, 'text_delta', refusal, events);
    for (const call of delta.objects('tool_calls')) this.#readCall(call, events);
    delta.raw('role');
    for (const [name] of delta.left()) this.losses.drop(`choices.delta.${name}`);
  }

  #say(text: string, events: AnswerEvent[]): void {
    this.#add('text', { type: 'text', text: '' }, 'text_delta', text, events);
    this.#citations.say(text);
  }

  #think(text: string, events: AnswerEvent[]): void {
    this.#add('reasoning', { type: 'reasoning', text: '', signature: undefined, sealed: undefined }, 'reasoning_delta', text, events);
  }

  /** A whole thought with its signature, which another gateway tells at its end. */
  #readThought(of: Fields, events: AnswerEvent[]): void {
    const thought = thoughtIn(of);
    const { signature, sealed } = thought;
    if (sealed === undefined && signature !== undefined && this.#open === 'reasoning') {
      events.push({ type: 'signature_delta', index: this.#blocks.length - 1, text: signature });
      // What is signed is whole: another thought may come next.
      this.#close(events);
    } else this.#begin(`thought ${this.#blocks.length}`, thought, events);
  }

  #readCall(call: Fields, events: AnswerEvent[]): void {
    const index = call.number('index') ?? 0;
    const of = call.object('function');
    const kind = `call ${index}`;
    const signature = signatureIn(call, this.losses);
    if (this.#open !== kind) {
      if (this.#calls.has(index)) throw malformed(call.path, 'goes on with a call after another one began');
      this.#calls.add(index);
      const block: Block = {
        type: 'tool_call',
        id: call.requiredText('id'),
        name: of?.requiredText('name') ?? call.requiredText('function'),
        arguments: '',
        ...(signature === undefined ? {} : { signature }),
      };
      this.#begin(kind, block, events);
    } else if (signature !== undefined) this.losses.drop('choices.delta.tool_calls.extra_content');
    const text = of?.text('arguments');
    if (text) events.push({ type: 'arguments_delta', index: this.#blocks.length - 1, text });
  }

  #add(kind: string, block: Block, type: Delta, text: string, events: AnswerEvent[]): void {
    if (this.#open !== kind) this.#begin(kind, block, events);
    events.push({ type, index: this.#blocks.length - 1, text });
  }

  #begin(kind: string, block: Block, events: AnswerEvent[]): void {
    this.#close(events);
    this.#open = kind;
    this.#blocks.push(block);
    events.push({ type: 'block_start', index: this.#blocks.length - 1, block });
  }

  #close(events: AnswerEvent[]): void {
    const index = this.#blocks.length - 1;
    if (this.#open === 'text') for (const citation of this.#citations.take(this.losses)) events.push({ type: 'citation', index, citation });
    if (this.#open !== undefined) events.push({ type: 'block_stop', index });
    this.#open = undefined;
  }

  #stop(): readonly AnswerEvent[] {
    if (this.#stopped) return [];
    if (this.#finish === undefined) throw truncated();
    this.#stopped = true;
    const events: AnswerEvent[] = [];
    this.#close(events);
    this.#citations.end(this.losses);
    const finish: FinishReason = finishOf(this.#finish, this.#blocks);
    return [...events, { type: 'answer_stop', finish, stopSequence: undefined, usage: this.#usage }];
  }
}
