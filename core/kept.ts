/** A thing that is kept, for whoever remembers that it is used. */
export interface KeptEntry<T = unknown> {
  readonly value: T;
  readonly born: number;
  used: number;
  gone: boolean;
}

/**
 * Things that outlive a reload of the configuration, by key: connection pools, the health of backends, key sets.
 * A reload is `begin`, any number of `get` and `use`, then `commit` or `rollback`. A `begin` without one of these before goes on from
 * there: what only the attempt before asked for goes with the next commit or rollback.
 */
export class Kept<T> {
  readonly #entries = new Map<string, KeptEntry<T>>();
  readonly #dispose: (value: T) => void;
  #round = 0;
  /** Round of the configuration that is live. */
  #committed = 0;
  /** Told of each entry that is asked for. */
  onGet: ((entry: KeptEntry<T>) => void) | undefined;

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
      entry = { value: make(), born: this.#round, used: this.#round, gone: false };
      this.#entries.set(key, entry);
    }
    entry.used = this.#round;
    this.onGet?.(entry);
    return entry.value;
  }

  /** The new configuration uses an entry as an earlier one did. @returns false where that is gone, and has to be asked for again */
  use(entry: KeptEntry<T>): boolean {
    entry.used = this.#round;
    return !entry.gone;
  }

  /**
   * The new configuration is live: what it did not ask for is forgotten.
   * @param defer takes each disposal, for when the requests that began before have ended; without it they happen at once.
   */
  commit(defer?: (dispose: () => void) => void): void {
    this.#committed = this.#round;
    this.#drop((entry) => entry.used !== this.#round, defer);
  }

  /** The new configuration was refused: what only it asked for goes. */
  rollback(): void {
    this.#drop((entry) => entry.born > this.#committed);
  }

  values(): T[] {
    return [...this.#entries.values()].map((entry) => entry.value);
  }

  #drop(which: (entry: KeptEntry<T>) => boolean, defer: (dispose: () => void) => void = (dispose) => dispose()): void {
    for (const [key, entry] of this.#entries) {
      if (!which(entry)) continue;
      this.#entries.delete(key);
      entry.gone = true;
      defer(() => this.#dispose(entry.value));
    }
  }
}
