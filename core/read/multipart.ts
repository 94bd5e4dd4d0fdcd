/** Longest value of a text field that is read. */
const MAX_VALUE_BYTES = 1024;
/** Longest headers of a part, and longest preamble. */
const MAX_HEADER_BYTES = 8192;
/** White space that may stand behind a delimiter on its line. */
const MAX_PADDING_BYTES = 64;
const HEADERS_END = Buffer.from('\r\n\r\n');

/** Where a field's value lies in the body. */
export interface FieldSpan {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

const PARAMETERS = /^multipart\/form-data((?:\s*;\s*[\w!#$%&'*+.^`|~-]+=(?:"[^"\\]*"|[^\s;"]*))*)\s*;?\s*$/i;
const PARAMETER = /;\s*([\w!#$%&'*+.^`|~-]+)=(?:"([^"\\]*)"|([^\s;"]*))/g;

/**
 * @returns the boundary of a multipart/form-data content type (RFC 7578, section 4.1; 1 to 70 characters, RFC 2046, section 5.1.1), or
 * undefined. With two of them nobody can say which one a backend goes by.
 */
export function boundaryOf(contentType: string): string | undefined {
  const parameters = [...(PARAMETERS.exec(contentType)?.[1] ?? '').matchAll(PARAMETER)];
  const found = parameters.filter(([, name]) => name!.toLowerCase() === 'boundary').map(([, , quoted, bare]) => quoted ?? bare!);
  const boundary = found.length === 1 ? found[0]! : '';
  return boundary.length > 0 && boundary.length <= 70 && !boundary.endsWith(' ') ? boundary : undefined;
}

export class MultipartError extends Error {
  override readonly name = 'MultipartError';
}

/**
 * Looks for one text field of a multipart/form-data body as it arrives, in any split of the bytes, and keeps no file. It reads on
 * behind the field: a second one of that name is an error, because a backend may go by the last one.
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
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /** @throws MultipartError on a body that is no multipart/form-data, or has the field twice. */
  push(chunk: Buffer): void {
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
        return this.#behindEnd();
    }
  }

  /** Forms have no epilogue; one with a part in it would be read by some backends. */
  #behindEnd(): false {
    if (this.#rest.some((byte) => !isPadding(byte) && byte !== 0x0d && byte !== 0x0a))
      throw new MultipartError('there is something behind the final boundary');
    this.#drop(this.#rest.length);
    return false;
  }

  #toDelimiter(): boolean {
    const { at, end, final } = this.#findDelimiter();
    if (this.#state === 'start' && this.#offset + at > MAX_HEADER_BYTES)
      throw new MultipartError('the boundary of the content type is not in the body');
    if (end === undefined) {
      this.#drop(at);
      return false;
    }
    this.#drop(end);
    this.#next(final);
    return true;
  }

  #headers(): boolean {
    const end = this.#rest.indexOf(HEADERS_END);
    if (end > MAX_HEADER_BYTES || (end === -1 && this.#rest.length > MAX_HEADER_BYTES + HEADERS_END.length))
      throw new MultipartError('the headers of a part are too long');
    if (end === -1) return false;
    const text = this.#rest.toString('utf8', 0, end);
    this.#drop(end + HEADERS_END.length);
    this.#state = isField(text, this.#name) ? 'value' : 'skip';
    if (this.#state === 'value' && this.found !== undefined) throw new MultipartError(`the form has the field "${this.#name}" twice`);
    return true;
  }

  #value(): boolean {
    const { at, end, final } = this.#findDelimiter();
    if (at > MAX_VALUE_BYTES) throw new MultipartError(`the field "${this.#name}" is longer than ${MAX_VALUE_BYTES} bytes`);
    if (end === undefined) return false;
    this.found = { value: this.#rest.toString('utf8', 0, at), start: this.#offset, end: this.#offset + at };
    this.#drop(end);
    this.#next(final);
    return true;
  }

  #next(final: boolean): void {
    this.#state = final ? 'done' : 'headers';
    this.ended = final;
  }

  /**
   * The first delimiter in {@link #rest}: a line of its own, with `--` behind it when it is the last one. Bytes that only begin like one
   * (`--boundary-and-more`) are content.
   * @returns where it begins and where it ends; without an end, `at` is how far there is none for sure.
   */
  #findDelimiter(): { at: number; end: number | undefined; final: boolean } {
    const rest = this.#rest;
    for (let from = 0; ;) {
      const at = rest.indexOf(this.#delimiter, from);
      if (at === -1) {
        const sure = Math.max(from, rest.length - this.#delimiter.length + 1);
        return { at: Math.min(sure, rest.length), end: undefined, final: false };
      }
      const behind = at + this.#delimiter.length;
      if (rest.length < behind + 2) {
        // A line end, white space before one, or `--`: anything else is content already.
        const first = rest[behind];
        if (first === undefined || first === 0x0d || first === 0x2d || isPadding(first)) return { at, end: undefined, final: false };
        from = at + 1;
        continue;
      }
      if (rest[behind] === 0x2d && rest[behind + 1] === 0x2d) return { at, end: behind + 2, final: true };
      let end = behind;
      while (isPadding(rest[end]) && end - behind < MAX_PADDING_BYTES) end++;
      if (rest[end] === 0x0d && rest[end + 1] === 0x0a) return { at, end, final: false };
      if (end === rest.length || (rest[end] === 0x0d && end + 1 === rest.length)) return { at, end: undefined, final: false };
      from = at + 1;
    }
  }

  #drop(count: number): void {
    this.#rest = this.#rest.subarray(count);
    this.#offset += count;
  }
}

const DISPOSITION = /^\s*form-data(?:\s*;\s*[\w*-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;"]*))*\s*;?\s*$/i;

function isPadding(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09;
}

/** Whether the headers of a part say that it is the text field of this name. @throws MultipartError when they say two things */
function isField(headers: string, name: string): boolean {
  const dispositions = [...headers.matchAll(/^content-disposition[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)/gim)];
  const text = dispositions[0]?.[1] ?? '';
  const parameters = [...text.matchAll(/;\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g)].map(
    ([, key, quoted, bare]) => [key!.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? ''] as const,
  );
  const names = parameters.filter(([key]) => key === 'name' || key === 'name*');
  if (dispositions.length > 1 || names.length > 1) throw new MultipartError('a part has two names');
  if (names[0]?.[1] !== name || !/^\s*form-data\s*;/i.test(text)) return false;
  if (!DISPOSITION.test(text)) throw new MultipartError(`the field "${name}" has a malformed Content-Disposition`);
  return !parameters.some(([key]) => key === 'filename' || key === 'filename*');
}
