import { type ClientHttp2Session, type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import { pipeline, Readable } from 'node:stream';

import { type Dispatcher, errors } from 'undici';

import { http2Headers } from './headers.ts';

/** A request that a server has not touched is sent again so many times (RFC 9113, section 8.7). */
const MOST_REFUSALS = 2;

/** One request: it waits for a connection, then it is a stream. Its handler hears one end of it. */
export class H2cRequest implements Dispatcher.DispatchController {
  aborted = false;
  reason: Error | null = null;
  paused = false;
  readonly #options: Dispatcher.DispatchOptions;
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #authority: string;
  readonly #body: Buffer | Readable | null;
  #stream: ClientHttp2Stream | undefined;
  #refusals = 0;
  #headSeen = false;
  #over = false;

  /** @throws InvalidArgumentError for what HTTP/2 has no place for */
  constructor(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler, authority: string) {
    this.#options = options;
    this.#handler = handler;
    this.#authority = authority;
    if ((options.upgrade ?? false) !== false || options.method === 'CONNECT')
      throw new errors.InvalidArgumentError('a connection of HTTP/2 cannot be upgraded');
    this.#body = bodyOf(options.body);
  }

  /** Nothing more is to be done for it. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether its stream has been quiet since it was opened. */
  get unanswered(): boolean {
    return this.#stream !== undefined && !this.#headSeen;
  }

  announce(): void {
    this.#handler.onRequestStart?.(this, {});
  }

  /**
   * Opens a stream for it.
   * @param closed called once, when the stream is closed. `again`: the server refused it untouched
   * @throws what the session throws when it takes no more streams
   */
  send(session: ClientHttp2Session, closed: (again: boolean) => void): void {
    const body = this.#body;
    const { method, path, headers } = this.#options;
    const line = { method, path, authority: this.#authority, contentLength: lengthOf(body, method) };
    const stream = session.request(http2Headers(line, headers), { endStream: body === null });
    this.#stream = stream;
    const whole = watchEnd(stream);
    let again = false;
    stream.on('response', (answer) => this.#head(answer));
    stream.on('data', (chunk: Buffer) => this.#step(() => this.#handler.onResponseData?.(this, chunk)));
    let trailers: IncomingHttpHeaders = {};
    stream.on('trailers', (fields) => (trailers = fields));
    stream.on('end', () => {
      // Node ends the readable side for a stream that was reset without an error as well.
      if (whole() && this.#headSeen) this.#end(trailers);
    });
    stream.on('error', (error) => {
      again = this.#maySendAgain(stream, error);
      if (!again) this.#fail(error);
    });
    stream.on('close', () => {
      if (!again) this.#fail(new errors.SocketError(`the backend reset the stream (code ${stream.rstCode})`));
      closed(again && !this.#over);
    });
    if (body instanceof Readable)
      pipeline(body, stream, (error) => {
        // The answer may be there before the whole request is: then its body is nobody's business any more.
        if (error) this.#fail(error);
      });
    else if (body !== null) stream.end(body);
  }

  pause(): void {
    this.paused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.paused = false;
    this.#stream?.resume();
  }

  abort(reason: Error): void {
    this.#fail(reason);
  }

  #head(answer: IncomingHttpHeaders): void {
    this.#headSeen = true;
    const { ':status': status, ...headers } = answer;
    this.#step(() => this.#handler.onResponseStart?.(this, Number(status), headers));
    if (this.paused) this.#stream!.pause();
  }

  #end(trailers: IncomingHttpHeaders): void {
    if (this.#over) return;
    this.#over = true;
    const stream = this.#stream!;
    this.#guard(() => this.#handler.onResponseEnd?.(this, trailers));
    // The answer does not wait for the rest of the request.
    if (!stream.writableEnded) this.#cancel(stream, new Error('the request was answered before it was whole'));
  }

  #step(step: () => void): void {
    if (!this.#over) this.#guard(step);
  }

  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.aborted = true;
    this.reason = error;
    if (this.#stream !== undefined) this.#cancel(this.#stream, error);
    if (this.#body instanceof Readable) this.#body.destroy();
    this.#handler.onResponseError?.(this, error);
  }

  /** A request that is not whole must not look as if it were: `close` would end its body first. */
  #cancel(stream: ClientHttp2Stream, why: Error): void {
    if (stream.writableEnded) stream.close(constants.NGHTTP2_CANCEL);
    else stream.destroy(why);
  }

  #maySendAgain({ rstCode }: ClientHttp2Stream, { code }: NodeJS.ErrnoException): boolean {
    if (this.#over || this.#headSeen || this.#body instanceof Readable) return false;
    // The second is Node's own for a stream that it did not open any more.
    if (rstCode !== constants.NGHTTP2_REFUSED_STREAM && code !== 'ERR_HTTP2_GOAWAY_SESSION') return false;
    return this.#refusals++ < MOST_REFUSALS;
  }
}

/** @returns tells whether the other side ended the stream, and did not just reset it */
function watchEnd(stream: ClientHttp2Stream): () => boolean {
  let ended = false;
  const push = stream.push.bind(stream);
  // A reset closes the stream before it ends the readable side.
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    if (chunk === null && !stream.closed) ended = true;
    return push(chunk, encoding);
  };
  return () => ended;
}

function bodyOf(body: Dispatcher.DispatchOptions['body']): Buffer | Readable | null {
  if (body === undefined || body === null || Buffer.isBuffer(body) || body instanceof Readable) return body ?? null;
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  throw new errors.InvalidArgumentError('a body is text, bytes or a stream');
}

function lengthOf(body: Buffer | Readable | null, method: string): number | undefined {
  if (body instanceof Readable) return undefined;
  if (body !== null) return body.length;
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? 0 : undefined;
}
