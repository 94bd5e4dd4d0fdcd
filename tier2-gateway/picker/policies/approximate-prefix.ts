import { BLOCK_BYTES, finish, PromptHasher, SMALL_BLOCK_BYTES, SMALL_BLOCKS } from '../digest.ts';
import type { PromptDigest } from '../digest.ts';

/** Parameters of `approx-prefix-cache-producer`, with the reference's defaults. */
export interface ApproximatePrefixOptions {
  /** Take block size and capacity from the scrapes. */
  readonly autoTune: boolean;
  /** At least 64; rounded up to a multiple of 64 here. */
  readonly blockSizeTokens: number;
  readonly maxPrefixTokensToMatch: number;
  /** Blocks that are remembered per server. */
  readonly lruCapacityPerServer: number;
}

export const APPROXIMATE_PREFIX_DEFAULTS: ApproximatePrefixOptions = {
  autoTune: true,
  blockSizeTokens: 64,
  maxPrefixTokensToMatch: 131_072,
  lruCapacityPerServer: 31_250,
};

const BYTES_PER_TOKEN = 4;
const TOKENS_PER_BLOCK = BLOCK_BYTES / BYTES_PER_TOKEN;

/** Blocks of a server, least recently added first. */
interface Server {
  readonly capacity: number;
  readonly blocks: Set<number>;
}

/**
 * The reference's approximate prefix index, as it is (llm-d-router 0.10): four bytes are a token; a block's hash covers what precedes it;
 * the unfinished last block counts; each server has a least-recently-used list of hashes, added first block first, whose capacity is
 * settled when the first block is added; a server matches every block that it has, whether or not it has those before it.
 */
export class ApproximatePrefixIndex {
  readonly #servers = new Map<string, Server>();
  readonly #serversOf = new Map<number, Set<string>>();

  /** The prompt's block hashes. */
  hashes(prompt: PromptDigest, model: string, salt: string, blockTokens: number, maxTokens: number): number[] {
    const perBlock = Math.max(1, Math.ceil(blockTokens / TOKENS_PER_BLOCK));
    const seed = seedOf(`${model.length}:${model}${salt}`);
    const limit = Math.floor(maxTokens / (perBlock * TOKENS_PER_BLOCK));
    const full = Math.floor(prompt.bytes / (perBlock * BLOCK_BYTES));
    const hashes: number[] = [];
    for (let block = 0; block < Math.min(full, limit); block++) {
      const index = chainIndex((block + 1) * perBlock);
      if (index >= prompt.blocks) return hashes;
      hashes.push(((prompt.hi[index]! ^ seed) & 0x1fffff) * 0x100000000 + ((prompt.lo[index]! ^ seed) >>> 0));
    }
    if (prompt.bytes % (perBlock * BLOCK_BYTES) !== 0 && full < limit) hashes.push(prompt.whole + seed / 0x100000000);
    return hashes;
  }

  /** Matching blocks per server, up to the first block that no server has. */
  match(hashes: readonly number[]): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const hash of hashes) {
      const servers = this.#serversOf.get(hash);
      if (servers === undefined) break;
      for (const id of servers) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  }

  add(hashes: readonly number[], id: string, capacity: number): void {
    let server = this.#servers.get(id);
    if (server === undefined) this.#servers.set(id, (server = { capacity: Math.max(1, capacity), blocks: new Set() }));
    for (const hash of hashes) {
      if (server.blocks.delete(hash)) {
        server.blocks.add(hash);
        continue;
      }
      server.blocks.add(hash);
      const servers = this.#serversOf.get(hash);
      if (servers === undefined) this.#serversOf.set(hash, new Set([id]));
      else servers.add(id);
      if (server.blocks.size > server.capacity) this.#forget(server.blocks.values().next().value!, id, server);
    }
  }

  remove(id: string): void {
    const server = this.#servers.get(id);
    if (server === undefined) return;
    for (const hash of server.blocks) this.#forget(hash, id, server);
    this.#servers.delete(id);
  }

  #forget(hash: number, id: string, server: Server): void {
    server.blocks.delete(hash);
    const servers = this.#serversOf.get(hash)!;
    servers.delete(id);
    if (servers.size === 0) this.#serversOf.delete(hash);
  }
}

/** Where the chain of small and large blocks ends the n-th 256 bytes. */
function chainIndex(blocks: number): number {
  const smallPerBlock = BLOCK_BYTES / SMALL_BLOCK_BYTES;
  const small = blocks * smallPerBlock;
  return small <= SMALL_BLOCKS ? small - 1 : SMALL_BLOCKS + blocks - SMALL_BLOCKS / smallPerBlock - 1;
}

const seeds = new Map<string, number>();

function seedOf(key: string): number {
  let seed = seeds.get(key);
  if (seed === undefined) {
    const hasher = new PromptHasher();
    hasher.text(key);
    const { a, b, word, wordBytes } = hasher.digest().state;
    seed = finish(a + word, b + wordBytes);
    if (seeds.size > 10_000) seeds.clear();
    seeds.set(key, seed);
  }
  return seed;
}
