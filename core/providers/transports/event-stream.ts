import { crc32 } from 'node:zlib';

/** Bytes of a stream that are no messages. */
export class EventStreamBroken extends Error {
  override readonly name = 'EventStreamBroken';
}

/** A message: its text headers by name, and what it carries. */
export interface EventMessage {
  readonly headers: ReadonlyMap<string, string>;
  /** A view of what was pushed. */
  readonly payload: Buffer;
}

/** Total length, length of the headers, and the check sum of both. */
const PRELUDE = 12;
const CHECK_SUM = 4;
const DEFAULT_MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/**
 * Cuts the bytes of AWS' event stream into its messages, wherever the chunks split them.
 * @see https://smithy.io/2.0/aws/amazon-eventstream.html
 */
export class EventStreamScanner {
  readonly #onMessage: (message: EventMessage) => void;
  readonly #maxBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Bytes of the message that is under way, once its prelude is there. */
  #wanted = PRELUDE;
  #stopped = false;

  constructor(onMessage: (message: EventMessage) => void, maxBytes = DEFAULT_MAX_MESSAGE_BYTES) {
    this.#onMessage = onMessage;
    this.#maxBytes = maxBytes;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** @throws EventStreamBroken */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (!this.#stopped && rest.length > 0) {
      const missing = this.#wanted - this.#pendingBytes;
      this.#hold(rest.subarray(0, missing));
      if (rest.length < missing) return;
      rest = rest.subarray(missing);
      const bytes = this.#held();
      if (this.#wanted === PRELUDE) this.#wanted = lengthOf(bytes, this.#maxBytes);
      else {
        this.#pending = [];
        this.#pendingBytes = 0;
        this.#wanted = PRELUDE;
        this.#onMessage(messageOf(bytes));
      }
    }
  }

  /** @returns whether the stream broke off inside a message */
  end(): boolean {
    const wasStopped = this.#stopped;
    this.#stopped = true;
    return this.#pendingBytes > 0 && !wasStopped;
  }

  #hold(bytes: Buffer): void {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  #held(): Buffer {
    if (this.#pending.length > 1) this.#pending = [Buffer.concat(this.#pending, this.#pendingBytes)];
    return this.#pending[0]!;
  }
}

/** Length of a message by its prelude. */
function lengthOf(prelude: Buffer, maxBytes: number): number {
  if (crc32(prelude.subarray(0, 8)) !== prelude.readUInt32BE(8)) throw new EventStreamBroken('the check sum of a prelude is wrong');
  const length = prelude.readUInt32BE(0);
  if (length > maxBytes) throw new EventStreamBroken(`a message is larger than ${maxBytes} bytes`);
  if (length < PRELUDE + prelude.readUInt32BE(4) + CHECK_SUM) throw new EventStreamBroken('a message is shorter than its headers');
  return length;
}

function messageOf(bytes: Buffer): EventMessage {
  const end = bytes.length - CHECK_SUM;
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32BE(end)) throw new EventStreamBroken('the check sum of a message is wrong');
  const headersEnd = PRELUDE + bytes.readUInt32BE(4);
  return { headers: headersOf(bytes.subarray(PRELUDE, headersEnd)), payload: bytes.subarray(headersEnd, end) };
}

/** Bytes of a value by its type: true, false, byte, short, int, long, then those with a length, time, uuid. */
const SIZES = [0, 0, 1, 2, 4, 8, undefined, undefined, 8, 16] as const;
const TEXT = 7;

function headersOf(bytes: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 0;
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new EventStreamBroken('a header is longer than all of them');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const name = take(take(1)[0]!).toString();
    const type = take(1)[0]!;
    if (type >= SIZES.length) throw new EventStreamBroken('a header has a type that is none');
    const value = take(SIZES[type] ?? take(2).readUInt16BE(0));
    if (type === TEXT) headers.set(name, value.toString());
  }
  return headers;
}
