import { type KeySource, RemoteKeySet } from './remote-key-set.ts';

interface Entry {
  readonly keySet: RemoteKeySet;
  generation: number;
}

/**
 * What the identify stage keeps across loads of the configuration: the keys of each remote key set, by URI. As with the connections,
 * a load calls {@link begin}, compiles its policies and, once it is in use, {@link retire}.
 */
export class SharedIdentify {
  readonly #entries = new Map<string, Entry>();
  readonly #warn: (message: string) => void;
  #generation = 0;

  /** @param options.warn takes one line when a key set cannot be fetched; it has no credential in it. */
  constructor(options: { readonly warn?: (message: string) => void } = {}) {
    this.#warn = options.warn ?? (() => undefined);
  }

  /** The key set at a URI. Of policies that want different ages, the shortest holds. */
  keySet(url: URL, source: KeySource): RemoteKeySet {
    let entry = this.#entries.get(url.href);
    if (entry === undefined) {
      entry = { keySet: new RemoteKeySet(url, source, this.#warn), generation: this.#generation };
      this.#entries.set(url.href, entry);
    } else {
      const shared = entry.generation === this.#generation;
      entry.keySet.use(shared ? { ...source, maxAgeMs: Math.min(source.maxAgeMs, entry.keySet.maxAgeMs) } : source);
    }
    entry.generation = this.#generation;
    return entry.keySet;
  }

  /** Starts a load. */
  begin(): void {
    this.#generation++;
  }

  /** Forgets the key sets that the load did not ask for. */
  retire(): void {
    for (const [uri, entry] of this.#entries) if (entry.generation !== this.#generation) this.#entries.delete(uri);
  }
}
