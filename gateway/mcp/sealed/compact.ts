/*
 * Bytes of what is sealed. Texts that are random by nature (UUIDs, hex, base64url) take the bytes that they were made from.
 */

/** Prefix of a name that is not written again, in characters at most. */
const MOST_SHARED = 31;
const PACKED = 0x80;

const ABSENT = 0;
const UUID = 1;
const HEX = 2;
const BASE64URL = 3;
const UTF8 = 4;
const UTF16 = 5;
const KINDS = 8;

const BASE64URL_TEXT = /^[\w-]*$/;
const UUID_TEXT = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/;
const HEX_TEXT = /^[\da-f]+$/;

/** Whether a text is a UUID in the one way that `ByteWriter.uuid` writes. */
export function isUuid(text: string): boolean {
  return text.length === 36 && UUID_TEXT.test(text);
}

/** Writes values one after the other; `ByteReader` reads them in the same order. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafe(256);
  #end = 0;

  /** @param number whole, from 0 to 2^53 - 1 */
  varint(number: number): void {
    this.#room(8);
    let rest = number;
    while (rest > 0x7f) {
      this.#bytes[this.#end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#end++] = rest;
  }

  uuid(text: string): void {
    this.#raw(text.replaceAll('-', ''), 'hex', 16);
  }

  text(text: string | undefined): void {
    if (text === undefined) return this.varint(ABSENT);
    if (isUuid(text)) {
      this.varint(UUID);
      return this.uuid(text);
    }
    if (text.length % 2 === 0 && HEX_TEXT.test(text)) return this.#counted(HEX, text, 'hex', text.length / 2);
    if (BASE64URL_TEXT.test(text)) {
      this.varint(text.length * KINDS + BASE64URL);
      return this.#packed(text);
    }
    if (text.isWellFormed()) return this.#counted(UTF8, text, 'utf8', Buffer.byteLength(text));
    return this.#counted(UTF16, text, 'utf16le', 2 * text.length);
  }

  /**
   * A name in a list of names that may begin alike.
   * @param flags 0 to 3, for the caller
   */
  name(name: string, previous: string, flags: number): void {
    const shared = sharedLength(name, previous);
    const rest = name.slice(shared);
    const packed = BASE64URL_TEXT.test(rest);
    this.#room(1);
    this.#bytes[this.#end++] = (packed ? PACKED : 0) | (flags << 5) | shared;
    if (!packed) return this.text(rest);
    this.varint(rest.length);
    this.#packed(rest);
  }

  done(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Six bits a character; the last byte is filled up. */
  #packed(text: string): void {
    const padded = text.padEnd(Math.ceil(text.length / 4) * 4, 'A');
    this.#raw(padded, 'base64url', packedBytes(text.length));
  }

  #counted(kind: number, text: string, encoding: BufferEncoding, bytes: number): void {
    this.varint(bytes * KINDS + kind);
    this.#raw(text, encoding, bytes);
  }

  #raw(text: string, encoding: BufferEncoding, bytes: number): void {
    this.#room(bytes);
    this.#bytes.write(text, this.#end, bytes, encoding);
    this.#end += bytes;
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#end + bytes));
    this.#bytes.copy(larger, 0, 0, this.#end);
    this.#bytes = larger;
  }
}

/** Reads what `ByteWriter` wrote. Beyond the end it reads zeros and empty texts, and `good` is false from then on. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;
  #good = true;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Whether everything so far was there. */
  get good(): boolean {
    return this.#good;
  }

  /** Whether everything was there, and nothing else is. */
  get done(): boolean {
    return this.#good && this.#at === this.#bytes.length;
  }

  varint(): number {
    let number = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 0x80) {
      const byte = this.#byte();
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) return Number.isSafeInteger(number) ? number : this.#bad(0);
    }
    return this.#bad(0);
  }

  uuid(): string {
    const hex = this.#raw(16, 'hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  text(): string | undefined {
    const head = this.varint();
    const length = Math.floor(head / KINDS);
    switch (head % KINDS) {
      case ABSENT:
        return undefined;
      case UUID:
        return this.uuid();
      case HEX:
        return this.#raw(length, 'hex');
      case BASE64URL:
        return this.#packed(length);
      case UTF8:
        return this.#raw(length, 'utf8');
      case UTF16:
        return this.#raw(length, 'utf16le');
      default:
        return this.#bad('');
    }
  }

  name(previous: string): { readonly name: string; readonly flags: number } {
    const head = this.#byte();
    const rest = (head & PACKED) === 0 ? this.text() : this.#packed(this.varint());
    return { name: previous.slice(0, head & MOST_SHARED) + (rest ?? ''), flags: (head >> 5) & 3 };
  }

  #packed(length: number): string {
    return this.#raw(packedBytes(length), 'base64url').slice(0, length);
  }

  #byte(): number {
    return this.#at < this.#bytes.length ? this.#bytes[this.#at++]! : this.#bad(0);
  }

  #raw(length: number, encoding: BufferEncoding): string {
    if (length > this.#bytes.length - this.#at) return this.#bad('');
    this.#at += length;
    return this.#bytes.toString(encoding, this.#at - length, this.#at);
  }

  #bad<T>(value: T): T {
    this.#good = false;
    return value;
  }
}

function sharedLength(name: string, previous: string): number {
  const most = Math.min(MOST_SHARED, name.length, previous.length);
  let shared = 0;
  while (shared < most && name[shared] === previous[shared]) shared++;
  return shared;
}

function packedBytes(characters: number): number {
  return Math.ceil((characters * 6) / 8);
}
