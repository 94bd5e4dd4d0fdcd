import type { EppExchange } from '../epp/exchange.ts';
import { type HeaderEdit, NO_EDIT } from '../epp/header-edit.ts';
import { pairsOf, permittedAnswerEdit } from './external-edit.ts';
import type { Patience } from './external-outage.ts';

export interface ShownResponseOptions {
  readonly exchange: EppExchange;
  /** Bytes of the answer that the picker may be behind before it sees no more of it. */
  readonly maxBehindBytes: number;
  /** Of all answers of the picker: whether they wait for its reply. */
  readonly patience: Patience;
  readonly note: (sort: string, message: string) => void;
}

/**
 * Shows an answer to the picker; its body without ever holding it up. The exchange knows what the picker wants to see; what it sends back
 * of the body is read and dropped. A picker that falls behind, or fails, sees no more.
 */
export class ShownResponse {
  readonly #exchange: EppExchange;
  readonly #maxBehindBytes: number;
  readonly #patience: Patience;
  readonly #note: ShownResponseOptions['note'];
  readonly #waiting: Buffer[] = [];
  #behind = 0;
  #state: 'request' | 'response' | 'ending' | 'over' = 'request';
  #pumping = false;

  constructor({ exchange, maxBehindBytes, patience, note }: ShownResponseOptions) {
    this.#exchange = exchange;
    this.#maxBehindBytes = maxBehindBytes;
    this.#patience = patience;
    this.#note = note;
  }

  /** Whether the answer that is there now should wait for the picker's reply to its head. */
  get worthWaiting(): boolean {
    return this.#state === 'request' && this.#exchange.failure === undefined && this.#patience.left;
  }

  /** Resolves with what the picker changes in the headers: nothing, where it is gone, or has an answer of its own. Never rejects. */
  async head(status: number, headers: readonly string[], served: string): Promise<HeaderEdit> {
    if (this.#state !== 'request') return NO_EDIT;
    this.#state = 'response';
    // Until the headers are answered the body waits: the answer may say that no body is wanted.
    this.#pumping = true;
    void this.#discard();
    try {
      const shown = pairsOf(headers);
      const head = await this.#exchange.responseHeaders(status, shown, served);
      if (head.kind === 'continue' && head.failure?.kind === 'timeout') this.#patience.silent();
      else this.#patience.answered();
      if (head.kind === 'continue') return this.#permitted(permittedAnswerEdit(head.headers, shown));
      this.#note('late-answer', `the endpoint picker answered ${head.status} after the pod had answered: it is not followed`);
    } catch (error) {
      this.#give(String(error));
    } finally {
      this.#pumping = false;
      void this.#pump();
    }
    return NO_EDIT;
  }

  #permitted(edit: HeaderEdit): HeaderEdit {
    const { refused } = edit;
    if (refused.length > 0)
      this.#note('refused-answer', `the endpoint picker may not change the headers ${[...new Set(refused)].join(', ')} of an answer`);
    return edit;
  }

  data(chunk: Buffer): void {
    if (this.#state !== 'response' || chunk.length === 0) return;
    if (this.#gone()) return;
    this.#behind += chunk.length;
    if (this.#behind > this.#maxBehindBytes) {
      this.#give(`the endpoint picker is more than ${this.#maxBehindBytes} bytes behind an answer: it is shown no more of it`);
      return;
    }
    this.#waiting.push(chunk);
    void this.#pump();
  }

  /** The answer is complete: the picker sees the rest, and the exchange ends. */
  end(): void {
    if (this.#state === 'response') {
      this.#state = 'ending';
      void this.#pump();
    } else if (this.#state === 'request') {
      this.#state = 'over';
      this.#gone();
      this.#exchange.close();
    }
  }

  /** There is no complete answer: the picker hears of it at once. */
  cut(): void {
    if (this.#state === 'over') return;
    this.#gone();
    this.#stop();
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let chunk = this.#waiting.shift(); chunk !== undefined; chunk = this.#waiting.shift())
        await this.#exchange.responseBody(chunk, false);
      if (this.#state === 'ending') {
        this.#state = 'over';
        await this.#exchange.responseBody(Buffer.alloc(0), true);
      }
    } catch (error) {
      this.#give(String(error));
    } finally {
      this.#pumping = false;
    }
  }

  /** Reads what comes back, so that the picker can go on. */
  async #discard(): Promise<void> {
    try {
      for await (const chunk of this.#exchange.responseChunks()) this.#behind -= chunk.length;
    } catch {
      // It left while it rewrote; nobody misses what it would have sent.
    }
    // Whatever follows is nobody's business any more.
    this.#gone();
    this.#state = 'over';
    this.#waiting.length = 0;
  }

  /** Whether the picker has failed; that is noted. */
  #gone(): boolean {
    const { failure } = this.#exchange;
    if (failure === undefined) return false;
    this.#note('after-pick', `${failure.message}; its pick holds, and the answer goes on without it`);
    this.#state = 'over';
    this.#waiting.length = 0;
    return true;
  }

  #give(message: string): void {
    this.#note('behind', message);
    this.#stop();
  }

  #stop(): void {
    this.#state = 'over';
    this.#waiting.length = 0;
    this.#exchange.cancel();
  }
}
