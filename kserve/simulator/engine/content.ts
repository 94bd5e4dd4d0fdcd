import { hashText, mixNumbers, mixThree } from './random.ts';

/**
 * What a prompt and its answer are made of, as far as the prefix cache can tell: two contents that agree up to a position give the same
 * block hashes up to there.
 */
export abstract class Content {
  /** Length of the prompt in tokens. */
  readonly length: number;
  #memo: { readonly root: number; readonly blockSize: number; readonly hashes: Float64Array } | undefined;

  constructor(length: number) {
    if (!Number.isSafeInteger(length) || length < 1) throw new RangeError(`a prompt has at least one token, not ${length}`);
    this.length = length;
  }

  /** Mixes the tokens at the positions `from` to `to` - 1 into a hash. Positions after the prompt are the answer's. */
  abstract mix(hash: number, from: number, to: number): number;

  /**
   * The hash chain over the full blocks of the prompt: each hash stands for its block and everything before it.
   * @param root see {@link chainRoot}
   */
  chain(root: number, blockSize: number): Float64Array {
    if (this.#memo?.root === root && this.#memo.blockSize === blockSize) return this.#memo.hashes;
    const hashes = new Float64Array(Math.floor(this.length / blockSize));
    let hash = root;
    for (let i = 0; i < hashes.length; i++) {
      hash = this.mix(hash, i * blockSize, (i + 1) * blockSize);
      hashes[i] = hash;
    }
    this.#memo = { root, blockSize, hashes };
    return hashes;
  }
}

/** Where a hash chain starts: nothing is shared between models, LoRA adapters or cache salts. */
export function chainRoot(model: string, lora: string | undefined, salt: string | undefined): number {
  return hashText(JSON.stringify([model, lora ?? null, salt ?? null]));
}

/** Real token ids. */
export class TokenContent extends Content {
  readonly #tokens: ArrayLike<number>;

  /** @param tokens the prompt's ids, followed by those of the answer that will be given */
  constructor(tokens: ArrayLike<number>, promptLength: number) {
    super(promptLength);
    this.#tokens = tokens;
  }

  override mix(hash: number, from: number, to: number): number {
    return mixNumbers(hash, this.#tokens, from, Math.min(to, this.#tokens.length));
  }
}

/** A run of tokens that have no ids: equal numbers mean equal tokens. */
export interface Segment {
  readonly id: number;
  /** tokens */
  readonly length: number;
}

/** A prompt without token ids, for simulations: the same system prompt is the same segment. Costs nothing per token. */
export class SegmentContent extends Content {
  readonly #segments: readonly Segment[];
  readonly #answer: number;

  /** @param answer id of the answer: a later prompt that repeats the answer as a segment with this id finds it in the cache */
  constructor(segments: readonly Segment[], answer: number) {
    super(segments.reduce((sum, { length }) => sum + length, 0));
    this.#segments = segments;
    this.#answer = answer;
  }

  override mix(hash: number, from: number, to: number): number {
    let mixed = hash;
    let start = 0;
    for (const { id, length } of this.#segments) {
      const end = start + length;
      if (end > from && start < to) mixed = part(mixed, id, start, Math.max(from, start), Math.min(to, end));
      start = end;
      if (start >= to) return mixed;
    }
    return part(mixed, this.#answer, start, Math.max(from, start), to);
  }
}

function part(hash: number, id: number, start: number, from: number, to: number): number {
  return mixThree(hash, id, from - start, to - from);
}
