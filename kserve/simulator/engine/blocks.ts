import { HashTable } from './hash-table.ts';

/** What happens to cached blocks: the feed that vLLM publishes as KV events (BlockStored, BlockRemoved, AllBlocksCleared). */
export interface BlockEvents {
  /** @param parent hash of the block before, or the chain's root */
  stored?(hash: number, parent: number): void;
  removed?(hash: number): void;
  cleared?(): void;
}

const NONE = -1;

/**
 * The KV cache of one engine: blocks of `blockSize` tokens with reference counts. A block that nobody uses keeps its content until it is
 * needed: free blocks are taken from the front of a list, and released ones come to its end, the tail of a sequence first. So what was not
 * used for longest goes first, and leaves go before the blocks that lead to them (as in vLLM's V1 block pool).
 *
 * Several blocks may hold the same content, when two sequences computed it at one time; they are listed under one hash.
 */
export class BlockAllocator {
  readonly blocks: number;
  readonly blockSize: number;
  readonly #caching: boolean;
  readonly #events: BlockEvents;
  readonly #references: Int32Array;
  /** The free list: doubly linked, with the entry `blocks` as its head and tail. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #hash: Float64Array;
  readonly #cached: Uint8Array;
  /** Further block with the same hash. */
  readonly #twin: Int32Array;
  readonly #byHash: HashTable;
  #free: number;

  constructor(blocks: number, blockSize: number, caching = true, events: BlockEvents = {}) {
    if (!Number.isSafeInteger(blocks) || blocks < 1) throw new RangeError(`a KV cache has at least one block, not ${blocks}`);
    if (!Number.isSafeInteger(blockSize) || blockSize < 1) throw new RangeError(`a block has at least one token, not ${blockSize}`);
    this.blocks = blocks;
    this.blockSize = blockSize;
    this.#caching = caching;
    this.#events = events;
    this.#references = new Int32Array(blocks);
    this.#next = new Int32Array(blocks + 1);
    this.#previous = new Int32Array(blocks + 1);
    this.#hash = new Float64Array(blocks);
    this.#cached = new Uint8Array(blocks);
    this.#twin = new Int32Array(blocks).fill(NONE);
    this.#byHash = new HashTable(blocks);
    for (let i = 0; i <= blocks; i++) {
      this.#next[i] = i === blocks ? 0 : i + 1;
      this.#previous[i] = i === 0 ? blocks : i - 1;
    }
    this.#free = blocks;
  }

  /** Blocks that no sequence holds, with or without content. */
  get free(): number {
    return this.#free;
  }

  /** Share of the blocks that sequences hold, 0 to 1 (`vllm:kv_cache_usage_perc`). */
  get usage(): number {
    return 1 - this.#free / this.blocks;
  }

  /** Hashes in the cache. */
  get cachedHashes(): number {
    return this.#byHash.size;
  }

  /** @returns how many hashes from the start of the chain are cached without a gap, at most `limit` */
  match(chain: Float64Array, limit = chain.length): number {
    const end = Math.min(limit, chain.length);
    let found = 0;
    while (found < end && this.#byHash.get(chain[found]!) !== NONE) found++;
    return found;
  }

  /** @returns whether `fresh` blocks are there beside the first `hits` blocks of the chain, which must be cached */
  fits(chain: Float64Array, hits: number, fresh: number): boolean {
    if (this.#free < fresh) return false;
    let idle = 0;
    for (let i = 0; i < hits; i++) if (this.#references[this.#byHash.get(chain[i]!)] === 0) idle++;
    return this.#free - idle >= fresh;
  }

  /** Takes hold of the first `hits` blocks of a chain, which must be cached, and adds them to `into`. */
  share(chain: Float64Array, hits: number, into: number[]): void {
    for (let i = 0; i < hits; i++) {
      const block = this.#byHash.get(chain[i]!);
      if (block === NONE) throw new Error(`block ${i} of the chain is not cached`);
      if (this.#references[block] === 0) this.#unlink(block);
      this.#references[block]!++;
      into.push(block);
    }
  }

  /** Takes `count` empty blocks and adds them to `into`; what was cached in them is forgotten. @returns false, and takes none, if too few are free */
  allocate(count: number, into: number[]): boolean {
    if (count > this.#free) return false;
    for (let i = 0; i < count; i++) {
      const block = this.#next[this.blocks]!;
      this.#unlink(block);
      this.#forget(block);
      this.#references[block] = 1;
      into.push(block);
    }
    return true;
  }

  /** Lists a block that a sequence has filled. */
  store(block: number, hash: number, parent: number): void {
    if (!this.#caching || this.#cached[block] === 1) return;
    const first = this.#byHash.get(hash);
    this.#cached[block] = 1;
    this.#hash[block] = hash;
    this.#twin[block] = NONE;
    if (first === NONE) {
      this.#byHash.set(hash, block);
      this.#events.stored?.(hash, parent);
      return;
    }
    this.#twin[block] = this.#twin[first]!;
    this.#twin[first] = block;
  }

  /** Gives back the blocks of one sequence, in the sequence's order, and empties the list. */
  release(blocks: number[]): void {
    for (let i = blocks.length - 1; i >= 0; i--) {
      const block = blocks[i]!;
      const left = --this.#references[block]!;
      if (left < 0) throw new Error(`block ${block} was released more often than taken`);
      if (left === 0) this.#append(block);
    }
    blocks.length = 0;
  }

  /** Forgets all content. Blocks that are held stay held. */
  clear(): void {
    this.#byHash.clear();
    this.#cached.fill(0);
    this.#twin.fill(NONE);
    this.#events.cleared?.();
  }

  /** All of the state, for tests and for a look from outside. The free list is in the order in which blocks will be taken. */
  inspect(): { readonly references: readonly number[]; readonly free: readonly number[]; readonly hashes: ReadonlyMap<number, number> } {
    const free: number[] = [];
    for (let block = this.#next[this.blocks]!; block !== this.blocks; block = this.#next[block]!) free.push(block);
    const hashes = new Map<number, number>();
    for (let block = 0; block < this.blocks; block++) if (this.#cached[block] === 1) hashes.set(block, this.#hash[block]!);
    return { references: [...this.#references], free, hashes };
  }

  #forget(block: number): void {
    if (this.#cached[block] === 0) return;
    this.#cached[block] = 0;
    const hash = this.#hash[block]!;
    const after = this.#twin[block]!;
    this.#twin[block] = NONE;
    const first = this.#byHash.get(hash);
    if (first !== block) {
      let before = first;
      while (this.#twin[before] !== block) before = this.#twin[before]!;
      this.#twin[before] = after;
      return;
    }
    if (after !== NONE) {
      this.#byHash.set(hash, after);
      return;
    }
    this.#byHash.delete(hash);
    this.#events.removed?.(hash);
  }

  #unlink(block: number): void {
    const before = this.#previous[block]!;
    const after = this.#next[block]!;
    this.#next[before] = after;
    this.#previous[after] = before;
    this.#free--;
  }

  #append(block: number): void {
    const last = this.#previous[this.blocks]!;
    this.#next[last] = block;
    this.#previous[block] = last;
    this.#next[block] = this.blocks;
    this.#previous[this.blocks] = block;
    this.#free++;
  }
}
