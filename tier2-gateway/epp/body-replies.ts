import type { CommonResponse } from './messages.ts';

/** A reply that does not fit what was sent. */
export class BodyReplyError extends Error {
  override readonly name = 'BodyReplyError';
}

/**
 * Turns a picker's replies to the body messages of one direction into the body that goes on. Two dialects exist, and the first reply
 * says which: *plain*, one reply for every message, where an empty mutation means the original chunk; and *streamed*, any number of
 * replies that carry the body themselves.
 */
export class BodyReplies {
  /** Plain: chunks without a reply. Streamed: what the picker has not yet sent back, as long as it has changed nothing. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  readonly #maxPendingBytes: number;
  #dialect: 'unknown' | 'plain' | 'streamed' = 'unknown';
  #lost = false;
  #sent = 0;
  #replies = 0;
  #sentEnd = false;
  #streamEnded = false;

  /** @param maxPendingBytes Bytes kept of chunks that the picker has not answered; beyond them, nothing can be passed on without it. */
  constructor(maxPendingBytes: number) {
    this.#maxPendingBytes = maxPendingBytes;
  }

  sent(chunk: Buffer): void {
    this.#sent++;
    if (this.#lost) return;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes > this.#maxPendingBytes) this.#lose();
  }

  /** The last body message is out (or trailers are, which end the body). */
  sentEnd(): void {
    this.#sentEnd = true;
  }

  /** What goes on after this reply. */
  reply(response: CommonResponse | undefined): Buffer[] {
    const mutation = response?.bodyMutation;
    const streamed = mutation?.streamedResponse;
    const dialect = streamed === undefined ? 'plain' : 'streamed';
    if (this.#dialect !== 'unknown' && this.#dialect !== dialect)
      throw new BodyReplyError(`a ${dialect} body reply after ${this.#dialect} ones`);
    this.#dialect = dialect;
    this.#replies++;
    if (streamed !== undefined) return this.#streamed(streamed.body ?? Buffer.alloc(0), streamed.endOfStream === true);
    if (this.#replies > this.#sent) throw new BodyReplyError('more body replies than body messages');
    if (this.#lost) throw new BodyReplyError(`no body reply within ${this.#maxPendingBytes} bytes`);
    const original = this.#pending.shift()!;
    this.#pendingBytes -= original.length;
    if (mutation?.body !== undefined) return [mutation.body];
    return mutation?.clearBody === true ? [] : [original];
  }

  /** Trailers were answered: no more body comes. */
  endedByTrailers(): void {
    if (this.#dialect === 'streamed') this.#streamEnded = true;
  }

  /** Whether the whole body has come back. */
  get complete(): boolean {
    if (this.#dialect === 'streamed') return this.#streamEnded;
    return this.#sentEnd && this.#replies === this.#sent;
  }

  /** Whether the next thing is the picker's to say. */
  get awaited(): boolean {
    return !this.complete && this.#replies < this.#sent;
  }

  /** Whether some of a streamed body has come, and not all. */
  get partial(): boolean {
    return this.#dialect === 'streamed' && !this.#streamEnded;
  }

  /** What to pass on if the picker is gone: the chunks that it did not answer. Undefined if only the picker could tell. */
  remaining(): Buffer[] | undefined {
    if (this.complete) return [];
    if (!this.#lost) return this.#pending;
    return this.#dialect === 'streamed' && this.#replies === this.#sent ? [] : undefined;
  }

  #streamed(body: Buffer, end: boolean): Buffer[] {
    if (this.#streamEnded) throw new BodyReplyError('a body reply after the end of the body');
    this.#streamEnded = end;
    this.#acknowledge(body);
    return body.length === 0 ? [] : [body];
  }

  /** Takes what came back unchanged off what is pending; after the first difference, positions cannot be told. */
  #acknowledge(body: Buffer): void {
    for (let at = 0; at < body.length && !this.#lost;) {
      const head = this.#pending[0];
      const length = Math.min(head?.length ?? 0, body.length - at);
      if (head === undefined || body.compare(head, 0, length, at, at + length) !== 0) return this.#lose();
      at += length;
      this.#pendingBytes -= length;
      if (length < head.length) this.#pending[0] = head.subarray(length);
      else this.#pending.shift();
    }
  }

  #lose(): void {
    this.#lost = true;
    this.#pending = [];
    this.#pendingBytes = 0;
  }
}
