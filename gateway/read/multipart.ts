/** Longest value of a text field that is read. */
const MAX_VALUE_BYTES = 1024;
const MAX_HEADER_BYTES = 8192;
const HEADERS_END = Buffer.from('\r\n\r\n');

/** Where a field's value lies in the body. */
export interface FieldSpan {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** @returns the boundary of a multipart/form-data content type (RFC 7578, section 4.1), or undefined. */
export function boundaryOf(contentType: string): string | undefined {
  const match = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

export class MultipartError extends Error {
  override readonly name = 'MultipartError';
}

/**
 * Looks for one text field of a multipart/form-data body as it arrives, in any split of the bytes, and keeps no file.
 * @see https://www.rfc-editor.org/rfc/rfc2046#section-5.1.1
 */
export class FieldFinder {
  readonly #name: string;
  readonly #delimiter: Buffer;
  #state: 'start' | 'headers' | 'skip' | 'value' | 'done' = 'start';
  /** Bytes not decided yet, and the offset of the first of them in the body. */
  #rest: Buffer = Buffer.from('\r\n');
  /** The first delimiter has no line end before it: it is made to have one. */
  #offset = -2;
  found: FieldSpan | undefined;
  /** The final delimiter was seen. */
  ended = false;

  constructor(name: string, boundary: string) {
    this.#name = name;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`);
  }

  /** @throws MultipartError on a body that is no multipart/form-data. */
  push(chunk: Buffer): void {
    if (this.#state === 'done') return;
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#step());
  }

  #step(): boolean {
    switch (this.#state) {
      case 'start':
      case 'skip':
        return this.#toDelimiter();
      case 'headers':
        return this.#headers();
      case 'value':
        return this.#value();
      case 'done':
        return false;
    }
  }

  #toDelimiter(): boolean {
    const at = this.#rest.indexOf(this.#delimiter);
    if (at === -1) {
      if (this.#state === 'start' && this.#rest.length > MAX_HEADER_BYTES)
        throw new MultipartError('the boundary of the content type is not in the body');
      this.#drop(Math.max(0, this.#rest.length - this.#delimiter.length + 1));
      return false;
    }
    return this.#afterDelimiter(at);
  }

  /** @param at of the delimiter in {@link #rest}. */
  #afterDelimiter(at: number): boolean {
    const end = at + this.#delimiter.length;
    // `--` ends the body, a line end begins a part; more bytes are needed to tell.
    if (this.#rest.length < end + 2) {
      if (this.#state !== 'value') this.#drop(at);
      return false;
    }
    if (this.#rest[end] === 0x2d && this.#rest[end + 1] === 0x2d) {
      this.ended = true;
      this.#state = 'done';
      return false;
    }
    this.#drop(end);
    this.#state = 'headers';
    return true;
  }

  #headers(): boolean {
    const end = this.#rest.indexOf(HEADERS_END);
    if (end === -1) {
      if (this.#rest.length > MAX_HEADER_BYTES) throw new MultipartError('the headers of a part are too long');
      return false;
    }
    const text = this.#rest.toString('latin1', 0, end);
    this.#drop(end + HEADERS_END.length);
    const disposition = /^content-disposition:\s*form-data\s*;([^\r\n]*)/im.exec(text)?.[1] ?? '';
    const name = /(?:^|;)\s*name="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1] ?? /(?:^|;)\s*name=([^\s;"]+)/i.exec(disposition)?.[1];
    const isFile = /(?:^|;)\s*filename\*?=/i.test(disposition);
    this.#state = name === this.#name && !isFile ? 'value' : 'skip';
    // The delimiter's own line end may follow at once, when the value is empty.
    return true;
  }

  #value(): boolean {
    const at = this.#rest.indexOf(this.#delimiter);
    if (at === -1) {
      if (this.#rest.length > MAX_VALUE_BYTES + this.#delimiter.length)
        throw new MultipartError(`the field "${this.#name}" is longer than ${MAX_VALUE_BYTES} bytes`);
      return false;
    }
    this.found = { value: this.#rest.toString('utf8', 0, at), start: this.#offset, end: this.#offset + at };
    this.#state = 'done';
    return false;
  }

  #drop(count: number): void {
    this.#rest = this.#rest.subarray(count);
    this.#offset += count;
  }
}
