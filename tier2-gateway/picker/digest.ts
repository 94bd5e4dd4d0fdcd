/**
 * Block hashes of a prompt, computed while its bytes pass by. Each block's hash covers everything before it (a chain), so two prompts
 * share block n exactly if they share all bytes up to its end. The chain is not salted: the prefix index mixes the salt in.
 */

/** The first blocks are as small as vLLM's (16 tokens of about 4 bytes), so that short prompts match too. */
export const SMALL_BLOCKS = 8;
export const SMALL_BLOCK_BYTES = 64;
export const BLOCK_BYTES = 256;

/** About 1 MB of text. What lies behind is not compared: such a prompt is one of a kind. */
const MAX_BLOCKS = 4096;

export function bytesOfBlocks(blocks: number): number {
  return blocks <= SMALL_BLOCKS ? blocks * SMALL_BLOCK_BYTES : SMALL_BLOCKS * SMALL_BLOCK_BYTES + (blocks - SMALL_BLOCKS) * BLOCK_BYTES;
}

/** Size of the block with this number, counted from 0. */
export function blockBytes(block: number): number {
  return block < SMALL_BLOCKS ? SMALL_BLOCK_BYTES : BLOCK_BYTES;
}

/** Where the hash stands in the middle of a block. */
interface HashState {
  readonly a: number;
  readonly b: number;
  /** Bytes that do not fill a word yet, little-endian. */
  readonly word: number;
  readonly wordBytes: number;
  readonly blockLeft: number;
}

export class PromptDigest {
  /** Low and high half of each block's hash. */
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  /** Full blocks. */
  readonly blocks: number;
  /** All bytes, the unfinished block included. */
  readonly bytes: number;
  /** Written ahead of the answer when the digest is continued: what the next turn has between this prompt and the answer. */
  readonly turn: string;
  readonly state: HashState;

  constructor(lo: Int32Array, hi: Int32Array, bytes: number, state: HashState, turn: string) {
    this.lo = lo;
    this.hi = hi;
    this.blocks = lo.length;
    this.bytes = bytes;
    this.state = state;
    this.turn = turn;
  }

  /** A hasher that goes on behind this prompt and its `turn`: feed it the answer's text as it streams. */
  continuation(): PromptHasher {
    const hasher = new PromptHasher(this.turn, this);
    hasher.text(this.turn);
    return hasher;
  }

  /** The digest of this prompt followed by the answer. */
  continued(output: string | Uint8Array): PromptDigest {
    const hasher = this.continuation();
    if (typeof output === 'string') hasher.text(output);
    else hasher.update(output);
    return hasher.digest();
  }

  /** Hash of all bytes, the unfinished block included: 53 bits. */
  get whole(): number {
    const { a, b, word, wordBytes } = this.state;
    const first = finish(a ^ Math.imul(word + wordBytes, 0x27d4eb2f), b);
    return (finish(b ^ first, a) & 0x1fffff) * 0x100000000 + (first >>> 0);
  }
}

export class PromptHasher {
  readonly #turn: string;
  readonly #base: PromptDigest | undefined;
  #lo = new Int32Array(64);
  #hi = new Int32Array(64);
  /** Blocks in the arrays, that is without those of the base. */
  #count = 0;
  #bytes = 0;
  #a = 0x243f6a88;
  #b = 0x13198a2e;
  #word = 0;
  #wordBytes = 0;
  #blockLeft = SMALL_BLOCK_BYTES;

  /** @param turn see PromptDigest.turn; empty where the answer follows the prompt directly */
  constructor(turn = '', base?: PromptDigest) {
    this.#turn = turn;
    this.#base = base;
    if (base === undefined) return;
    this.#bytes = base.bytes;
    ({ a: this.#a, b: this.#b, word: this.#word, wordBytes: this.#wordBytes, blockLeft: this.#blockLeft } = base.state);
  }

  /** Any split of the same bytes gives the same digest. */
  update(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#bytes += end - start;
    if (this.#total() >= MAX_BLOCKS) return;
    let at = start;
    while (this.#wordBytes > 0 && at < end) this.#byte(bytes[at++]!);
    while (at + 4 <= end) {
      // Words up to the end of the block or of the bytes, with the state in local variables.
      const stop = at + Math.min(this.#blockLeft, (end - at) & ~3);
      const from = at;
      let a = this.#a;
      let b = this.#b;
      for (; at < stop; at += 4) {
        const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
        let mixed = Math.imul(word, 0xcc9e2d51);
        mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
        a ^= mixed;
        a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0;
        b ^= Math.imul(word, 0x9e3779b1);
        b = (Math.imul((b << 17) | (b >>> 15), 0x85ebca77) + 0x165667b1) | 0;
      }
      this.#a = a;
      this.#b = b;
      this.#blockLeft -= at - from;
      if (this.#blockLeft === 0 && !this.#blockEnds()) return;
    }
    while (at < end) this.#byte(bytes[at++]!);
  }

  text(text: string): void {
    if (text !== '') this.update(Buffer.from(text));
  }

  digest(): PromptDigest {
    const state = { a: this.#a, b: this.#b, word: this.#word, wordBytes: this.#wordBytes, blockLeft: this.#blockLeft };
    return new PromptDigest(
      joined(this.#base?.lo, this.#lo, this.#count),
      joined(this.#base?.hi, this.#hi, this.#count),
      this.#bytes,
      state,
      this.#turn,
    );
  }

  #total(): number {
    return this.#count + (this.#base?.blocks ?? 0);
  }

  #byte(byte: number): void {
    this.#word |= byte << (this.#wordBytes * 8);
    if (++this.#wordBytes < 4) return;
    const word = this.#word;
    this.#word = 0;
    this.#wordBytes = 0;
    let mixed = Math.imul(word, 0xcc9e2d51);
    mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
    const a = this.#a ^ mixed;
    this.#a = (Math.imul((a << 13) | (a >>> 19), 5) + 0xe6546b64) | 0;
    const b = this.#b ^ Math.imul(word, 0x9e3779b1);
    this.#b = (Math.imul((b << 17) | (b >>> 15), 0x85ebca77) + 0x165667b1) | 0;
    this.#blockLeft -= 4;
    if (this.#blockLeft === 0) this.#blockEnds();
  }

  /** False when no further block is hashed. */
  #blockEnds(): boolean {
    if (this.#count === this.#lo.length) {
      this.#lo = grown(this.#lo);
      this.#hi = grown(this.#hi);
    }
    const lo = finish(this.#a, this.#b);
    this.#lo[this.#count] = lo;
    this.#hi[this.#count] = finish(this.#b ^ lo, this.#a);
    this.#count++;
    const total = this.#total();
    this.#blockLeft = blockBytes(total);
    return total < MAX_BLOCKS;
  }
}

/** The digest of a prompt that lies in several buffers. */
export function digestPrompt(chunks: Iterable<Uint8Array | string>, turn = ''): PromptDigest {
  const hasher = new PromptHasher(turn);
  for (const chunk of chunks) {
    if (typeof chunk === 'string') hasher.text(chunk);
    else hasher.update(chunk);
  }
  return hasher.digest();
}

/** Spreads the chain's state over 32 bits (the finalizer of MurmurHash3). */
export function finish(a: number, b: number): number {
  let hash = (a + Math.imul(b, 0x9e3779b1)) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

function joined(base: Int32Array | undefined, added: Int32Array, count: number): Int32Array {
  if (base === undefined) return added.slice(0, count);
  const all = new Int32Array(base.length + count);
  all.set(base);
  all.set(added.subarray(0, count), base.length);
  return all;
}

function grown(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
