import { OTHER } from './family.ts';

export interface LabelCapOptions {
  /** Values that have series of their own, besides those of the configuration. */
  readonly most: number;
  /** A value that was not used for so long gives its place to a new one. @default one hour */
  readonly idleMs?: number;
  /** Whether a value may be shown at all; asked before it gets a place. @default every one may */
  readonly accepts?: (value: string) => boolean;
  /** Told of a value that has lost its place. */
  readonly onEvict: (value: string) => void;
}

interface Place {
  usedAt: number;
}

const HOUR_MS = 3_600_000;
/** Looking for a place is not for every request of somebody who tries names. */
const LOOK_EVERY_MS = 1000;
const LONGEST = 128;

/**
 * Bounds how many values a label has that clients can influence. Those of the configuration always stand for themselves; of others the first
 * `most` that are used do, and for the rest there is `other`.
 */
export class LabelCap {
  readonly #most: number;
  readonly #idleMs: number;
  readonly #accepts: ((value: string) => boolean) | undefined;
  readonly #onEvict: (value: string) => void;
  readonly #places = new Map<string, Place>();
  #kept: ReadonlySet<string> = new Set();
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor({ most, idleMs = HOUR_MS, accepts, onEvict }: LabelCapOptions) {
    this.#most = most;
    this.#accepts = accepts;
    this.#idleMs = idleMs;
    this.#onEvict = onEvict;
  }

  get size(): number {
    return this.#places.size;
  }

  /** These stand for themselves from now on; those that did before have to earn their places. */
  keep(values: Iterable<string>): void {
    this.#kept = new Set(values);
    for (const value of this.#kept) this.#places.delete(value);
  }

  /**
   * @param now milliseconds of a clock that does not go back
   * @param takes whether the value may take a place: what failed may be an invention
   */
  of(value: string, now: number, takes = true): string {
    const place = this.#places.get(value);
    if (place !== undefined) {
      place.usedAt = now;
      return value;
    }
    if (this.#kept.has(value)) return value;
    if (!takes || value.length > LONGEST || this.#accepts?.(value) === false) return OTHER;
    if (this.#places.size >= this.#most && !this.#makeRoom(now)) return OTHER;
    this.#places.set(value, { usedAt: now });
    return value;
  }

  #makeRoom(now: number): boolean {
    if (now - this.#lookedAt < LOOK_EVERY_MS) return false;
    this.#lookedAt = now;
    let found = false;
    for (const [value, { usedAt }] of this.#places) {
      if (now - usedAt < this.#idleMs) continue;
      this.#places.delete(value);
      this.#onEvict(value);
      found = true;
    }
    return found;
  }
}
