const PAGE_BITS = 12;
const PAGE = 1 << PAGE_BITS;

/** Rows of doubles, side by side in pages, so that growth copies nothing. Row 0 is never given out: it can stand for none. */
export class Rows {
  readonly #width: number;
  readonly #pages: Float64Array[] = [];
  readonly #free: number[] = [];
  #length = 1;

  /** @param width doubles in a row */
  constructor(width: number) {
    this.#width = width;
  }

  /** All rows that were ever in use are below. */
  get length(): number {
    return this.#length;
  }

  /** @returns a row of zeros */
  claim(): number {
    const row = this.#free.pop() ?? this.#length++;
    if (row >> PAGE_BITS === this.#pages.length) this.#pages.push(new Float64Array(PAGE * this.#width));
    return row;
  }

  release(row: number): void {
    this.clear(row);
    this.#free.push(row);
  }

  clear(row: number): void {
    const base = this.base(row);
    this.page(row).fill(0, base, base + this.#width);
  }

  page(row: number): Float64Array {
    return this.#pages[row >> PAGE_BITS]!;
  }

  /** Where a row begins in its page. */
  base(row: number): number {
    return (row & (PAGE - 1)) * this.#width;
  }
}
