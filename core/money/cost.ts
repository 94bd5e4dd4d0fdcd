import type { Usage } from '../llm/usage.ts';
import type { Prices } from '../resources/tierkit/price-table.ts';
import { nanosOf } from '../resources/tierkit/money.ts';

/** What something is paid for. */
export type PricedKind = keyof Prices;

/** What a request used, as far as it is paid for. */
export interface Used {
  /** Undefined: nothing is known of tokens. */
  readonly usage: Usage | undefined;
  /** Images that were made; undefined: unknown. */
  readonly images: number | undefined;
}

/** One kind of what a request used, and what it came to. */
export interface Part {
  readonly kind: PricedKind;
  /** Tokens, images or requests. */
  readonly count: number;
  /** Billionths of the currency, rounded up. */
  readonly nanos: number;
}

/** What a request cost. */
export interface Cost {
  /** Billionths of {@link currency}: the sum of the parts. */
  readonly nanos: number;
  readonly currency: string;
  /** Id of the price entry. */
  readonly entry: string;
  /** None for what nothing was used of. */
  readonly parts: readonly Part[];
}

/** What a call of a tool cost. */
export interface ToolCost extends Omit<Cost, 'parts'> {
  readonly parts: readonly [{ readonly kind: 'perCall'; readonly nanos: number }];
}

/** There is no cost, and it is not 0. */
export class Unpriced {
  /** For people, in the middle of a sentence. */
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

const PER_MILLION = 1_000_000n;
const MOST = BigInt(Number.MAX_SAFE_INTEGER);

/** One set of prices, ready to be multiplied. */
export class Rates {
  /** Billionths for a million of tokens, or for one image or request. */
  readonly #nanos: ReadonlyMap<PricedKind, bigint>;
  readonly #takesTokens: boolean;

  constructor(prices: Prices) {
    const nanos = new Map<PricedKind, bigint>();
    for (const [kind, amount] of Object.entries(prices) as [PricedKind, string][]) nanos.set(kind, nanosOf(amount));
    const output = nanos.get('output');
    if (output !== undefined && !nanos.has('reasoning')) nanos.set('reasoning', output);
    this.#nanos = nanos;
    this.#takesTokens = [...nanos.keys()].some((kind) => kind !== 'perImage' && kind !== 'perRequest');
  }

  has(kind: PricedKind): boolean {
    return this.#nanos.has(kind);
  }

  /**
   * Exact: each part is a whole number of billionths, rounded up, so that no use is ever too cheap; all of them together are less than one
   * billionth a part above the true sum.
   */
  cost({ usage, images }: Used, currency: string, entry: string): Cost | Unpriced {
    const counts: [PricedKind, number][] = [];
    if (this.#takesTokens) {
      if (usage === undefined) return new Unpriced('it is not known how many tokens were used');
      const missing = this.#tokens(usage, counts);
      if (missing !== undefined) return new Unpriced(missing);
    }
    if (this.has('perImage')) {
      if (images === undefined) return new Unpriced('it is not known how many images were made');
      counts.push(['perImage', images]);
    }
    if (this.has('perRequest')) counts.push(['perRequest', 1]);
    return this.#sum(counts, currency, entry);
  }

  #sum(counts: readonly [PricedKind, number][], currency: string, entry: string): Cost | Unpriced {
    const parts: Part[] = [];
    let total = 0n;
    for (const [kind, count] of counts) {
      if (count === 0) continue;
      const rate = this.#nanos.get(kind);
      if (rate === undefined) return new Unpriced(`${entry} has no price of ${NAMES[kind]}`);
      const exact = BigInt(count) * rate;
      const nanos = kind === 'perImage' || kind === 'perRequest' ? exact : (exact + PER_MILLION - 1n) / PER_MILLION;
      total += nanos;
      if (total > MOST) return new Unpriced('it is more than can be counted');
      parts.push({ kind, count, nanos: Number(nanos) });
    }
    return { nanos: Number(total), currency, entry, parts };
  }

  /** @returns why the tokens of a kind cannot be told */
  #tokens(usage: Usage, counts: [PricedKind, number][]): string | undefined {
    const { total } = usage;
    const output = usage.output ?? (total !== undefined && total === usage.input ? 0 : undefined);
    if (usage.input === undefined) return 'it is not known how many input tokens were used';
    // What has no answer of tokens, such as an embedding, says nothing of them.
    if (output === undefined && this.has('output')) return 'it is not known how many output tokens were used';
    splitInput(usage, usage.input, counts);
    splitOutput(usage, output ?? 0, counts);
    return undefined;
  }
}

/**
 * Each token goes to one kind. What a provider counts in several kinds goes to the first of them here, which is usually the dearest: a budget
 * that must hold is not to be charged too little.
 */
function splitInput(usage: Usage, input: number, counts: [PricedKind, number][]): void {
  let left = input;
  const take = (kind: PricedKind, count: number | undefined): void => {
    const taken = Math.min(left, count ?? 0);
    left -= taken;
    counts.push([kind, taken]);
  };
  const longLived = Math.min(usage.cacheCreation1h ?? 0, usage.cacheCreation ?? Infinity);
  take('inputAudio', usage.inputAudio);
  take('inputImage', usage.inputImage);
  take('cacheWrite1h', longLived);
  take('cacheWrite', Math.max(0, (usage.cacheCreation ?? 0) - longLived));
  take('cachedInput', usage.cachedInput);
  counts.push(['input', left]);
}

function splitOutput(usage: Usage, output: number, counts: [PricedKind, number][]): void {
  const audio = Math.min(output, usage.outputAudio ?? 0);
  const reasoning = Math.min(output - audio, usage.reasoning ?? 0);
  counts.push(['outputAudio', audio], ['reasoning', reasoning], ['output', output - audio - reasoning]);
}

const NAMES: Readonly<Record<PricedKind, string>> = {
  input: 'input tokens',
  cachedInput: 'input tokens read from a cache (cachedInput)',
  cacheWrite: 'input tokens written to a cache (cacheWrite)',
  cacheWrite1h: 'input tokens written to a cache for an hour (cacheWrite1h)',
  output: 'output tokens',
  reasoning: 'reasoning tokens',
  inputAudio: 'audio input (inputAudio)',
  outputAudio: 'audio output (outputAudio)',
  inputImage: 'image input (inputImage)',
  perImage: 'images',
  perRequest: 'requests',
};
