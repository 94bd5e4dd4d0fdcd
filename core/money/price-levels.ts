/** What a price is looked up by. */
export interface Priced {
  /** Where it holds: one backend, one server, everywhere. */
  readonly level: string;
  /** What is before the `*` of its name; undefined: the name is whole. */
  readonly prefix: string | undefined;
}

/** Entries of one place. */
interface Level<Entry> {
  readonly exact: Map<string, Entry[]>;
  /** By what is before the `*`. */
  readonly wildcards: Map<string, Entry[]>;
  /** Lengths of these, the longest first. */
  readonly lengths: number[];
}

/** Prices by where they hold and what they are of. */
export class PriceLevels<Entry extends Priced> {
  readonly #levels = new Map<string, Level<Entry>>();

  /** @param nameOf the whole name of what an entry is a price of */
  constructor(entries: Iterable<Entry>, nameOf: (entry: Entry) => string) {
    for (const entry of entries) {
      let level = this.#levels.get(entry.level);
      if (level === undefined) this.#levels.set(entry.level, (level = { exact: new Map(), wildcards: new Map(), lengths: [] }));
      const [map, key] = entry.prefix === undefined ? [level.exact, nameOf(entry)] : [level.wildcards, entry.prefix];
      const list = map.get(key);
      if (list === undefined) map.set(key, [entry]);
      else list.push(entry);
    }
    for (const { wildcards, lengths } of this.#levels.values())
      lengths.push(...new Set([...wildcards.keys()].map(({ length }) => length).sort((a, b) => b - a)));
  }

  get size(): number {
    return this.#levels.size;
  }

  /** Those of a level that fit a name: the whole name first, then the longest beginning. */
  matching(level: string, name: string): Entry[] {
    const found = this.#levels.get(level);
    if (found === undefined) return [];
    const rest = found.lengths.flatMap((length) => found.wildcards.get(name.slice(0, length)) ?? []);
    return [...(found.exact.get(name) ?? []), ...rest];
  }
}
