import type { Accumulator } from '../accumulate.ts';
import { type Fields, fields, parsed, text } from '../content/fields.ts';
import { Bounded, inOrder, part } from './pieces.ts';

const TYPE = /"type"\s*:\s*"([a-z_.]+)"/;

function typeOf(data: Buffer): string {
  return TYPE.exec(data.toString('latin1', 0, 200))?.[1] ?? '';
}

const LAST = new Set(['response.completed', 'response.incomplete', 'response.failed']);

/** Stream of responses: its last event has the whole answer. One that breaks off has what was said until then. */
export class ResponsesAccumulator extends Bounded implements Accumulator {
  readonly #most: number;
  readonly #texts = new Map<number, { text: string }>();
  #last: Buffer | undefined;
  #tooLarge = false;

  constructor(content: boolean, most: number) {
    super(content, most);
    this.#most = most;
  }

  override get size(): number {
    return super.size + (this.#last?.length ?? 0);
  }

  override get truncated(): boolean {
    return this.#last === undefined ? super.truncated || this.#tooLarge : false;
  }

  push(data: Buffer, isToken: boolean): void {
    if (!isToken) {
      if (!LAST.has(typeOf(data))) return;
      // A copy: the event is a view of a chunk that is larger.
      if (data.length <= 4 * this.#most) this.#last = Buffer.from(data);
      else this.#tooLarge = true;
      return;
    }
    if (!this.content || this.room.truncated || typeOf(data) !== 'response.output_text.delta') return;
    const event = parsed(data);
    const item = part(this.#texts, event?.['output_index'], () => ({ text: '' }));
    if (item !== undefined) item.text += this.room.take(text(event?.['delta']) ?? '');
  }

  value(): Fields | undefined {
    const last = parsed(this.#last);
    if (last !== undefined) return fields(last['response']);
    if (this.#texts.size === 0) return undefined;
    const output = inOrder(this.#texts).map(([, said]) => ({
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: said.text }],
    }));
    return { output };
  }
}

/** Stream of a transcription: its last event has the whole text. */
export class TranscriptAccumulator extends Bounded implements Accumulator {
  #text = '';

  push(data: Buffer): void {
    if (!this.content || this.room.truncated) return;
    const type = typeOf(data);
    if (type === 'transcript.text.delta') this.#text += this.room.take(text(parsed(data)?.['delta']) ?? '');
  }

  value(): Fields | undefined {
    return this.#text === '' ? undefined : { text: this.#text };
  }
}
