import { dayStart } from '../resources/tierkit/day.ts';

const DAY_MS = 86_400_000;

/** When a price holds and where it is from, as a PriceTable says it. */
export interface Validity {
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly source?: string | undefined;
  readonly checked?: string | undefined;
}

/** A price that holds for a time. */
export abstract class DatedPrice {
  /** In ms since 1970. */
  readonly from: number;
  /** Not in it. */
  readonly until: number;
  readonly source: string | undefined;
  /** In ms since 1970; undefined: nobody says when. */
  readonly checked: number | undefined;

  constructor({ from, until, source, checked }: Validity) {
    this.from = from === undefined ? Number.NEGATIVE_INFINITY : dayStart(from);
    this.until = until === undefined ? Number.POSITIVE_INFINITY : dayStart(until) + DAY_MS;
    this.source = source;
    this.checked = checked === undefined ? undefined : dayStart(checked);
  }

  /** @param now ms since 1970 */
  holdsAt(now: number): boolean {
    return this.from <= now && now < this.until;
  }
}

/** Prices by what they are of, to find those that would hold for the same at the same time. */
export class SameTime<Entry extends DatedPrice> {
  readonly #byKey = new Map<string, Entry[]>();

  /** @returns one of before that holds for the same at the same time */
  add(key: string, entry: Entry): Entry | undefined {
    const others = this.#byKey.get(key) ?? [];
    const other = others.find(({ from, until }) => entry.from < until && from < entry.until);
    this.#byKey.set(key, [...others, entry]);
    return other;
  }
}
