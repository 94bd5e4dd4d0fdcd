/**
 * A map from 53-bit hashes to whole numbers of at least 0, for at most a known number of entries: open addressing in typed arrays. A `Map`
 * keeps each such key as an object of its own, and took two thirds of a simulation's time.
 */
export class HashTable {
  readonly #keys: Float64Array;
  readonly #values: Int32Array;
  readonly #mask: number;
  #size = 0;

  /** @param most entries that it must hold */
  constructor(most: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, most * 2)));
    this.#mask = slots - 1;
    this.#keys = new Float64Array(slots);
    this.#values = new Int32Array(slots).fill(EMPTY);
  }

  get size(): number {
    return this.#size;
  }

  /** @returns the value, or -1 */
  get(key: number): number {
    return this.#values[this.#slot(key)]!;
  }

  set(key: number, value: number): void {
    const slot = this.#slot(key);
    if (this.#values[slot] === EMPTY) {
      if (this.#size * 2 > this.#mask) throw new RangeError('the table is full');
      this.#size++;
    }
    this.#keys[slot] = key;
    this.#values[slot] = value;
  }

  delete(key: number): void {
    let hole = this.#slot(key);
    if (this.#values[hole] === EMPTY) return;
    this.#size--;
    // Close the gap: entries behind it that could not be found past an empty slot move up.
    for (let slot = (hole + 1) & this.#mask; this.#values[slot] !== EMPTY; slot = (slot + 1) & this.#mask) {
      const home = this.#keys[slot]! & this.#mask;
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#keys[hole] = this.#keys[slot]!;
      this.#values[hole] = this.#values[slot]!;
      hole = slot;
    }
    this.#values[hole] = EMPTY;
  }

  clear(): void {
    this.#values.fill(EMPTY);
    this.#size = 0;
  }

  /** Where the key is, or would be. The hash's low bits say where to start. */
  #slot(key: number): number {
    let slot = key & this.#mask;
    while (this.#values[slot] !== EMPTY && this.#keys[slot] !== key) slot = (slot + 1) & this.#mask;
    return slot;
  }
}

const EMPTY = -1;
