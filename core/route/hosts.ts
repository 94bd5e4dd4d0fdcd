import type { Sliced } from '../resources/slices.ts';
import { sameItems } from '../same-items.ts';
import type { Part, PlacedPart } from './compiled-route.ts';
import { byPrecedence } from './precedence.ts';
import { HostTable, MatchIndex } from './table.ts';

/** The table of one host name, and what it was made of. */
interface RememberedHost {
  readonly parts: readonly Part[];
  readonly index: MatchIndex;
}

interface RememberedListener {
  readonly hosts: ReadonlyMap<string, RememberedHost>;
  readonly table: HostTable;
}

/** By listener, `namespace/gateway/listener`. */
export type RememberedHosts = ReadonlyMap<string, RememberedListener>;

const NO_HOSTS: ReadonlyMap<string, readonly Part[]> = new Map();

/** What the routes serve, by listener and host name. */
export class Hosts {
  readonly #parts = new Map<string, Map<string, Part[]>>();
  readonly #before: RememberedHosts;
  readonly #now = new Map<string, RememberedListener>();

  /** @param before of an earlier configuration: tables of the same parts are the same tables */
  constructor(before: RememberedHosts | undefined) {
    this.#before = before ?? new Map();
  }

  add({ listener, hosts, part }: PlacedPart): void {
    let byHost = this.#parts.get(listener);
    if (byHost === undefined) this.#parts.set(listener, (byHost = new Map()));
    for (const host of hosts) {
      const parts = byHost.get(host);
      if (parts === undefined) byHost.set(host, [part]);
      else parts.push(part);
    }
  }

  /** Parts with limits, as often as they are served. */
  *limited(): Iterable<Part> {
    for (const byHost of this.#parts.values()) for (const parts of byHost.values()) for (const part of parts) if (part.limited) yield part;
  }

  /** The table of a listener. */
  *table(listener: string): Sliced<HostTable> {
    const before = this.#before.get(listener);
    const hosts = new Map<string, RememberedHost>();
    let same = true;
    for (const [host, parts] of this.#parts.get(listener) ?? NO_HOSTS) {
      let known = before?.hosts.get(host);
      if (known === undefined || !sameItems(known.parts, parts)) {
        known = { parts, index: new MatchIndex(yield* byPrecedence(parts)) };
        same = false;
      }
      hosts.set(host, known);
      yield;
    }
    const stays = before !== undefined && same && sameNames(before.hosts, hosts);
    const table = stays ? before.table : new HostTable(new Map([...hosts].map(([host, { index }]) => [host, index])));
    this.#now.set(listener, { hosts, table });
    return table;
  }

  /** To be remembered. */
  get tables(): RememberedHosts {
    return this.#now;
  }
}

function sameNames(one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): boolean {
  if (one.size !== other.size) return false;
  const names = one.keys();
  for (const name of other.keys()) if (names.next().value !== name) return false;
  return true;
}
