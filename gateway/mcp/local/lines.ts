const NEWLINE = 0x0a;

/** Cuts what comes in pieces into lines. */
export class Lines {
  readonly #most: number;
  readonly #line: (line: Buffer) => void;
  readonly #tooLong: (() => void) | undefined;
  #pieces: Buffer[] = [];
  #bytes = 0;

  /**
   * @param most bytes of a line
   * @param tooLong hears of a longer one, and then of nothing any more; without it such a line is cut into several
   */
  constructor(most: number, line: (line: Buffer) => void, tooLong?: () => void) {
    this.#most = most;
    this.#line = line;
    this.#tooLong = tooLong;
  }

  take(chunk: Buffer): void {
    let rest = chunk;
    for (let at = rest.indexOf(NEWLINE); at !== -1; at = rest.indexOf(NEWLINE)) {
      this.#add(rest.subarray(0, at));
      this.#end();
      rest = rest.subarray(at + 1);
    }
    if (rest.length > 0) this.#add(rest);
  }

  #add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes <= this.#most) return;
    if (this.#tooLong === undefined) return this.#end();
    this.#pieces = [];
    this.#bytes = Number.NEGATIVE_INFINITY;
    this.#tooLong();
  }

  #end(): void {
    const line = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    if (this.#bytes < 0) return;
    this.#bytes = 0;
    const end = line.at(-1) === 0x0d ? line.length - 1 : line.length;
    if (end > 0) this.#line(line.subarray(0, end));
  }
}
