const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;

const DEFAULT_MAX_EVENT_BYTES = 8 * 1024 * 1024;

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** A block of an event stream that outgrew the limit before its blank line came. */
export class SseEventTooLarge extends Error {
  override readonly name = 'SseEventTooLarge';
  readonly maxEventBytes: number;

  constructor(maxEventBytes: number) {
    super(`an event of the stream is larger than ${maxEventBytes} bytes`);
    this.maxEventBytes = maxEventBytes;
  }
}

/**
 * What one block of an event stream says (WHATWG HTML §9.2.6). The block is read at the first question.
 *
 * A scanner hands out one and the same object for all its events: it is valid inside `onEvent` only. Buffers that came
 * from it may be kept. `new SseEvent(raw)` reads a block that was kept.
 */
export class SseEvent {
  #raw: Buffer;
  #from: number;
  #parsed = false;
  #data: Buffer | undefined;
  #type: Buffer | undefined;
  #id: Buffer | undefined;
  #retry: Buffer | undefined;

  /** @param from where the first line starts in `raw`: behind the byte order mark, if there is one */
  constructor(raw: Buffer, from = 0) {
    this.#raw = raw;
    this.#from = from;
  }

  /** Makes the object stand for another block. */
  reset(raw: Buffer, from = 0): void {
    this.#raw = raw;
    this.#from = from;
    this.#parsed = false;
  }

  /** The value of the `event` field, or `message`. */
  get type(): string {
    this.#parse();
    return this.#type === undefined || this.#type.length === 0 ? 'message' : this.#type.toString();
  }

  /**
   * The values of the `data` lines, joined with LF: a view of the block if there is one such line. Undefined without
   * any: comments, a bare `event` or `retry`, a superfluous blank line. Browsers dispatch nothing for those.
   */
  get data(): Buffer | undefined {
    this.#parse();
    return this.#data;
  }

  /** The value of this block's `id` field; a browser would keep it for later events too. One with a NUL does not count. */
  get id(): string | undefined {
    this.#parse();
    return this.#id?.toString();
  }

  /** The value of the `retry` field in milliseconds, if it is a whole number. */
  get retry(): number | undefined {
    this.#parse();
    const text = this.#retry?.toString('latin1');
    if (text === undefined || !/^\d+$/.test(text)) return undefined;
    const milliseconds = Number(text);
    return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
  }

  #parse(): void {
    if (this.#parsed) return;
    this.#parsed = true;
    this.#data = undefined;
    this.#type = undefined;
    this.#id = undefined;
    this.#retry = undefined;
    let more: Buffer[] | undefined;
    const raw = this.#raw;
    const length = raw.length;
    // Each search starts behind the last find only, so that a block without LF costs one search, not one a line.
    let nextLf = -1;
    let nextCr = -1;
    for (let start = this.#from; start < length;) {
      if (nextLf < start) nextLf = offsetOf(raw, LINE_FEED, start);
      if (nextCr < start) nextCr = offsetOf(raw, CARRIAGE_RETURN, start);
      const end = nextCr < nextLf ? nextCr : nextLf;
      const value = dataValue(raw, start, end);
      if (value !== undefined) {
        if (this.#data === undefined) this.#data = value;
        else (more ??= [this.#data]).push(NEW_LINE, value);
      } else if (end > start) this.#parseOther(raw, start, end);
      start = end + 1;
    }
    if (more !== undefined) this.#data = Buffer.concat(more);
  }

  /** A line other than `data`: a comment, one of the rare fields, or an unknown field, which does not count. */
  #parseOther(raw: Buffer, start: number, end: number): void {
    const first = raw[start];
    if (first !== 0x65 && first !== 0x69 && first !== 0x72) return;
    const line = raw.subarray(start, end);
    const colon = line.indexOf(COLON);
    const name = line.toString('latin1', 0, colon === -1 ? line.length : colon);
    const value = colon === -1 ? line.subarray(line.length) : line.subarray(line[colon + 1] === SPACE ? colon + 2 : colon + 1);
    if (name === 'event') this.#type = value;
    else if (name === 'retry') this.#retry = value;
    else if (name === 'id' && !value.includes(0)) this.#id = value;
  }
}

const NEW_LINE = Buffer.from('\n');

/** The offset of the next such byte, or the length. */
function offsetOf(bytes: Buffer, byte: number, from: number): number {
  const found = bytes.indexOf(byte, from);
  return found === -1 ? bytes.length : found;
}

/** The value of the line if it is a `data` field. */
function dataValue(raw: Buffer, start: number, end: number): Buffer | undefined {
  if (end - start < 4) return undefined;
  if (raw[start] !== 0x64 || raw[start + 1] !== 0x61 || raw[start + 2] !== 0x74 || raw[start + 3] !== 0x61) return undefined;
  if (end - start === 4) return raw.subarray(end, end);
  if (raw[start + 4] !== COLON) return undefined;
  return raw.subarray(end - start > 5 && raw[start + 5] === SPACE ? start + 6 : start + 5, end);
}

export interface SseScannerOptions {
  /**
   * Bytes that one block may have, blank line included; more throws SseEventTooLarge.
   *
   * @default 8388608 (8 MiB)
   */
  readonly maxEventBytes?: number;
  /**
   * Called for every complete block, inside `push` or `end`. `raw` is the block byte for byte with its blank line:
   * a view of the chunk when the chunk holds all of it. A block without data (comments, a superfluous blank line) is
   * handed over too, so that whoever passes on every `raw` passes on the stream.
   */
  readonly onEvent: (raw: Buffer, event: SseEvent) => void;
}

export interface SseEnd {
  /** The bytes that no event was made of; empty after a whole number of blocks. */
  readonly leftover: Buffer;
  /** Whether the stream broke off inside a block (a reader must discard that one). False if the scanner was stopped. */
  readonly incomplete: boolean;
}

/**
 * Cuts a stream of bytes into the blocks of Server-Sent Events (WHATWG HTML §9.2.5), whatever its line ends and
 * wherever the chunks split it: the raws in order, and then the leftover, are the stream byte for byte.
 *
 * A block is handed over as soon as its blank line is there, except that one whose blank line ends in CR waits for the
 * next byte (or the end), which may be the LF of a CRLF.
 */
export class SseScanner {
  readonly #maxEventBytes: number;
  readonly #onEvent: (raw: Buffer, event: SseEvent) => void;
  readonly #event = new SseEvent(Buffer.alloc(0));
  /** What has arrived of the current block in earlier chunks. */
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Where the current block starts in the current chunk. */
  #start = 0;
  /** The current line has no bytes so far, so that a line end now completes the block. */
  #lineIsEmpty = true;
  /** The last byte was a CR: an LF that follows belongs to it. */
  #afterCr = false;
  /** That CR ended a blank line. */
  #blockEnded = false;
  /** Bytes of the byte order mark seen at the start of the stream; undefined once that is settled. */
  #markBytes: number | undefined = 0;
  /** Length of the mark in front of the current block's first line. */
  #mark = 0;
  #stopped = false;

  constructor(options: SseScannerOptions) {
    this.#maxEventBytes = options.maxEventBytes ?? DEFAULT_MAX_EVENT_BYTES;
    this.#onEvent = options.onEvent;
  }

  /** Whether the scanner takes no more: `stop` was called, `end` was, an event was too large or `onEvent` threw. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Ends the scan after the current event. The rest of the current chunk becomes leftover; later chunks are ignored. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Takes the next bytes. The scanner and the events keep views of the chunk, so nobody may write to it afterwards.
   *
   * @throws SseEventTooLarge
   */
  push(chunk: Buffer): void {
    if (this.#stopped || chunk.length === 0) return;
    this.#start = 0;
    let failed = true;
    try {
      this.#scan(chunk);
      failed = false;
    } finally {
      if (failed) this.#stopped = true;
      if (this.#start < chunk.length) {
        this.#pending.push(this.#start === 0 ? chunk : chunk.subarray(this.#start));
        this.#pendingBytes += chunk.length - this.#start;
      }
    }
    if (this.#pendingBytes > this.#maxEventBytes && !this.#stopped) {
      this.#stopped = true;
      throw new SseEventTooLarge(this.#maxEventBytes);
    }
  }

  /** Says that the stream is over. May still hand over an event, if the last byte was the CR of a blank line. */
  end(): SseEnd {
    const wasStopped = this.#stopped;
    this.#stopped = true;
    this.#start = 0;
    if (this.#blockEnded && !wasStopped) this.#emit(Buffer.alloc(0), 0);
    const leftover = this.#takePending();
    return { leftover, incomplete: leftover.length > 0 && !wasStopped };
  }

  #scan(chunk: Buffer): void {
    const length = chunk.length;
    let at = 0;
    if (this.#markBytes !== undefined) at = this.#skipMark(chunk);
    if (at === length) return;

    if (this.#afterCr) {
      this.#afterCr = false;
      if (chunk[at] === LINE_FEED) at++;
      if (this.#blockEnded) {
        this.#emit(chunk, at);
        if (this.#stopped) return;
      }
    }

    let lineIsEmpty = this.#lineIsEmpty;
    // Most streams have no carriage return: then the chunk is looked through for them once.
    let nextLf = -1;
    let nextCr = -1;
    while (at < length) {
      if (nextLf < at) nextLf = chunk[at] === LINE_FEED ? at : offsetOf(chunk, LINE_FEED, at);
      if (nextCr < at) nextCr = offsetOf(chunk, CARRIAGE_RETURN, at);
      const end = nextCr < nextLf ? nextCr : nextLf;
      if (end === length) {
        this.#lineIsEmpty = false;
        return;
      }
      const blank = lineIsEmpty && end === at;
      lineIsEmpty = true;
      at = end + 1;
      if (end === nextCr) {
        if (at === length) {
          this.#lineIsEmpty = true;
          this.#afterCr = true;
          this.#blockEnded = blank;
          return;
        }
        if (chunk[at] === LINE_FEED) at++;
      }
      if (blank) {
        this.#emit(chunk, at);
        if (this.#stopped) return;
      }
    }
    this.#lineIsEmpty = true;
  }

  /** Steps over a byte order mark at the start of the stream, which may come in pieces. */
  #skipMark(chunk: Buffer): number {
    let seen = this.#markBytes!;
    let at = 0;
    while (seen < 3 && at < chunk.length && chunk[at] === BYTE_ORDER_MARK[seen]) {
      seen++;
      at++;
    }
    if (seen === 3) this.#mark = 3;
    else if (at === chunk.length) {
      this.#markBytes = seen;
      return at;
    } else if (seen > 0) this.#lineIsEmpty = false;
    this.#markBytes = undefined;
    return at;
  }

  /** Hands over the block that ends before `end` in the chunk. */
  #emit(chunk: Buffer, end: number): void {
    const bytes = this.#pendingBytes + end - this.#start;
    if (bytes > this.#maxEventBytes) throw new SseEventTooLarge(this.#maxEventBytes);
    let raw = chunk.subarray(this.#start, end);
    if (this.#pending.length > 0) {
      if (raw.length > 0) this.#pending.push(raw);
      raw = this.#takePending();
    }
    this.#start = end;
    this.#lineIsEmpty = true;
    this.#blockEnded = false;
    this.#event.reset(raw, this.#mark);
    this.#mark = 0;
    this.#onEvent(raw, this.#event);
  }

  #takePending(): Buffer {
    const [only] = this.#pending;
    const bytes = this.#pending.length === 1 && only !== undefined ? only : Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    return bytes;
  }
}
