import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

import { GatewayError } from '../errors.ts';

import { slow } from '../read/body.ts';

/** Bytes that a copy's reader may be behind. One that is slower is given up: it may neither hold up the client nor fill the memory. */
const MOST_BEHIND_BYTES = 1024 * 1024;

/** Why a copy ends before its body does. */
export class TooFarBehind extends Error {
  override readonly name = 'TooFarBehind';
}

/**
 * A request's body for several readers, each with the same chunks of memory: one attempt after the other, as fast as each takes it, and copies
 * that follow as they can. What has passed is kept for another attempt as long as it is small.
 */
export class PassedBody {
  readonly #request: IncomingMessage;
  readonly #most: number;
  readonly #timer: NodeJS.Timeout | undefined;
  #kept: Buffer[] | undefined = [];
  #keptBytes = 0;
  #main: Readable | undefined;
  readonly #copies = new Set<Readable>();
  #end: { readonly error: GatewayError | null } | undefined;
  /** Nobody attempts anything any more. */
  #released = false;

  /**
   * @param most bytes that are kept for another attempt
   * @param timeoutMs for the whole body to arrive; 0: none
   */
  constructor(request: IncomingMessage, most: number, timeoutMs: number) {
    this.#request = request;
    this.#most = most;
    request.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose);
    request.pause();
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#ended(slow(timeoutMs)), timeoutMs);
  }

  /** Whether another attempt can have it from its first byte. */
  get isKept(): boolean {
    return this.#kept !== undefined;
  }

  /** For an attempt; the one before is over. */
  attempt(): Readable {
    const body = new Readable({
      read: () => {
        if (this.#main === body) this.#request.resume();
      },
      destroy: (error, done) => {
        if (this.#main === body) this.#main = undefined;
        done(error);
      },
    });
    this.#main = body;
    this.#fill(body);
    return body;
  }

  /** For one who gets what the attempts get, and is not waited for. To be asked for before anything has passed. */
  copy(): Readable {
    const body = new Readable({
      highWaterMark: MOST_BEHIND_BYTES,
      read: () => undefined,
      destroy: (error, done) => {
        this.#copies.delete(body);
        done(error);
      },
    });
    this.#copies.add(body);
    this.#fill(body);
    return body;
  }

  /** No further attempt comes. Copies get what is still read of the request. */
  release(): void {
    this.#released = true;
    this.#kept = undefined;
  }

  #fill(body: Readable): void {
    body.on('error', () => {
      // The request that carries it fails by itself.
    });
    for (const chunk of this.#kept ?? []) body.push(chunk);
    if (this.#end?.error === null) body.push(null);
    else if (this.#end !== undefined) body.destroy(this.#end.error);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#keep(chunk);
    for (const copy of this.#copies) {
      if (copy.readableLength + chunk.length > MOST_BEHIND_BYTES) copy.destroy(new TooFarBehind());
      else copy.push(chunk);
    }
    // Between two attempts nothing more is taken from the client.
    const more = this.#main === undefined ? this.#released : this.#main.push(chunk);
    if (!more) this.#request.pause();
  };

  #keep(chunk: Buffer): void {
    if (this.#kept === undefined) return;
    this.#keptBytes += chunk.length;
    // The one chunk that may come between two attempts belongs to the next, however large it is.
    if (this.#keptBytes > this.#most && this.#main !== undefined) this.#kept = undefined;
    else this.#kept.push(chunk);
  }

  readonly #onEnd = (): void => this.#ended(null);
  readonly #onClose = (): void => this.#ended(new GatewayError('TK_BAD_REQUEST', 'the request ended before its body was complete'));

  #ended(error: GatewayError | null): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    clearTimeout(this.#timer);
    this.#request.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose);
    for (const body of this.#main === undefined ? this.#copies : [this.#main, ...this.#copies]) {
      if (error === null) body.push(null);
      else body.destroy(error);
    }
  }
}
