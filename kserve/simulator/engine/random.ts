/** Seeded random numbers: the same seed gives the same run. Generator: sfc32, seeded from a 53-bit hash of the seed's text. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number | string) {
    const hash = hashText(String(seed));
    this.#a = hash >>> 0;
    this.#b = Math.floor(hash / 2 ** 32) >>> 0;
    this.#c = 0x2545f491;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** @returns at least 0, below 1 */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return (sum >>> 0) / 2 ** 32;
  }

  /** @returns a whole number from 0 to `below` - 1 */
  integer(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** Time to the next arrival of a Poisson process with this mean gap. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** Shuffles in place (Fisher and Yates). */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
    return items;
  }
}

/**
 * Mixes whole numbers into a hash of 53 bits, which a JavaScript number holds exactly and a `Map` finds by value. Not for secrets.
 * @param hash what came before; the order matters
 */
export function mixNumbers(hash: number, values: ArrayLike<number>, from = 0, to = values.length): number {
  let low = (hash >>> 0) ^ 0xdeadbeef;
  let high = Math.floor(hash / 2 ** 32) ^ 0x41c6ce57;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    low = Math.imul(low ^ (value | 0), 0x9e3779b1);
    low ^= low >>> 15;
    high = Math.imul(high ^ (value | 0) ^ Math.floor(value / 2 ** 32), 0x5f356495);
    high ^= high >>> 13;
  }
  return finish(low, high);
}

/** The same for three numbers, without an array. */
export function mixThree(hash: number, one: number, two: number, three: number): number {
  THREE[0] = one;
  THREE[1] = two;
  THREE[2] = three;
  return mixNumbers(hash, THREE);
}

/** A hash of 53 bits of a text's UTF-16 units. */
export function hashText(text: string, hash = 0): number {
  let low = (hash >>> 0) ^ 0xdeadbeef;
  let high = Math.floor(hash / 2 ** 32) ^ 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    low = Math.imul(low ^ unit, 0x9e3779b1);
    low ^= low >>> 15;
    high = Math.imul(high ^ unit, 0x5f356495);
    high ^= high >>> 13;
  }
  return finish(low ^ text.length, high);
}

const THREE = new Float64Array(3);

function finish(low: number, high: number): number {
  const one = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  const two = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(one ^ (one >>> 13), 0xc2b2ae35);
  return (two & 0x1fffff) * 2 ** 32 + (one >>> 0);
}
