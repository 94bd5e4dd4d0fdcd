import { CitationsTold } from '../citations.ts';
import type { StreamDecoder, StreamEvent } from '../codec.ts';
import type { AnswerEvent, Block } from '../conversation.ts';
import { Losses } from '../losses.ts';
import { errorMessage, eventFields, truncated } from '../malformed.ts';
import { geminiUsage, type Usage } from '../usage.ts';
import { answerReading, blockedIn, candidateIn, finishOf, goesOn, leftOf, type Told } from './answer.ts';
import type { Reading } from './decode-parts.ts';

/**
 * Reads the stream of an answer (`?alt=sse`): its first candidate. The API has no blocks: one ends where something else begins, or where it is
 * signed. It has no end marker either: what has a reason for its end is whole.
 * @see https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
 */
export class GeminiStreamDecoder implements StreamDecoder {
  readonly losses = new Losses();
  #from: Reading | undefined;
  #finish: string | undefined;
  #isBlocked = false;
  #usage: Usage | undefined;
  #stopped = false;
  /** Blocks so far, without what their deltas said. */
  readonly #blocks: Block[] = [];
  /** The last one goes on. */
  #isOpen = false;
  /** It is signed: what comes is another one. */
  #isSigned = false;
  readonly #citations = new CitationsTold({ keepsText: true });

  push({ data }: StreamEvent): readonly AnswerEvent[] {
    if (data === undefined) return [];
    const chunk = eventFields(data.toString());
    const error = chunk.raw('error');
    if (error !== undefined) return [{ type: 'error', message: errorMessage(error) }];
    const events: AnswerEvent[] = [];
    const id = chunk.text('responseId') ?? '';
    const model = chunk.text('modelVersion') ?? '';
    if (this.#from === undefined) events.push({ type: 'answer_start', id, model, usage: undefined });
    const from = (this.#from ??= answerReading(id, this.losses));
    this.#usage = geminiUsage(chunk.raw('usageMetadata')) ?? this.#usage;
    this.#isBlocked = blockedIn(chunk, this.losses) || this.#isBlocked;
    const candidates = chunk.objects('candidates').map((candidate) => ({ candidate, index: candidate.number('index') ?? 0 }));
    const { blocks, reason, cited } = candidateIn(candidates.find(({ index }) => index === 0)?.candidate, from, false);
    for (const { index } of candidates) if (index !== 0) this.losses.drop(`candidates[${index}]`);
    for (const block of blocks ?? []) this.#add(block, events);
    this.#citations.cite(cited);
    this.#finish = reason ?? this.#finish;
    leftOf(chunk, this.losses);
    return events;
  }

  end(): readonly AnswerEvent[] {
    if (this.#stopped) return [];
    if (this.#finish === undefined && !this.#isBlocked) throw truncated();
    this.#stopped = true;
    const events: AnswerEvent[] = [];
    this.#close(events);
    this.#citations.end(this.losses);
    const finish = finishOf(this.#finish, this.#isBlocked, this.#blocks, this.losses);
    return [...events, { type: 'answer_stop', finish, stopSequence: undefined, usage: this.#usage }];
  }

  #add(block: Block, events: AnswerEvent[]): void {
    if (block.type === 'text') this.#tell(block, { type: 'text', text: '' }, events);
    else if (block.type === 'reasoning' && block.sealed === undefined)
      this.#tell(block, { type: 'reasoning', text: '', signature: undefined, sealed: undefined }, events);
    else if (block.type === 'tool_call') {
      const index = this.#begin({ ...block, arguments: '' }, events);
      events.push({ type: 'arguments_delta', index, text: block.arguments });
      this.#close(events);
    } else {
      this.#begin(block, events);
      this.#close(events);
    }
  }

  #tell(part: Told, head: Block, events: AnswerEvent[]): void {
    const index =
      this.#isOpen && !this.#isSigned && goesOn(this.#blocks.at(-1), part) ? this.#blocks.length - 1 : this.#begin(head, events);
    if (part.type === 'text') this.#citations.say(part.text);
    if (part.text !== '') events.push({ type: part.type === 'text' ? 'text_delta' : 'reasoning_delta', index, text: part.text });
    if (part.signature === undefined) return;
    events.push({ type: 'signature_delta', index, text: part.signature });
    this.#isSigned = true;
  }

  #begin(block: Block, events: AnswerEvent[]): number {
    this.#close(events);
    const index = this.#blocks.push(block) - 1;
    this.#isOpen = true;
    events.push({ type: 'block_start', index, block });
    return index;
  }

  #close(events: AnswerEvent[]): void {
    if (!this.#isOpen) return;
    const index = this.#blocks.length - 1;
    if (this.#blocks[index]?.type === 'text')
      for (const citation of this.#citations.take(this.losses)) events.push({ type: 'citation', index, citation });
    events.push({ type: 'block_stop', index });
    this.#isOpen = false;
    this.#isSigned = false;
  }
}
