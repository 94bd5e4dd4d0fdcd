/**
 * An open-addressing hash table of small positive integers, in one typed array of (hash, id) cells. The caller keeps the keys, and
 * compares them itself:
 *
 *     for (let cell = table.first(hash); table.id(cell) !== 0; cell = table.next(cell)) if (table.hash(cell) === hash && …) …
 */
export class IdTable {
  /** Hash at 2n, id at 2n + 1; id 0 is an empty cell. */
  readonly #cells: Int32Array;
  readonly #mask: number;

  /** @param size a power of two, larger than the number of ids that will ever be in it */
  constructor(size: number) {
    this.#cells = new Int32Array(size * 2);
    this.#mask = size - 1;
  }

  first(hash: number): number {
    return hash & this.#mask;
  }

  next(cell: number): number {
    return (cell + 1) & this.#mask;
  }

  id(cell: number): number {
    return this.#cells[cell * 2 + 1]!;
  }

  hash(cell: number): number {
    return this.#cells[cell * 2]!;
  }

  add(hash: number, id: number): void {
    let cell = hash & this.#mask;
    while (this.#cells[cell * 2 + 1] !== 0) cell = (cell + 1) & this.#mask;
    this.#cells[cell * 2] = hash;
    this.#cells[cell * 2 + 1] = id;
  }

  remove(hash: number, id: number): void {
    const cells = this.#cells;
    const mask = this.#mask;
    let hole = hash & mask;
    while (cells[hole * 2 + 1] !== id) {
      if (cells[hole * 2 + 1] === 0) return;
      hole = (hole + 1) & mask;
    }
    // Ids behind the hole move up if they may (no tombstones, so lookups never slow down with age).
    for (let cell = (hole + 1) & mask; cells[cell * 2 + 1] !== 0; cell = (cell + 1) & mask) {
      const home = cells[cell * 2]! & mask;
      if (((cell - home) & mask) < ((cell - hole) & mask)) continue;
      cells[hole * 2] = cells[cell * 2]!;
      cells[hole * 2 + 1] = cells[cell * 2 + 1]!;
      hole = cell;
    }
    cells[hole * 2 + 1] = 0;
  }
}
