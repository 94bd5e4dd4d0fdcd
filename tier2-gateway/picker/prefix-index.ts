import { blockBytes, finish } from './digest.ts';
import type { PromptDigest } from './digest.ts';
import { IdTable } from './id-table.ts';

/** Keeps the prompts of one model, adapter and tenant apart from all others. */
export interface Salt {
  readonly lo: number;
  readonly hi: number;
}

export interface PrefixIndexLimits {
  /**
   * Memory of the index, allocated at once (the operating system gives pages as they are touched).
   *
   * @default 64 MiB
   */
  readonly maxBytes?: number;
  /**
   * Endpoints that can be indexed at a time.
   *
   * @default 256
   */
  readonly maxEndpoints?: number;
}

/**
 * One request's hold on the blocks of its prompt at one endpoint. Held blocks are not evicted, as the engine does not evict the blocks of
 * a running request.
 */
export interface Claim {
  readonly slot: number;
  readonly epoch: number;
  /** From the first block on, without gap. Shorter than the prompt where the memory did not suffice. */
  readonly entries: Int32Array;
  /** Blocks that were there before the claim. */
  readonly matched: number;
  /** Those of them that some earlier request has been seen to compute. */
  readonly confirmed: number;
  open: boolean;
}

/** Bytes per entry: of the entry (19) and its share of a node (9, and the bits). */
const ENTRY_BYTES = 19;
const NODE_BYTES = 9;
const CELL_BYTES = 8;
const MAX_LOAD = 0.75;

/**
 * Which endpoint probably has which blocks in its KV cache. A node is a block that some endpoint has, with one bit per endpoint; an entry
 * is one endpoint's copy. Held entries are in no list; the others are in their endpoint's list by last use. A path is put back last block
 * first, so a block is always used later than those that follow it: the head of the list is a leaf, and what an endpoint has of a prompt
 * is always its beginning, without gap.
 */
export class PrefixIndex {
  readonly maxEntries: number;
  readonly memoryBytes: number;

  readonly #words: number;
  readonly #nodes: IdTable;
  readonly #entries: IdTable;

  readonly #nodeLo: Int32Array;
  /** For a free node: the next free one. */
  readonly #nodeHi: Int32Array;
  readonly #nodeBits: Int32Array;
  /** In units of 64 bytes. */
  readonly #nodeSize: Uint8Array;
  #freeNode = 0;
  #lastNode = 0;

  readonly #entryNode: Int32Array;
  readonly #entrySlot: Uint16Array;
  readonly #entryPrevious: Int32Array;
  /** For a free entry: the next free one. */
  readonly #entryNext: Int32Array;
  readonly #entryClaims: Int32Array;
  readonly #entryConfirmed: Uint8Array;
  #freeEntry = 0;
  #lastEntry = 0;

  readonly #inUse: Uint8Array;
  readonly #epoch: Int32Array;
  readonly #capacity: Float64Array;
  readonly #used: Float64Array;
  readonly #held: Float64Array;
  readonly #count: Int32Array;
  readonly #oldest: Int32Array;
  readonly #newest: Int32Array;
  readonly #alive: Int32Array;

  constructor(limits: PrefixIndexLimits = {}) {
    const maxBytes = limits.maxBytes ?? 64 * 1024 * 1024;
    this.#words = Math.ceil((limits.maxEndpoints ?? 256) / 32);
    const perEntry = ENTRY_BYTES + NODE_BYTES + this.#words * 4;
    // The table size, a power of two, that leaves room for the most entries; the first of each array is not used.
    let table = 64;
    const room = (cells: number): number => Math.min(cells * MAX_LOAD, (maxBytes - cells * 2 * CELL_BYTES) / perEntry - 1);
    while (room(table * 2) > room(table)) table *= 2;
    this.maxEntries = Math.max(16, Math.floor(room(table)));
    const size = this.maxEntries + 1;
    this.memoryBytes = size * perEntry + table * 2 * CELL_BYTES;
    this.#nodes = new IdTable(table);
    this.#entries = new IdTable(table);
    this.#nodeLo = new Int32Array(size);
    this.#nodeHi = new Int32Array(size);
    this.#nodeBits = new Int32Array(size * this.#words);
    this.#nodeSize = new Uint8Array(size);
    this.#entryNode = new Int32Array(size);
    this.#entrySlot = new Uint16Array(size);
    this.#entryPrevious = new Int32Array(size);
    this.#entryNext = new Int32Array(size);
    this.#entryClaims = new Int32Array(size);
    this.#entryConfirmed = new Uint8Array(size);
    const slots = this.#words * 32;
    this.#inUse = new Uint8Array(slots);
    this.#epoch = new Int32Array(slots);
    this.#capacity = new Float64Array(slots);
    this.#used = new Float64Array(slots);
    this.#held = new Float64Array(slots);
    this.#count = new Int32Array(slots);
    this.#oldest = new Int32Array(slots);
    this.#newest = new Int32Array(slots);
    this.#alive = new Int32Array(this.#words);
  }

  /** Endpoints that can be indexed at a time. */
  get slots(): number {
    return this.#inUse.length;
  }

  /** @returns the endpoint's slot, or -1 when all are taken: such an endpoint is served without an index */
  addEndpoint(): number {
    const slot = this.#inUse.indexOf(0);
    if (slot < 0) return -1;
    this.#inUse[slot] = 1;
    this.#capacity[slot] = Infinity;
    return slot;
  }

  removeEndpoint(slot: number): void {
    if (slot < 0) return;
    this.reset(slot);
    this.#inUse[slot] = 0;
  }

  /** The endpoint's cache is gone (the pod restarted). Open claims on it have no effect any more. */
  reset(slot: number): void {
    if (slot < 0) return;
    for (let entry = 1; this.#count[slot]! > 0 && entry <= this.#lastEntry; entry++) {
      if (this.#entrySlot[entry] === slot && this.#entryNode[entry] !== 0) this.#removeEntry(entry);
    }
    this.#epoch[slot]!++;
    this.#oldest[slot] = 0;
    this.#newest[slot] = 0;
    this.#held[slot] = 0;
  }

  /** Bytes of prompt that the endpoint's cache has room for. Takes effect at once. */
  setCapacity(slot: number, bytes: number): void {
    if (slot < 0) return;
    this.#capacity[slot] = bytes;
    while (this.#used[slot]! > bytes && this.#evict(slot));
  }

  usedBytes(slot: number): number {
    return slot < 0 ? 0 : this.#used[slot]!;
  }

  /** Bytes that running requests hold; what they share counts once. */
  heldBytes(slot: number): number {
    return slot < 0 ? 0 : this.#held[slot]!;
  }

  /** Blocks that the endpoint has. */
  entriesOf(slot: number): number {
    return slot < 0 ? 0 : this.#count[slot]!;
  }

  /**
   * Blocks of the prompt that each endpoint has, counted from its beginning without gap.
   *
   * @param depths one cell per slot
   */
  match(prompt: PromptDigest, salt: Salt, depths: Int32Array): void {
    depths.fill(0);
    const words = this.#words;
    const alive = this.#alive.fill(-1);
    for (let block = 0; block < prompt.blocks; block++) {
      const node = this.#findNode(keyLo(prompt, block, salt), keyHi(prompt, block, salt));
      let left = 0;
      for (let word = 0; word < words; word++) {
        const before = alive[word]!;
        if (before === 0) continue;
        const now = node === 0 ? 0 : before & this.#nodeBits[node * words + word]!;
        if (now !== before) {
          if (block > 0) markDepth(depths, word, before & ~now, block);
          alive[word] = now;
        }
        left |= now;
      }
      if (left === 0) return;
    }
    if (prompt.blocks === 0) return;
    for (let word = 0; word < words; word++) markDepth(depths, word, alive[word]!, prompt.blocks);
  }

  /** Whether the endpoint has this block, wherever its predecessors are. */
  has(slot: number, prompt: PromptDigest, block: number, salt: Salt): boolean {
    const node = this.#findNode(keyLo(prompt, block, salt), keyHi(prompt, block, salt));
    return node !== 0 && this.#findEntry(node, slot) !== 0;
  }

  /** Holds the prompt's blocks at the endpoint, and adds those that it has not. */
  claim(slot: number, prompt: PromptDigest, salt: Salt): Claim {
    if (slot < 0) return { slot, epoch: 0, entries: new Int32Array(0), matched: 0, confirmed: 0, open: false };
    const entries = new Int32Array(prompt.blocks);
    let depth = 0;
    let matched = 0;
    let confirmed = 0;
    for (; depth < prompt.blocks; depth++) {
      const lo = keyLo(prompt, depth, salt);
      const hi = keyHi(prompt, depth, salt);
      const node = this.#findNode(lo, hi);
      let entry = node === 0 ? 0 : this.#findEntry(node, slot);
      if (entry !== 0) {
        matched++;
        if (confirmed === depth && this.#entryConfirmed[entry] === 1) confirmed++;
      } else {
        entry = this.#addEntry(slot, lo, hi, blockBytes(depth));
        if (entry === 0) break;
      }
      if (this.#entryClaims[entry]!++ === 0) this.#hold(entry);
      entries[depth] = entry;
    }
    return { slot, epoch: this.#epoch[slot]!, entries: entries.subarray(0, depth), matched, confirmed, open: true };
  }

  /** The endpoint has computed the prompt: the blocks stay after the claim. */
  confirm(claim: Claim): void {
    if (!this.#isLive(claim)) return;
    for (const entry of claim.entries) this.#entryConfirmed[entry] = 1;
  }

  /** Ends the claim. Blocks that nobody has confirmed and nobody else holds are removed: that undoes a claim that came to nothing. */
  release(claim: Claim): void {
    const live = this.#isLive(claim);
    claim.open = false;
    if (!live) return;
    for (let index = claim.entries.length - 1; index >= 0; index--) {
      const entry = claim.entries[index]!;
      if (--this.#entryClaims[entry]! > 0) continue;
      this.#held[claim.slot]! -= this.#sizeOf(entry);
      if (this.#entryConfirmed[entry] === 0) {
        this.#removeEntry(entry);
        continue;
      }
      this.#append(entry, claim.slot);
    }
    // While it was held the endpoint's capacity may have shrunk.
    while (this.#used[claim.slot]! > this.#capacity[claim.slot]! && this.#evict(claim.slot));
  }

  #isLive(claim: Claim): boolean {
    return claim.open && this.#epoch[claim.slot] === claim.epoch;
  }

  #sizeOf(entry: number): number {
    return this.#nodeSize[this.#entryNode[entry]!]! * 64;
  }

  #findNode(lo: number, hi: number): number {
    const table = this.#nodes;
    for (let cell = table.first(lo); ; cell = table.next(cell)) {
      const node = table.id(cell);
      if (node === 0 || (table.hash(cell) === lo && this.#nodeHi[node] === hi)) return node;
    }
  }

  #findEntry(node: number, slot: number): number {
    const table = this.#entries;
    const hash = finish(node, slot);
    for (let cell = table.first(hash); ; cell = table.next(cell)) {
      const entry = table.id(cell);
      if (entry === 0 || (table.hash(cell) === hash && this.#entryNode[entry] === node && this.#entrySlot[entry] === slot)) return entry;
    }
  }

  /**
   * Makes room among the blocks that nobody holds. What is held may exceed the capacity: those requests wait at the endpoint, and will
   * have their blocks there when it is their turn.
   *
   * @returns 0 when the memory is full of blocks that are held
   */
  #addEntry(slot: number, lo: number, hi: number, bytes: number): number {
    while (this.#used[slot]! + bytes > this.#capacity[slot]! && this.#evict(slot));
    if (this.#freeEntry === 0 && this.#lastEntry === this.maxEntries && !this.#evictAnywhere()) return 0;
    // Looked up only now: evicting may have removed the node.
    const node = this.#findNode(lo, hi) || this.#addNode(lo, hi, bytes);
    let entry = this.#freeEntry;
    if (entry !== 0) this.#freeEntry = this.#entryNext[entry]!;
    else entry = ++this.#lastEntry;
    this.#entryNode[entry] = node;
    this.#entrySlot[entry] = slot;
    this.#entryClaims[entry] = 0;
    this.#entryConfirmed[entry] = 0;
    this.#entryNext[entry] = 0;
    this.#entryPrevious[entry] = 0;
    this.#entries.add(finish(node, slot), entry);
    this.#nodeBits[node * this.#words + (slot >> 5)]! |= 1 << (slot & 31);
    this.#used[slot]! += bytes;
    this.#count[slot]!++;
    return entry;
  }

  #addNode(lo: number, hi: number, bytes: number): number {
    let node = this.#freeNode;
    if (node !== 0) this.#freeNode = this.#nodeHi[node]!;
    else node = ++this.#lastNode;
    this.#nodeLo[node] = lo;
    this.#nodeHi[node] = hi;
    this.#nodeSize[node] = bytes / 64;
    this.#nodes.add(lo, node);
    return node;
  }

  /** The entry is in no list. */
  #removeEntry(entry: number): void {
    const node = this.#entryNode[entry]!;
    const slot = this.#entrySlot[entry]!;
    this.#used[slot]! -= this.#sizeOf(entry);
    this.#count[slot]!--;
    this.#entries.remove(finish(node, slot), entry);
    this.#entryNode[entry] = 0;
    this.#entryNext[entry] = this.#freeEntry;
    this.#freeEntry = entry;
    const bits = node * this.#words;
    this.#nodeBits[bits + (slot >> 5)]! &= ~(1 << (slot & 31));
    for (let word = 0; word < this.#words; word++) if (this.#nodeBits[bits + word] !== 0) return;
    this.#nodes.remove(this.#nodeLo[node]!, node);
    this.#nodeHi[node] = this.#freeNode;
    this.#freeNode = node;
  }

  #evict(slot: number): boolean {
    const entry = this.#oldest[slot]!;
    if (entry === 0) return false;
    this.#unlink(entry, slot);
    this.#removeEntry(entry);
    return true;
  }

  /** The memory is full: the endpoint with the most blocks gives one. */
  #evictAnywhere(): boolean {
    let largest = -1;
    for (let slot = 0; slot < this.#inUse.length; slot++) {
      if (this.#oldest[slot] !== 0 && (largest < 0 || this.#count[slot]! > this.#count[largest]!)) largest = slot;
    }
    return largest >= 0 && this.#evict(largest);
  }

  /** Out of the list: nobody held it so far. A new entry is in no list. */
  #hold(entry: number): void {
    const slot = this.#entrySlot[entry]!;
    this.#held[slot]! += this.#sizeOf(entry);
    if (this.#entryPrevious[entry] !== 0 || this.#oldest[slot] === entry) this.#unlink(entry, slot);
  }

  #append(entry: number, slot: number): void {
    const newest = this.#newest[slot]!;
    this.#entryPrevious[entry] = newest;
    this.#entryNext[entry] = 0;
    if (newest === 0) this.#oldest[slot] = entry;
    else this.#entryNext[newest] = entry;
    this.#newest[slot] = entry;
  }

  #unlink(entry: number, slot: number): void {
    const previous = this.#entryPrevious[entry]!;
    const next = this.#entryNext[entry]!;
    if (previous === 0) this.#oldest[slot] = next;
    else this.#entryNext[previous] = next;
    if (next === 0) this.#newest[slot] = previous;
    else this.#entryPrevious[next] = previous;
    this.#entryPrevious[entry] = 0;
    this.#entryNext[entry] = 0;
  }
}

function keyLo(prompt: PromptDigest, block: number, salt: Salt): number {
  return finish(prompt.lo[block]! ^ salt.lo, salt.hi);
}

function keyHi(prompt: PromptDigest, block: number, salt: Salt): number {
  return finish(prompt.hi[block]! ^ salt.hi, salt.lo);
}

function markDepth(depths: Int32Array, word: number, slots: number, depth: number): void {
  while (slots !== 0) {
    const lowest = slots & -slots;
    depths[word * 32 + 31 - Math.clz32(lowest)] = depth;
    slots ^= lowest;
  }
}
