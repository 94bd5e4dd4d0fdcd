/** A line that is longer than allowed. */
export class LineTooLong extends Error {
  constructor(maxBytes: number) {
    super(`a line of the watch has more than ${maxBytes} bytes`);
    this.name = 'LineTooLong';
  }
}

const NEWLINE = 10;

/** Cuts bytes into lines, however they are split; a character of several bytes may come in parts. */
export class Lines {
  readonly #maxBytes: number;
  /** Parts of a line that has not ended; joined once, so that many small parts cost no more than few. */
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Lines that end in this chunk, without their ends; empty ones are left out.
   * @throws LineTooLong
   */
  *push(chunk: Uint8Array): Generator<string> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#take(chunk.subarray(from, end));
      from = end + 1;
      const parts = this.#parts;
      this.#parts = [];
      this.#bytes = 0;
      const line = parts.length === 1 ? asBuffer(parts[0]!) : Buffer.concat(parts);
      if (line.length > 0) yield line.toString('utf8');
    }
    this.#take(chunk.subarray(from));
  }

  #take(part: Uint8Array): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#maxBytes) throw new LineTooLong(this.#maxBytes);
    if (part.length > 0) this.#parts.push(part);
  }
}

function asBuffer(part: Uint8Array): Buffer {
  return Buffer.from(part.buffer, part.byteOffset, part.byteLength);
}
