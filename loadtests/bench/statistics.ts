/**
 * The value below which a share of the samples lies (nearest rank).
 * @param sorted ascending
 * @param share 0.5 is the median
 * @returns undefined without samples
 */
export function percentile(sorted: ArrayLike<number>, share: number): number | undefined {
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[Math.min(rank, sorted.length) - 1];
}

/** Middle value; of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle];
  if (upper === undefined || sorted.length % 2 === 1) return upper;
  return (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export interface Line {
  readonly slope: number;
  /** Standard error of the slope: a slope within twice this is not told apart from zero. */
  readonly error: number;
}

/** Least-squares line through points. @returns undefined with fewer than three points, or all at one x */
export function leastSquares(points: readonly { readonly x: number; readonly y: number }[]): Line | undefined {
  const n = points.length;
  if (n < 3) return undefined;
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / n;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / n;
  const spread = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  if (spread === 0) return undefined;
  const slope = points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const residue = points.reduce((sum, { x, y }) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, error: Math.sqrt(residue / (n - 2) / spread) };
}

/** Numbers without a box each: a run takes hundreds of thousands of them. */
export class Samples {
  #values = new Float64Array(1 << 14);
  #length = 0;

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(this.#length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  clear(): void {
    this.#length = 0;
  }

  summary(): { p50: number | undefined; p99: number | undefined; max: number | undefined } {
    const sorted = this.#values.slice(0, this.#length).sort();
    return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99), max: sorted.at(-1) };
  }
}
