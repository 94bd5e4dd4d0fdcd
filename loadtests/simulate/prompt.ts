import { type Segment, SegmentContent } from '../../kserve/simulator/engine/content.ts';
import { type PromptDigest, PromptHasher } from '../../tier2-gateway/picker/digest.ts';

/**
 * A simulated prompt and its answer as both sides see them: to the engine they are segments of tokens (`content`), to the gateway they are
 * bytes (`digest`). Equal segments have equal bytes, so that what the engine can share a byte-wise index can find.
 */
export class Prompt {
  readonly segments: readonly Segment[];
  readonly answerId: number;
  /** Tokens that the answer will have: the engine knows, the gateway does not. */
  readonly answerTokens: number;
  readonly content: SegmentContent;
  readonly bytesPerToken: number;
  #digest: PromptDigest | undefined;

  /** @param answerId id of the answer, as a segment of a later prompt */
  constructor(segments: readonly Segment[], answerId: number, answerTokens: number, bytesPerToken: number) {
    this.segments = segments;
    this.answerTokens = answerTokens;
    this.answerId = answerId;
    this.bytesPerToken = bytesPerToken;
    this.content = new SegmentContent(segments, answerId);
  }

  /** tokens */
  get length(): number {
    return this.content.length;
  }

  get digest(): PromptDigest {
    if (this.#digest === undefined) {
      const hasher = new PromptHasher();
      for (const segment of this.segments) hasher.update(bytesOf(segment, this.bytesPerToken));
      this.#digest = hasher.digest();
      PROMPTS.set(this.#digest, this);
    }
    return this.#digest;
  }

  /** The digest of the prompt with an answer of this length. */
  continued(answerTokens: number): PromptDigest {
    return this.digest.continued(bytesOf({ id: this.answerId, length: answerTokens }, this.bytesPerToken));
  }
}

const PROMPTS = new WeakMap<PromptDigest, Prompt>();

/** What a digest was made of: for who knows more than a gateway can. */
export function promptOf(digest: PromptDigest): Prompt {
  const prompt = PROMPTS.get(digest);
  if (prompt === undefined) throw new Error('the digest is of no simulated prompt');
  return prompt;
}

/** Bytes of a segment: noise that depends on nothing but its id, so that a shorter one is the beginning of a longer one. */
function bytesOf({ id, length }: Segment, bytesPerToken: number): Uint8Array {
  const bytes = Math.round(length * bytesPerToken);
  const words = new Int32Array((bytes + 3) >> 2);
  let state = Math.imul(id ^ 0x5bd1e995, 0x9e3779b1) | 1;
  for (let at = 0; at < words.length; at++) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, bytes);
}
