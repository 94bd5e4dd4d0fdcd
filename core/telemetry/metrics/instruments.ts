/** A value that was seen, with the trace that it belongs to (OpenMetrics 1.0, exemplars). */
export interface Exemplar {
  readonly traceId: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Label values in the order of the metric's labels; an empty one is as good as absent. */
export type LabelValues = readonly string[];

/** One series that only grows. Bound to its labels once: counting is an addition. */
export class Counter {
  readonly labels: LabelValues;
  /** Milliseconds since 1970: it was 0 then. */
  readonly createdAt = Date.now();
  value = 0;
  exemplar: Exemplar | undefined;

  constructor(labels: LabelValues) {
    this.labels = labels;
  }

  inc(by = 1, traceId?: string): void {
    this.value += by;
    if (traceId !== undefined) this.exemplar = { traceId, value: by, at: Date.now() };
  }
}

/** One series that is set. */
export class Gauge {
  readonly labels: LabelValues;
  value = 0;

  constructor(labels: LabelValues) {
    this.labels = labels;
  }

  set(value: number): void {
    this.value = value;
  }

  inc(): void {
    this.value++;
  }

  dec(): void {
    this.value--;
  }
}

/** One histogram with fixed upper bounds. */
export class Histogram {
  readonly labels: LabelValues;
  /** Milliseconds since 1970: it was empty then. */
  readonly createdAt = Date.now();
  readonly bounds: readonly number[];
  /** Observations of each bucket alone, the last one of what is above all bounds. */
  readonly counts: Float64Array;
  readonly exemplars: (Exemplar | undefined)[] = [];
  sum = 0;

  constructor(labels: LabelValues, bounds: readonly number[]) {
    this.labels = labels;
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number, traceId?: string): void {
    const { bounds } = this;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= bounds[middle]!) high = middle;
      else low = middle + 1;
    }
    this.counts[low]!++;
    this.sum += value;
    if (traceId !== undefined) this.exemplars[low] = { traceId, value, at: Date.now() };
  }
}
