import type { StreamDecoder, StreamEvent } from '../../codec.ts';
import type { AnswerEvent, Block } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { eventFields, malformed, truncated } from '../../malformed.ts';
import { bedrockUsage, type Usage } from '../../usage.ts';
import { ENVELOPE, finishOf, stopSequenceIn } from './answer.ts';
import { citationIn } from './citations.ts';
import { callHead } from './decode-blocks.ts';
import { sealedIn } from './sealed.ts';

type Delta = Extract<AnswerEvent, { readonly text: string }>['type'];

/** The block that goes on. */
interface Open {
  /** As the API numbers it. */
  readonly number: number;
  readonly type: Block['type'];
  isEmpty: boolean;
}

const THOUGHT: Block = { type: 'reasoning', text: '', signature: undefined, sealed: undefined };

/**
 * Reads the stream of ConverseStream. Only calls have a beginning, other blocks begin with what they say; usage comes behind the end.
 * @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
 */
export class ConverseStreamDecoder implements StreamDecoder {
  readonly losses = new Losses();
  #begun = false;
  #open: Open | undefined;
  readonly #blocks: Pick<Block, 'type'>[] = [];
  /** Numbers of blocks that ended, or that are left out. */
  readonly #ended = new Set<number>();
  readonly #skipped = new Set<number>();
  #end: Extract<AnswerEvent, { readonly type: 'answer_stop' }> | undefined;
  #usage: Usage | undefined;
  #stopped = false;

  push({ type, data }: StreamEvent): readonly AnswerEvent[] {
    if (data === undefined) return [];
    const event = eventFields(data.toString());
    if (type === 'error' || type.endsWith('Exception')) return [{ type: 'error', message: messageOf(event, type) }];
    if (type === 'messageStart') return this.#start();
    if (!this.#begun) throw malformed('', `is a stream that begins with ${type}`);
    if (type === 'metadata') return this.#metadata(event);
    if (this.#end !== undefined) throw malformed('', `is a stream that goes on with ${type} after its end`);
    const events: AnswerEvent[] = [];
    if (type === 'contentBlockStart') this.#startBlock(event, events);
    else if (type === 'contentBlockDelta') this.#delta(event, events);
    else if (type === 'contentBlockStop') this.#stopBlock(numberOf(event), events);
    else if (type === 'messageStop') this.#stop(event, events);
    else this.losses.drop(type);
    return events;
  }

  /** What has a reason for its end is whole, though nothing may tell its usage. */
  end(): readonly AnswerEvent[] {
    if (this.#stopped) return [];
    if (this.#end === undefined) throw truncated();
    this.#stopped = true;
    return [{ ...this.#end, usage: this.#usage }];
  }

  #start(): readonly AnswerEvent[] {
    if (this.#begun) throw malformed('', 'is a stream that begins twice');
    this.#begun = true;
    return [{ type: 'answer_start', id: '', model: '', usage: undefined }];
  }

  #startBlock(event: Fields, events: AnswerEvent[]): void {
    const number = numberOf(event);
    this.#expect(number);
    const start = event.object('start');
    const call = start?.object('toolUse');
    const block = call === undefined ? undefined : callHead(call, this.losses);
    const others = start?.left() ?? [];
    // Such as what a tool of the provider's own gave.
    for (const [name] of others) this.losses.drop(`content.${name}`);
    if (block !== undefined) this.#begin(number, block, events);
    else if (call !== undefined || others.length > 0) this.#skipped.add(number);
  }

  #delta(event: Fields, events: AnswerEvent[]): void {
    const number = numberOf(event);
    this.#expect(number);
    const delta = event.object('delta');
    if (delta === undefined || this.#skipped.has(number)) return;
    const text = delta.text('text');
    const citation = delta.raw('citation');
    if (text) this.#add(number, { type: 'text', text: '' }, 'text_delta', text, events);
    const input = delta.object('toolUse')?.text('input');
    if (input) this.#addInput(number, input, events);
    const thought = delta.object('reasoningContent');
    if (thought !== undefined) this.#addThought(number, thought, events);
    if (citation !== undefined) this.#cite(citation, events);
    for (const [name] of delta.left()) this.losses.drop(`content.${name}`);
  }

  /** Of the text before, where it has a block of its own, as some models do. */
  #cite(citation: unknown, events: AnswerEvent[]): void {
    const of = new Fields(citation, 'content.citation', malformed);
    const found = this.#open?.type === 'text' ? citationIn(of, this.losses) : undefined;
    if (found !== undefined) events.push({ type: 'citation', index: this.#blocks.length - 1, citation: found });
    else this.losses.drop(of.path);
  }

  #addInput(number: number, input: string, events: AnswerEvent[]): void {
    if (this.#open?.number !== number || this.#open.type !== 'tool_call')
      throw malformed('delta.toolUse', 'goes on with a call that did not begin');
    this.#tell('arguments_delta', input, events);
  }

  #addThought(number: number, thought: Fields, events: AnswerEvent[]): void {
    const text = thought.text('text');
    if (text) this.#add(number, THOUGHT, 'reasoning_delta', text, events);
    const signature = thought.text('signature');
    if (signature) this.#add(number, THOUGHT, 'signature_delta', signature, events);
    const redacted = thought.text('redactedContent');
    if (redacted) {
      this.#begin(number, { ...THOUGHT, sealed: sealedIn(redacted) } as Block, events);
      // It comes whole: what else the block says is another one.
      this.#close(events);
    }
    this.losses.dropLeft(thought);
  }

  #add(number: number, block: Block, type: Delta, text: string, events: AnswerEvent[]): void {
    if (this.#open?.number !== number || this.#open.type !== block.type) this.#begin(number, block, events);
    this.#tell(type, text, events);
  }

  #tell(type: Delta, text: string, events: AnswerEvent[]): void {
    this.#open!.isEmpty = false;
    events.push({ type, index: this.#blocks.length - 1, text });
  }

  #begin(number: number, block: Block, events: AnswerEvent[]): void {
    const before = this.#open;
    this.#close(events);
    if (before !== undefined && before.number !== number) this.#ended.add(before.number);
    this.#open = { number, type: block.type, isEmpty: true };
    const index = this.#blocks.push({ type: block.type }) - 1;
    events.push({ type: 'block_start', index, block });
  }

  #stopBlock(number: number, events: AnswerEvent[]): void {
    this.#ended.add(number);
    // What a text rests on may come behind its end.
    if (this.#open?.number === number && this.#open.type !== 'text') this.#close(events);
  }

  #close(events: AnswerEvent[]): void {
    if (this.#open === undefined) return;
    // As a whole answer says it.
    if (this.#open.type === 'tool_call' && this.#open.isEmpty) this.#tell('arguments_delta', '{}', events);
    events.push({ type: 'block_stop', index: this.#blocks.length - 1 });
    this.#open = undefined;
  }

  /** Blocks do not overlap. */
  #expect(number: number): void {
    if (this.#ended.has(number)) throw malformed('contentBlockIndex', `goes on with block ${number} after its end`);
  }

  #stop(event: Fields, events: AnswerEvent[]): void {
    this.#close(events);
    const finish = finishOf(event.text('stopReason'), this.#blocks, this.losses);
    this.#end = { type: 'answer_stop', finish, stopSequence: stopSequenceIn(event, this.losses), usage: undefined };
  }

  #metadata(event: Fields): readonly AnswerEvent[] {
    this.#usage = bedrockUsage(event.raw('usage')) ?? this.#usage;
    // `p` is there so that sizes do not tell what is said.
    for (const name of [...ENVELOPE, 'p']) event.raw(name);
    this.losses.dropLeft(event);
    return this.#end === undefined ? [] : this.end();
  }
}

function numberOf(event: Fields): number {
  return event.number('contentBlockIndex') ?? 0;
}

/** Exceptions have their message alone; errors of a transport are told as an object. */
function messageOf(event: Fields, type: string): string {
  const { message, Message } = (event.raw('error') ?? { message: event.raw('message'), Message: event.raw('Message') }) as Record<
    string,
    unknown
  >;
  const found = [message, Message].find((each) => typeof each === 'string' && each !== '') as string | undefined;
  return found?.slice(0, 2000) ?? (type === 'error' ? 'the backend broke off' : type);
}
