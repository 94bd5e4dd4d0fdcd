interface Entry<T> {
  readonly value: T;
  readonly born: number;
  used: number;
}

/**
 * Things that outlive a reload of the configuration, by key: connection pools, the health of backends, key sets.
 * A reload is `begin`, any number of `get`, then `commit` or `rollback`.
 */
export class Kept<T> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #dispose: (value: T) => void;
  #round = 0;

  /** @param dispose called once for each value that no configuration uses any more. */
  constructor(dispose: (value: T) => void) {
    this.#dispose = dispose;
  }

  begin(): void {
    this.#round++;
  }

  get(key: string, make: () => T): T {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { value: make(), born: this.#round, used: this.#round };
      this.#entries.set(key, entry);
    }
    entry.used = this.#round;
    return entry.value;
  }

  /** The new configuration uses all that is there, besides what it asks for. */
  renew(): void {
    for (const entry of this.#entries.values()) entry.used = this.#round;
  }

  /**
   * The new configuration is live: what it did not ask for is forgotten.
   * @param defer takes each disposal, for when the requests that began before have ended; without it they happen at once.
   */
  commit(defer?: (dispose: () => void) => void): void {
    this.#drop((entry) => entry.used !== this.#round, defer);
  }

  /** The new configuration was refused: what only it asked for goes. */
  rollback(): void {
    this.#drop((entry) => entry.born === this.#round);
  }

  values(): T[] {
    return [...this.#entries.values()].map((entry) => entry.value);
  }

  #drop(which: (entry: Entry<T>) => boolean, defer: (dispose: () => void) => void = (dispose) => dispose()): void {
    for (const [key, entry] of this.#entries) {
      if (!which(entry)) continue;
      this.#entries.delete(key);
      defer(() => this.#dispose(entry.value));
    }
  }
}
