import { type Cited, withCitations } from '../../citations.ts';
import type { StreamDecoder, StreamEvent } from '../../codec.ts';
import type { AnswerEvent, Block, BlockOf } from '../../conversation.ts';
import { Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { errorMessage, eventFields, malformed, truncated } from '../../malformed.ts';
import { dropLeftOf, finishIn, usageIn } from './answer.ts';
import { annotationIn, blocksOfItem, isSeal, PART_BREAK, signatureOf } from './items.ts';

const DELTAS: Readonly<Record<string, Kind>> = {
  'response.output_text.delta': 'text',
  'response.refusal.delta': 'refusal',
  'response.reasoning_summary_text.delta': 'summary',
  'response.reasoning_text.delta': 'thought',
  'response.function_call_arguments.delta': 'tool_call',
};
type Kind = 'text' | 'refusal' | 'summary' | 'thought' | 'tool_call';

/** What says nothing that the end of its item does not say. */
const SILENT = new RegExp(
  [
    /^response\.(created|in_progress|queued)$/,
    /^response\.(content|reasoning|reasoning_summary)_part\.(added|done)$/,
    /^response\.(output_text|refusal|reasoning_text|reasoning_summary_text|function_call_arguments)\.done$/,
    /^(ping|keepalive)$/,
  ]
    .map(({ source }) => source)
    .join('|'),
);

/** The item that is being told. */
interface Told {
  readonly index: number;
  /** Blocks of it so far. */
  blocks: number;
  /** Parts of it that began. */
  readonly parts: Set<string>;
  /** Citations that were told of it. */
  citations: number;
}

/** The block that is being told. */
interface Open {
  readonly block: Block;
  /** Such as `text 0`; of a thought the one that comes. */
  part: string;
  text: string;
  /** What it rests on, as its annotations say. */
  cited: readonly Cited[];
}

/**
 * Reads the stream of a response. What only the end of an item says, such as the seal of a thought or all of it, is told then.
 * @see https://platform.openai.com/docs/api-reference/responses-streaming
 */
export class ResponsesStreamDecoder implements StreamDecoder {
  readonly losses = new Losses();
  #begun = false;
  #stopped = false;
  #item: Told | undefined;
  /** Items that another one followed. */
  readonly #gone = new Map<number, Told>();
  /** Items that only the API's own tools make. */
  readonly #left = new Set<number>();
  #open: Open | undefined;
  readonly #blocks: Block[] = [];
  #events: AnswerEvent[] = [];

  push({ type: named, data }: StreamEvent): readonly AnswerEvent[] {
    const text = data?.toString() ?? '';
    // Some servers end as chat completions do.
    if (data === undefined || this.#stopped || text.trim() === '[DONE]') return [];
    this.#events = [];
    const event = eventFields(text);
    const type = event.text('type') ?? named;
    if (type === 'error') this.#events.push({ type, message: event.text('message') ?? errorMessage(event.raw('error')) });
    else if (type === 'response.failed')
      this.#events.push({ type: 'error', message: errorMessage((event.object('response') ?? event).raw('error')) });
    else this.#read(type, event, event.object('response'));
    return this.#events;
  }

  end(): readonly AnswerEvent[] {
    if (!this.#stopped) throw truncated();
    return [];
  }

  #read(type: string, event: Fields, response: Fields | undefined): void {
    if (!this.#begun && response !== undefined) {
      this.#begun = true;
      this.#events.push({ type: 'answer_start', id: response.text('id') ?? '', model: response.text('model') ?? '', usage: undefined });
    }
    if (SILENT.test(type)) return;
    if (!this.#begun) throw malformed('', `is a stream that begins with ${type}`);
    const index = event.number('output_index') ?? 0;
    if (type === 'response.completed' || type === 'response.incomplete') this.#stop(type, response);
    else if (Object.hasOwn(DELTAS, type)) this.#delta(DELTAS[type]!, index, event);
    else if (type === 'response.output_text.annotation.added') this.#annotate(index, event);
    else if (type === 'response.output_item.added') this.#startItem(index, itemIn(event, index));
    else if (type === 'response.output_item.done') this.#endItem(index, itemIn(event, index));
    // The item of a tool of the API is on the list already.
    else if (!this.#left.has(index)) this.losses.drop(type);
  }

  /** Of what is not being told the end of its item says it. */
  #annotate(index: number, event: Fields): void {
    const open = this.#open;
    if (this.#item?.index !== index || open?.part !== `text ${event.number('content_index') ?? 0}`) return;
    const of = new Fields(event.raw('annotation'), `output[${index}].content.annotation`, malformed);
    // What cannot be said of it is told at the end of its item.
    const citation = annotationIn(of, new Losses());
    if (citation !== undefined) open.cited = [...open.cited, { citation, at: of.path }];
  }

  /** Only a call has to be known before it goes on: what is said and thought begins with its first letter. */
  #startItem(index: number, item: Fields): void {
    this.#enter(index);
    const type = item.requiredText('type');
    if (type === 'function_call') {
      const id = item.requiredText('call_id');
      const head = { type: 'tool_call', id, name: item.requiredText('name'), arguments: '' } as const;
      this.#start('tool_call', { ...head, ...signatureOf(item, this.losses) });
    } else if (type !== 'message' && type !== 'reasoning') {
      this.#left.add(index);
      this.losses.drop(item.path);
    }
  }

  #delta(kind: Kind, index: number, event: Fields): void {
    const text = event.text('delta') ?? '';
    const number = event.number(kind === 'summary' ? 'summary_index' : 'content_index') ?? 0;
    if (text === '') return;
    if (this.#item?.index !== index) {
      if (this.#gone.has(index)) throw malformed(`output[${index}]`, 'goes on after another one began');
      this.#enter(index);
    }
    if (kind === 'tool_call') {
      if (this.#open?.block.type !== kind) throw malformed(`output[${index}]`, 'goes on with a call that did not begin');
      this.#tell(text);
    } else this.#say(kind, `${kind} ${number}`, text);
  }

  #say(kind: Exclude<Kind, 'tool_call'>, part: string, text: string): void {
    if (this.#open?.part !== part) {
      const isThought = kind === 'summary' || kind === 'thought';
      if (isThought && this.#open?.block.type === 'reasoning') {
        this.#beginPart(part);
        this.#open.part = part;
        this.#tell(PART_BREAK);
      } else if (isThought) this.#start(part, { type: 'reasoning', text: '', signature: undefined, sealed: undefined });
      else this.#start(part, { type: kind, text: '' });
    }
    this.#tell(text);
  }

  /** Tells what is not told yet. */
  #endItem(index: number, item: Fields): void {
    const blocks = blocksOfItem(item, this.losses);
    if (blocks === undefined) {
      this.#left.add(index);
      return;
    }
    const gone = this.#item?.index === index ? undefined : this.#gone.get(index);
    if (gone !== undefined) {
      if (blocks.length > gone.blocks) throw malformed(item.path, 'goes on after another one began');
      this.#missed(item, blocks, gone);
      return;
    }
    if (this.#item?.index !== index) this.#enter(index);
    let told = this.#item!.blocks;
    for (const block of blocks) {
      if (told > 0 && !(block.type === 'reasoning' && isSeal(block))) {
        told--;
        // Earlier ones are closed, and what was told of them cannot be taken back.
        if (told === 0) this.#complete(block);
      } else this.#whole(block);
    }
    this.#close();
    this.#missed(item, blocks, this.#item!);
  }

  /** What a text rests on that had ended before it was known. */
  #missed(item: Fields, blocks: readonly Block[], { citations }: Told): void {
    const all = blocks.reduce((sum, block) => sum + (block.type === 'text' ? (block.citations?.length ?? 0) : 0), 0);
    if (all > citations) this.losses.drop(item.at('content.annotations'));
  }

  /** What the end of its item says of the open block. */
  #complete(block: Block): void {
    const open = this.#open;
    if (open === undefined || open.block.type !== block.type) return;
    const text = block.type === 'tool_call' ? block.arguments : 'text' in block ? block.text : '';
    if (text.length > open.text.length && text.startsWith(open.text)) this.#tell(text.slice(open.text.length));
    if (block.type === 'text') open.cited = citedIn(block);
    if ((block.type === 'reasoning' || block.type === 'text') && block.signature !== undefined)
      this.#events.push({ type: 'signature_delta', index: this.#blocks.length - 1, text: block.signature });
  }

  #whole(block: Block): void {
    if (block.type !== 'text') this.#start(`whole ${this.#blocks.length}`, block);
    else {
      const { citations: _, ...head } = block;
      this.#start(`whole ${this.#blocks.length}`, head);
      this.#open = { ...this.#open!, text: block.text, cited: citedIn(block) };
    }
    this.#close();
  }

  #enter(index: number): void {
    this.#close();
    if (this.#item !== undefined) this.#gone.set(this.#item.index, this.#item);
    this.#item = { index, blocks: 0, parts: new Set(), citations: 0 };
  }

  #beginPart(part: string): void {
    const { parts, index } = this.#item!;
    if (parts.has(part)) throw malformed(`output[${index}]`, `goes on with a part after another one began`);
    parts.add(part);
  }

  #start(part: string, block: Block): void {
    this.#beginPart(part);
    this.#close();
    this.#item!.blocks++;
    this.#open = { block, part, text: '', cited: [] };
    this.#blocks.push(block);
    this.#events.push({ type: 'block_start', index: this.#blocks.length - 1, block });
  }

  #tell(text: string): void {
    const { type } = this.#open!.block;
    this.#open!.text += text;
    const event = type === 'tool_call' ? 'arguments_delta' : type === 'reasoning' ? 'reasoning_delta' : 'text_delta';
    this.#events.push({ type: event, index: this.#blocks.length - 1, text });
  }

  #close(): void {
    const open = this.#open;
    const index = this.#blocks.length - 1;
    if (open !== undefined && open.cited.length > 0) this.#cite(open, index);
    if (open !== undefined) this.#events.push({ type: 'block_stop', index });
    this.#open = undefined;
  }

  #cite({ text, cited }: Open, index: number): void {
    const [block] = withCitations([{ type: 'text', text }], cited, this.losses);
    const citations = (block as BlockOf<'text'>).citations ?? [];
    for (const citation of citations) this.#events.push({ type: 'citation', index, citation });
    this.#item!.citations += citations.length;
  }

  #stop(type: string, response: Fields | undefined): void {
    if (response === undefined) throw malformed('response', 'is missing');
    // Some servers tell nothing before it is whole.
    if (this.#item === undefined)
      for (const [index, value] of (response.list('output') ?? []).entries())
        this.#endItem(index, new Fields(value, `output[${index}]`, malformed));
    const finishOf = finishIn(response, type === 'response.incomplete' ? 'incomplete' : 'completed');
    const usage = usageIn(response);
    this.#close();
    this.#stopped = true;
    this.#events.push({ type: 'answer_stop', finish: finishOf(this.#blocks), stopSequence: undefined, usage });
    dropLeftOf(response, this.losses);
  }
}

/** With places that are in its text already. */
function citedIn({ citations = [], at = 'content' }: BlockOf<'text'>): readonly Cited[] {
  return citations.map((citation) => ({ citation, at: `${at}.annotations` }));
}

/** With the path that it has in a whole response. */
function itemIn(event: Fields, index: number): Fields {
  return new Fields(event.raw('item'), `output[${index}]`, malformed);
}
