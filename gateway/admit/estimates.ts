import type { Usage } from '#core/llm/usage';

/** Tokens of an answer of which nothing is known. */
const USUAL_OUTPUT = 256;
const USUAL_BYTES_PER_TOKEN = 4;
/** Share of the difference that one answer corrects, once there have been some. */
const RATE = 0.05;
/** Answers that what was assumed counts as. */
const BELIEVED = 1;
/** Models and operations that are remembered. A bound, not a policy: it starts again when there are more. */
const MOST_KEYS = 10_000;

/** What answers of one operation of one model are usually like. */
interface Learned {
  bytesPerToken: number;
  output: number;
  /** Mean deviation from {@link output}. */
  spread: number;
  /** Tokens per content event of a stream: one at most servers, several at some. */
  perEvent: number;
  seen: number;
  streams: number;
}

/** Tokens that a request will probably use. */
export interface Estimate {
  readonly input: number;
  /** What the answer probably has at most: the usual length and its usual deviation, within what the client allows. */
  readonly output: number;
}

/**
 * How many tokens requests have, before anyone has counted them: learned from what backends report, by model and operation. No
 * tokenizer is asked: a wrong guess is put right when the answer ends, and a count would cost more than the request.
 */
export class TokenEstimates {
  readonly #learned = new Map<string, Learned>();

  /** Models and operations of which something is known. */
  get size(): number {
    return this.#learned.size;
  }

  /**
   * @param key model and operation
   * @param bytes of text in the request
   * @param most tokens that the client allows the answer; undefined: any
   * @param writes whether the answer is text
   */
  estimate(key: string, bytes: number, most: number | undefined, writes: boolean): Estimate {
    const learned = this.#learned.get(key);
    const input = Math.ceil(bytes / (learned?.bytesPerToken ?? USUAL_BYTES_PER_TOKEN));
    if (!writes) return { input, output: 0 };
    const usual = learned === undefined ? USUAL_OUTPUT : Math.ceil(learned.output + learned.spread);
    return { input, output: Math.min(usual, most ?? usual) };
  }

  /** Tokens that so many content events of a stream probably are. */
  ofEvents(key: string, events: number): number {
    return Math.round(events * (this.#learned.get(key)?.perEvent ?? 1));
  }

  /** @param events content events of a stream that was complete; 0 for an answer in one piece */
  observe(key: string, bytes: number, usage: Usage, events: number): void {
    const learned = this.#of(key);
    const rate = Math.max(RATE, 1 / (BELIEVED + learned.seen++));
    const { input, output } = usage;
    if (input !== undefined && input > 0) learned.bytesPerToken += rate * (bytes / input - learned.bytesPerToken);
    if (output === undefined) return;
    learned.spread += rate * (Math.abs(output - learned.output) - learned.spread);
    learned.output += rate * (output - learned.output);
    if (events === 0 || output === 0) return;
    learned.perEvent += Math.max(RATE, 1 / ++learned.streams) * (output / events - learned.perEvent);
  }

  #of(key: string): Learned {
    let learned = this.#learned.get(key);
    if (learned === undefined) {
      if (this.#learned.size >= MOST_KEYS) this.#learned.clear();
      learned = { bytesPerToken: USUAL_BYTES_PER_TOKEN, output: USUAL_OUTPUT, spread: 0, perEvent: 1, seen: 0, streams: 0 };
      this.#learned.set(key, learned);
    }
    return learned;
  }
}
