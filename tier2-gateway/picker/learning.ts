import type { PickerSettings } from './settings.ts';

/** Share of the error that one observation corrects. */
const RATE = 0.1;
/** An observation counts as no further off than this many times the prediction: one hiccup teaches little. */
const MAX_SURPRISE = 1;
/** Logarithm of a deviation that is put down to chance, or to load that the line does not know: about a quarter. */
const USUAL_DEVIATION = 0.25;
/** How long an endpoint's deviation from the pool is believed in without news: a slow one gets another chance. */
const DEVIATION_HALF_LIFE_MS = 60_000;

/**
 * A weighted sum of features, fitted by normalised least mean squares: each observation moves the weights towards itself in proportion to
 * their share of it. Every weight stays within its bounds, whatever is observed.
 */
class OnlineLine {
  readonly #weights: Float64Array;
  readonly #least: Float64Array;
  readonly #most: Float64Array;
  /** Logarithm of what observations lately were relative to the prediction: not 0 only while it learns, or at a bound. */
  bias = 0;

  /** @param range weights stay within this factor of their start, either way */
  constructor(start: readonly number[], range: number) {
    this.#weights = Float64Array.from(start);
    this.#least = this.#weights.map((weight) => weight / range);
    this.#most = this.#weights.map((weight) => weight * range);
  }

  weight(index: number): number {
    return this.#weights[index]!;
  }

  predict(x: number, y: number): number {
    return this.#weights[0]! + this.#weights[1]! * x + (this.#weights[2] ?? 0) * y;
  }

  observe(value: number, x: number, y: number): void {
    const predicted = this.predict(x, y);
    this.bias += RATE * surprise(value / predicted, this.bias);
    const limit = Math.max(1, MAX_SURPRISE * predicted);
    const error = Math.max(-limit, Math.min(limit, value - predicted));
    const step = (RATE * error) / (1 + x * x + y * y);
    this.#move(0, step);
    this.#move(1, step * x);
    if (this.#weights.length > 2) this.#move(2, step * y);
  }

  #move(index: number, by: number): void {
    this.#weights[index] = Math.max(this.#least[index]!, Math.min(this.#most[index]!, this.#weights[index]! + by));
  }
}

/**
 * How much slower (above 1) or faster an endpoint is than the pool's line says. One number is learned from few observations, and an
 * endpoint that was hardly tried is like the others: separate lines would send everything to whichever learned first that it is fast.
 */
class Deviation {
  readonly #limit: number;
  readonly #surprising: number;
  #log = 0;
  #at = 0;
  /** The factor at the time of the last question: one pick asks several times. */
  #askedAt = Number.NaN;
  #answer = 1;

  /** @param surprising logarithm beyond which one observation counts no more: outliers must be many to count */
  constructor(range: number, surprising: number) {
    this.#limit = Math.log(range);
    this.#surprising = surprising;
  }

  factor(now: number): number {
    if (now !== this.#askedAt) {
      this.#askedAt = now;
      // A usual deviation is none; a large one is believed nearly in full.
      const size = Math.abs(this.#log);
      const beyond = size <= USUAL_DEVIATION ? 0 : this.#log * (1 - (USUAL_DEVIATION / size) ** 2);
      this.#answer = Math.exp(beyond * 0.5 ** (Math.max(0, now - this.#at) / DEVIATION_HALF_LIFE_MS));
    }
    return this.#answer;
  }

  observe(ratio: number, at: number): void {
    this.#log = Math.max(-this.#limit, Math.min(this.#limit, this.#log + RATE * surprise(ratio, this.#log, this.#surprising)));
    this.#at = at;
    this.#askedAt = Number.NaN;
  }
}

/** What the pool's endpoints have taught together. */
export class PoolModels {
  /** Milliseconds to first token: constant, and per thousand tokens ahead. */
  readonly ttft: OnlineLine;
  /** Milliseconds per output token: constant, per 64 streams, per 100 000 tokens of KV that each step reads. */
  readonly tpot: OnlineLine;
  readonly range: number;

  constructor(settings: PickerSettings) {
    this.range = settings.learningRange;
    this.ttft = new OnlineLine([Math.max(1, settings.baseTtftMs), 1e6 / settings.prefillTokensPerSecond], this.range);
    this.tpot = new OnlineLine([settings.tpotBaseMs, settings.tpotPerStreamMs * STREAMS, settings.tpotPer100kKvMs], this.range);
  }
}

/**
 * Streams tell their time per token several times a second, so a server that is really slower is found out soon. But where the KV cache is
 * full, streams are taken out of the batch for a while: that is no speed.
 */
const TPOT_SURPRISING = 0.15;

/** Units of the features, so that all are of about one size. */
const TOKENS = 1_000;
const STREAMS = 64;
const KV = 100_000;

/** How fast one endpoint is: the pool's lines, times its own deviation from each. */
export class SpeedModel {
  readonly #pool: PoolModels;
  readonly #ttft: Deviation;
  readonly #tpot: Deviation;

  constructor(pool: PoolModels) {
    this.#pool = pool;
    this.#ttft = new Deviation(pool.range, Math.LN2);
    this.#tpot = new Deviation(pool.range, TPOT_SURPRISING);
  }

  /** Time to first token of an empty prompt without a queue. */
  baseTtftMs(now: number): number {
    return this.#pool.ttft.weight(0) * this.#ttft.factor(now);
  }

  prefillMsPerToken(now: number): number {
    return (this.#pool.ttft.weight(1) * this.#ttft.factor(now)) / TOKENS;
  }

  /** Time per output token. */
  tpotMs(streams: number, kvTokens: number, now: number): number {
    return this.#pool.tpot.predict(streams / STREAMS, kvTokens / KV) * this.#tpot.factor(now);
  }

  /** What one more stream adds to it. */
  tpotPerStreamMs(now: number): number {
    return (this.#pool.tpot.weight(1) * this.#tpot.factor(now)) / STREAMS;
  }

  /** @param tokens that were prefilled between the pick and the first token, this request's own included */
  observeTtft(ttftMs: number, tokens: number, at: number): void {
    learn(this.#pool.ttft, this.#ttft, ttftMs, tokens / TOKENS, 0, at);
  }

  observeTpot(tpotMs: number, streams: number, kvTokens: number, at: number): void {
    learn(this.#pool.tpot, this.#tpot, tpotMs, streams / STREAMS, kvTokens / KV, at);
  }
}

function learn(line: OnlineLine, deviation: Deviation, value: number, x: number, y: number, at: number): void {
  if (!Number.isFinite(value) || value < 0 || !Number.isFinite(x) || !Number.isFinite(y)) return;
  const ratio = Math.max(LEAST_RATIO, value / line.predict(x, y));
  line.observe(value, x, y);
  // Where the line is wrong for all, that says nothing about this one.
  deviation.observe(ratio / Math.exp(line.bias), at);
}

/** Keeps the logarithm of an observation of 0 finite. */
const LEAST_RATIO = 1e-6;

/** How far the logarithm of the ratio is from the expected one; a hiccup counts as a factor of two at most. */
function surprise(ratio: number, expected: number, most = Math.LN2): number {
  return Math.max(-most, Math.min(most, Math.log(Math.max(LEAST_RATIO, ratio)) - expected));
}
