/** What a {@link MessageReader} tells of the messages on one connection, in order. */
export interface MessageSink {
  /** @param head start line and headers, without the blank line */
  head(head: string): void;
  /** A piece of the body, without the framing. */
  body(piece: Buffer): void;
  end(): void;
}

const HEAD = 0;
const LENGTH = 1;
const SIZE = 2;
const CHUNK = 3;
const CHUNK_END = 4;
const TRAILER = 5;

const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i;
const CHUNKED = /\r\ntransfer-encoding: *chunked/i;
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const END_OF_LINE = Buffer.from('\r\n');

/**
 * Splits one connection's bytes into HTTP/1.1 messages (RFC 9112 sections 6 and 7): bodies with Content-Length or chunked. It does just
 * what two ends need that are known to behave, because every microsecond here is taken from what is measured. A message without either
 * framing has no body.
 */
export class MessageReader {
  readonly #sink: MessageSink;
  #state = HEAD;
  /** Bytes of the body or of the chunk that are still to come. */
  #left = 0;
  /** A head or a line that has not ended yet. */
  #rest: Buffer | undefined;

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  /** Whether the connection could end here without cutting a message. */
  get idle(): boolean {
    return this.#state === HEAD && this.#rest === undefined;
  }

  /** @throws Error on a chunk size that is none */
  push(received: Buffer): void {
    let bytes = received;
    if (this.#rest !== undefined) {
      bytes = Buffer.concat([this.#rest, bytes]);
      this.#rest = undefined;
    }
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === LENGTH || this.#state === CHUNK) {
        const end = Math.min(bytes.length, at + this.#left);
        this.#left -= end - at;
        this.#sink.body(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end));
        at = end;
        if (this.#left > 0) return;
        if (this.#state === CHUNK) this.#state = CHUNK_END;
        else this.#end();
        continue;
      }
      const mark = this.#state === HEAD ? END_OF_HEAD : END_OF_LINE;
      const end = bytes.indexOf(mark, at);
      if (end === -1) {
        this.#rest = bytes.subarray(at);
        return;
      }
      this.#line(bytes.toString('latin1', at, end));
      at = end + mark.length;
    }
  }

  #line(text: string): void {
    if (this.#state === HEAD) {
      this.#sink.head(text);
      const length = CONTENT_LENGTH.exec(text)?.[1];
      if (length !== undefined && length !== '0') {
        this.#left = Number(length);
        this.#state = LENGTH;
      } else if (length === undefined && CHUNKED.test(text)) {
        this.#state = SIZE;
      } else {
        this.#end();
      }
    } else if (this.#state === SIZE) {
      this.#left = Number.parseInt(text, 16);
      if (Number.isNaN(this.#left)) throw new Error(`not the size of a chunk: ${JSON.stringify(text.slice(0, 40))}`);
      this.#state = this.#left === 0 ? TRAILER : CHUNK;
    } else if (this.#state === CHUNK_END) {
      this.#state = SIZE;
    } else if (text === '') {
      this.#end();
    }
  }

  #end(): void {
    this.#state = HEAD;
    this.#sink.end();
  }
}
