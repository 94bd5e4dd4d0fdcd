/** Attributes as the exporters take them. */
export type Attributes = Record<string, string | number | boolean | string[] | number[]>;

/** Characters of all attributes of one span. */
const MOST_OF_SPAN = 1024 * 1024;

/** Collects the attributes of a span within bounds: what is too long is cut, what is too much is left out, and both are told. */
export class AttributeSink {
  readonly values: Attributes = {};
  readonly #valueLength: number;
  #left = MOST_OF_SPAN;
  #cut = false;

  constructor(valueLength: number) {
    this.#valueLength = valueLength;
  }

  set(name: string, value: Attributes[string] | undefined): void {
    if (value === undefined) return;
    const room = Math.min(this.#valueLength, this.#left);
    if (typeof value === 'string') {
      if (value.length > room) this.#cut = true;
      if (room === 0) return;
      const kept = value.length > room ? value.slice(0, room) : value;
      this.#left -= kept.length;
      this.values[name] = kept;
      return;
    }
    const size = Array.isArray(value) ? 9 * value.length : 9;
    if (size > this.#left) {
      this.#cut = true;
      return;
    }
    this.#left -= size;
    this.values[name] = value;
  }

  /** Says that not all is there. */
  cut(): void {
    this.#cut = true;
  }

  /** Whether there is no room for more. */
  get full(): boolean {
    return this.#left === 0;
  }

  done(): Attributes {
    if (this.#cut) this.values['tierkit.truncated'] = true;
    return this.values;
  }
}
