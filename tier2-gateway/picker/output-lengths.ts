/** Share of the difference that one answer corrects, once there have been a few. */
const RATE = 0.02;
/** Answers after which a mean is believed as much as the setting was. */
const BELIEVED = 8;
/** Models and adapters that are remembered. A bound, not a policy: it starts again when there are more. */
const MOST_KEYS = 10_000;

interface Mean {
  tokens: number;
  count: number;
}

/** How long answers usually are, by model: a client rarely says, and `max_tokens` is a bound. */
export class OutputLengths {
  readonly #usual: number;
  readonly #means = new Map<string, Mean>();

  /** @param usual tokens of an answer of which nothing is known */
  constructor(usual: number) {
    this.#usual = usual;
  }

  /** @param most what the client allows; a model that usually uses it up is believed to do so again */
  expected(model: string, most = Infinity): number {
    return Math.min(most, this.#means.get(model)?.tokens ?? this.#usual);
  }

  observe(model: string, tokens: number): void {
    let mean = this.#means.get(model);
    if (mean === undefined) {
      if (this.#means.size >= MOST_KEYS) this.#means.clear();
      this.#means.set(model, (mean = { tokens: this.#usual, count: 0 }));
    }
    mean.count++;
    mean.tokens += Math.max(RATE, 1 / (BELIEVED + mean.count)) * (tokens - mean.tokens);
  }
}
