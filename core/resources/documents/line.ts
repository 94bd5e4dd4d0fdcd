/** Line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  return new LineCounter(text).at(offset);
}

/** Lines of many offsets of one text, which are asked for in ascending order: each goes on where the last has ended. */
export class LineCounter {
  readonly #text: string;
  #line = 1;
  #newline: number;

  constructor(text: string) {
    this.#text = text;
    this.#newline = text.indexOf('\n');
  }

  at(offset: number): number {
    while (this.#newline !== -1 && this.#newline < offset) {
      this.#line++;
      this.#newline = this.#text.indexOf('\n', this.#newline + 1);
    }
    return this.#line;
  }
}
