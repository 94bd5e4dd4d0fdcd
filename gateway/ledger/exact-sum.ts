const SAFE_HALF = 2 ** 52;

/** A sum of whole numbers that stays exact beyond 2^53, at the speed of numbers. */
export class ExactSum {
  #small = 0;
  #large = 0n;

  /** @param value a safe integer, 0 or more */
  add(value: number): void {
    if (value > SAFE_HALF) {
      this.#large += BigInt(value);
      return;
    }
    this.#small += value;
    if (this.#small <= SAFE_HALF) return;
    this.#large += BigInt(this.#small);
    this.#small = 0;
  }

  get value(): bigint {
    return this.#large + BigInt(this.#small);
  }
}
