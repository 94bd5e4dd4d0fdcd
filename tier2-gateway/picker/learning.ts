import type { PickerSettings } from './settings.ts';

/** Share of the error that one observation corrects. */
const RATE = 0.1;
/** An observation counts as no further off than this many times the prediction: one hiccup teaches little. */
const MAX_SURPRISE = 1;

/**
 * A straight line through the origin of its features, fitted by normalised least mean squares: each observation moves the weights towards
 * itself in proportion to their share of it. Every weight stays within its bounds, whatever is observed.
 */
class OnlineLine {
  readonly weights: Float64Array;
  readonly #least: Float64Array;
  readonly #most: Float64Array;

  /** @param range weights stay within this factor of their start, either way */
  constructor(start: readonly number[], range: number) {
    this.weights = Float64Array.from(start);
    this.#least = this.weights.map((weight) => weight / range);
    this.#most = this.weights.map((weight) => weight * range);
  }

  predict(x: number, y = 0): number {
    return this.weights[0]! + this.weights[1]! * x + (this.weights[2] ?? 0) * y;
  }

  observe(value: number, x: number, y = 0): void {
    if (!Number.isFinite(value) || value < 0 || !Number.isFinite(x) || !Number.isFinite(y)) return;
    const predicted = this.predict(x, y);
    const limit = Math.max(1, MAX_SURPRISE * predicted);
    const error = Math.max(-limit, Math.min(limit, value - predicted));
    const step = (RATE * error) / (1 + x * x + y * y);
    this.#move(0, step);
    this.#move(1, step * x);
    if (this.weights.length > 2) this.#move(2, step * y);
  }

  #move(index: number, by: number): void {
    this.weights[index] = Math.max(this.#least[index]!, Math.min(this.#most[index]!, this.weights[index]! + by));
  }
}

/** How long an endpoint takes to its first token: a constant and a time per token ahead. */
export class PrefillModel {
  readonly #line: OnlineLine;

  constructor(settings: PickerSettings) {
    // In thousands of tokens, so that both features are of one size.
    this.#line = new OnlineLine([Math.max(1, settings.baseTtftMs), 1e6 / settings.prefillTokensPerSecond], settings.learningRange);
  }

  get baseMs(): number {
    return this.#line.weights[0]!;
  }

  get msPerToken(): number {
    return this.#line.weights[1]! / 1_000;
  }

  /** @param tokens that were prefilled between the pick and the first token, this request's own included */
  observe(tokens: number, ttftMs: number): void {
    this.#line.observe(ttftMs, tokens / 1_000);
  }

  startFrom(other: PrefillModel): void {
    this.#line.weights.set(other.#line.weights);
  }
}

/** How long an endpoint takes per output token: grows with the streams and the KV tokens that it reads in each step. */
export class TpotModel {
  readonly #line: OnlineLine;

  constructor(settings: PickerSettings) {
    this.#line = new OnlineLine(
      [settings.tpotBaseMs, settings.tpotPerStreamMs * STREAMS, settings.tpotPer100kKvMs],
      settings.learningRange,
    );
  }

  predict(streams: number, kvTokens: number): number {
    return this.#line.predict(streams / STREAMS, kvTokens / 100_000);
  }

  get perStreamMs(): number {
    return this.#line.weights[1]! / STREAMS;
  }

  observe(tpotMs: number, streams: number, kvTokens: number): void {
    this.#line.observe(tpotMs, streams / STREAMS, kvTokens / 100_000);
  }

  startFrom(other: TpotModel): void {
    this.#line.weights.set(other.#line.weights);
  }
}

/** Streams that make one unit of the feature. */
const STREAMS = 64;
