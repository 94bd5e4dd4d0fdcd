import { BodyReplies } from './body-replies.ts';
import { EppFailure } from './failure.ts';
import { NO_EDIT, readMutation } from './header-edit.ts';
import type { Header, HeaderEdit } from './header-edit.ts';
import type { CommonResponse, HeaderMutation } from './messages.ts';
import { Outbox } from './outbox.ts';
import type { BodyMode, Immediate } from './request-side.ts';

/** What becomes of the response headers. `failure`: the picker is gone, and the response passes as it is. */
export type ResponseHead = { readonly kind: 'continue'; readonly headers: HeaderEdit; readonly failure?: EppFailure } | Immediate;

/** What the picker has said so far about one response. */
export class ResponseSide {
  mode: BodyMode;
  /** The picker asked not to see the headers. */
  skipHeaders = false;
  readonly replies: BodyReplies;
  readonly out: Outbox;
  /** A buffered body, until it is whole. */
  readonly held: Buffer[] = [];
  /** The gateway has handed over the whole body. */
  bodyEnded = false;
  #shown: readonly Header[] = [];
  #state: 'waiting' | 'sent' | 'replied' = 'waiting';
  #head: ((head: ResponseHead) => void) | undefined;
  #trailers: ((edit: HeaderEdit) => void) | undefined;
  #trailersSent = false;
  #endOfStream = false;

  constructor(options: { mode: BodyMode; maxBodyBytes: number; outboxBytes: number }) {
    this.mode = options.mode;
    this.replies = new BodyReplies(options.maxBodyBytes);
    this.out = new Outbox(options.outboxBytes);
  }

  get started(): boolean {
    return this.#state !== 'waiting';
  }

  /** Notes that headers go out; resolves with the answer to them. */
  awaitHead(shown: readonly Header[], endOfStream: boolean): Promise<ResponseHead> {
    this.#state = 'sent';
    this.#shown = shown;
    this.#endOfStream = endOfStream;
    if (endOfStream) this.bodyEnded = true;
    return new Promise((resolve) => (this.#head = resolve));
  }

  awaitTrailers(): Promise<HeaderEdit> {
    this.#trailersSent = true;
    this.replies.sentEnd();
    return new Promise((resolve) => (this.#trailers = resolve));
  }

  onHeaders(response: CommonResponse | undefined): void {
    if (this.#state !== 'sent') throw new Error('an unexpected reply to response headers');
    this.#state = 'replied';
    this.#head?.({ kind: 'continue', headers: readMutation(response?.headerMutation, { current: this.#shown }) });
    if (response?.status === 'CONTINUE_AND_REPLACE') {
      this.out.push(response.bodyMutation?.body ?? Buffer.alloc(0));
      this.out.end();
    } else if (this.#endOfStream) this.out.end();
  }

  onBody(response: CommonResponse | undefined): void {
    if (!this.started) throw new Error('a reply to a response body that was not sent');
    if (this.out.ended) return;
    for (const chunk of this.replies.reply(response)) this.out.push(chunk);
    if (this.replies.complete && !this.#trailersSent) this.out.end();
  }

  onTrailers(mutation: HeaderMutation | undefined): void {
    if (this.#trailers === undefined) throw new Error('an unexpected reply to response trailers');
    this.replies.endedByTrailers();
    this.#trailers(readMutation(mutation));
    this.#trailers = undefined;
    this.out.end();
  }

  /** Whether an immediate response can still be honoured. */
  onImmediate(immediate: Immediate): boolean {
    if (this.#state !== 'sent') return false;
    this.#state = 'replied';
    this.#head?.(immediate);
    this.out.end();
    return true;
  }

  /** Whether the picker has nothing more to say. */
  get complete(): boolean {
    return this.#state === 'replied' && this.out.ended && this.#trailers === undefined;
  }

  /** Whether it is the picker's turn. A full-duplex picker may keep the body until its end. */
  get awaited(): boolean {
    if (this.#state === 'sent' || this.#trailers !== undefined) return true;
    if (this.out.ended || this.mode === 'none') return false;
    return this.bodyEnded || (this.mode !== 'full-duplex' && this.replies.awaited);
  }

  /** The picker is gone: what it has not answered passes as it is, if that can be told. Returns the failure if the body is lost. */
  abandon(failure: EppFailure | undefined): EppFailure | undefined {
    this.#state = 'replied';
    this.#head?.({ kind: 'continue', headers: NO_EDIT, ...(failure === undefined ? {} : { failure }) });
    const rest = this.replies.remaining();
    let lost: EppFailure | undefined;
    if (rest === undefined && !this.out.ended) {
      lost = new EppFailure(
        'protocol',
        `the picker left in the middle of a response body that it was rewriting${failure === undefined ? '' : `: ${failure.message}`}`,
        true,
      );
      this.out.fail(lost);
    }
    for (const chunk of [...(rest ?? []), ...this.held.splice(0)]) this.out.push(chunk);
    if (this.bodyEnded || this.#trailersSent) this.out.end();
    this.#trailers?.(NO_EDIT);
    this.#trailers = undefined;
    return lost;
  }
}
