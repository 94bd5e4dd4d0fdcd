import { Outbox } from './outbox.ts';

/** Bytes of a response that an observer may be behind. */
const MAX_BEHIND_BYTES = 4 * 1024 * 1024;

/** The body of a response, for an observer that must not slow the client down: if it falls behind, it loses the rest. */
export class ObservedBody {
  readonly #out = new Outbox(MAX_BEHIND_BYTES);

  push(chunk: Buffer): void {
    this.#out.push(chunk);
    if (this.#out.full) this.#out.fail(new Error(`the observer is more than ${MAX_BEHIND_BYTES} bytes behind the response`));
  }

  end(): void {
    this.#out.end();
  }

  /** The client or the endpoint has gone. */
  abort(): void {
    this.#out.fail(new Error('the exchange ended before the response'));
  }

  chunks(): AsyncIterable<Buffer> {
    return this.#out.read();
  }
}
