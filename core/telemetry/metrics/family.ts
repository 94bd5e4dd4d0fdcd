import type { Definition, ValuesOf } from './definition.ts';
import { Counter, Gauge, Histogram, type LabelValues } from './instruments.ts';

export type Child = Counter | Gauge | Histogram;

/** What stands for all values that have no series of their own. */
export const OTHER = 'other';

/** Series of one metric, whatever its labels are bounded by. */
const MOST_SERIES = 2000;

/** All series of one metric. */
export class Family<Labels extends readonly string[] = readonly string[], Series extends Child = Child> {
  readonly definition: Definition;
  readonly #make: (labels: LabelValues) => Series;
  readonly #children = new Map<string, Series>();
  readonly #most: number;
  #dropped = 0;

  constructor(definition: Definition, make: (labels: LabelValues) => Series, most = MOST_SERIES) {
    this.definition = definition;
    this.#make = make;
    this.#most = most;
  }

  /** Questions that ended in the series of `other`, as there are too many others. */
  get overflowed(): number {
    return this.#dropped;
  }

  get size(): number {
    return this.#children.size;
  }

  /** The series with these values; hold on to it where it is needed for each request. */
  with(...values: ValuesOf<Labels>): Series {
    return this.of(values);
  }

  /** The same for labels that are only known at run time, as those of headers are. */
  of(labels: LabelValues): Series {
    const key = labels.join('\u0000');
    const known = this.#children.get(key);
    if (known !== undefined) return known;
    if (this.#children.size >= this.#most && labels.some((value) => value !== OTHER)) {
      this.#dropped++;
      return this.#other();
    }
    const child = this.#make(labels);
    this.#children.set(key, child);
    return child;
  }

  #other(): Series {
    const labels = this.definition.labels.map(() => OTHER);
    const key = labels.join('\u0000');
    let child = this.#children.get(key);
    if (child === undefined) {
      child = this.#make(labels);
      this.#children.set(key, child);
    }
    return child;
  }

  series(): IterableIterator<Series> {
    return this.#children.values();
  }

  /** Forgets the series that have this value of the label. */
  remove(label: string, value: string): void {
    const at = this.definition.labels.indexOf(label);
    if (at === -1) return;
    for (const [key, { labels }] of this.#children) if (labels[at] === value) this.#children.delete(key);
  }

  /** Forgets all series: for gauges that are set anew at each scrape. */
  clear(): void {
    this.#children.clear();
  }
}

/** The family that a row of the table asks for. */
export type FamilyOf<Row extends Definition> = Family<
  Row['labels'],
  Row['type'] extends 'counter' ? Counter : Row['type'] extends 'gauge' ? Gauge : Histogram
>;

export function familyOf<Row extends Definition>(row: Row): FamilyOf<Row> {
  const make = (labels: LabelValues): Child => {
    if (row.type === 'counter') return new Counter(labels);
    if (row.type === 'gauge') return new Gauge(labels);
    return new Histogram(labels, row.buckets!);
  };
  const family = new Family<Row['labels']>(row, make);
  // Without labels there is one series, and it is there from the start: a counter that was never seen to be 0 has no rate.
  if (row.labels.length === 0) (family as Family<readonly []>).with();
  return family as FamilyOf<Row>;
}
