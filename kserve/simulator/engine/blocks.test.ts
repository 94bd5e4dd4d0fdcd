import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { BlockAllocator } from './blocks.ts';
import { mixThree } from './random.ts';

const BLOCKS = 24;
const ROOT = 7;

/** A chain in a small tree of prompts, so that different chains share their beginnings. */
function chainOf(path: readonly number[]): Float64Array {
  const chain = new Float64Array(path.length);
  let hash = ROOT;
  for (const [i, part] of path.entries()) chain[i] = hash = mixThree(hash, part, i, 0);
  return chain;
}

interface Held {
  readonly chain: Float64Array;
  readonly blocks: number[];
  /** Blocks that are listed. */
  stored: number;
}

/** What must hold after every operation, whatever came before. */
function check(allocator: BlockAllocator, held: readonly Held[], parents: ReadonlyMap<number, number>): void {
  const { references, free, hashes } = allocator.inspect();
  const expected = Array.from({ length: BLOCKS }, () => 0);
  for (const { blocks } of held) for (const block of blocks) expected[block]!++;
  // Reference counts are exactly the uses, so no block is given to two sequences without both holding the same content.
  expect(references).toEqual(expected);
  for (const { chain, blocks, stored } of held) {
    expect(new Set(blocks).size).toBe(blocks.length);
    for (let i = 0; i < stored; i++) expect(hashes.get(blocks[i]!)).toBe(chain[i]);
    const doubled = [...blocks.entries()].filter(([, block]) => references[block]! > 1);
    expect(doubled.map(([, block]) => hashes.get(block))).toEqual(doubled.map(([i]) => chain[i]));
  }
  // The free list has every block without a use, once.
  expect(free.toSorted((a, b) => a - b)).toEqual([...expected.keys()].filter((block) => expected[block] === 0));
  expect(allocator.free).toBe(free.length);
  expect(allocator.usage).toBeCloseTo(1 - free.length / BLOCKS);
  expect(allocator.cachedHashes).toBe(new Set(hashes.values()).size);
  // Leaves go first: what leads to a cached block is cached, and stays for at least as long.
  const place = new Map(free.map((block, i) => [block, i]));
  const longest = new Map<number, number>();
  for (const [block, hash] of hashes) longest.set(hash, Math.max(longest.get(hash) ?? -1, place.get(block) ?? Infinity));
  for (const [block, hash] of hashes) {
    const parent = parents.get(hash)!;
    const stays = parent === ROOT ? Infinity : (longest.get(parent) ?? -1);
    expect(stays === Infinity || stays > (place.get(block) ?? Infinity)).toBe(true);
  }
}

/** Contiguous: all before the first miss, and nothing after it counts. */
function lookUp(allocator: BlockAllocator, chain: Float64Array, stored: ReadonlySet<number>): number {
  const hits = allocator.match(chain, chain.length);
  for (let i = 0; i < hits; i++) expect(stored.has(chain[i]!)).toBe(true);
  expect(stored.has(chain[hits] ?? -1)).toBe(false);
  return hits;
}

function grow(allocator: BlockAllocator, { blocks }: Held): void {
  const before = allocator.free;
  expect(allocator.allocate(1, blocks)).toBe(before > 0);
}

const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      path: fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('store' as const), which: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('grow' as const), which: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), which: fc.nat(20) }) },
);

test('whatever is started, filled, grown and ended, no block is lost, doubled or evicted before its leaves', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const parents = new Map<number, number>();
      const stored = new Set<number>();
      const allocator = new BlockAllocator(BLOCKS, 16, true, {
        stored: (hash) => stored.add(hash),
        removed: (hash) => stored.delete(hash),
      });
      const held: Held[] = [];
      for (const step of operations) {
        if (step.kind === 'start') {
          const chain = chainOf(step.path);
          for (const [i, hash] of chain.entries()) parents.set(hash, i === 0 ? ROOT : chain[i - 1]!);
          const hits = lookUp(allocator, chain, stored);
          const fits = allocator.fits(chain, hits, chain.length - hits);
          const blocks: number[] = [];
          if (!fits) continue;
          allocator.share(chain, hits, blocks);
          if (!allocator.allocate(chain.length - hits, blocks)) throw new Error('what fits is not there');
          held.push({ chain, blocks, stored: hits });
        } else if (held.length > 0) {
          const index = step.which % held.length;
          const sequence = held[index]!;
          if (step.kind === 'store' && sequence.stored < sequence.chain.length) {
            const i = sequence.stored++;
            allocator.store(sequence.blocks[i]!, sequence.chain[i]!, i === 0 ? ROOT : sequence.chain[i - 1]!);
          } else if (step.kind === 'grow') {
            grow(allocator, sequence);
          } else if (step.kind === 'end') {
            held.splice(index, 1);
            allocator.release(sequence.blocks);
          }
        }
        check(allocator, held, parents);
        expect(allocator.cachedHashes).toBe(stored.size);
      }
      for (const sequence of held.splice(0)) allocator.release(sequence.blocks);
      expect(allocator.free).toBe(BLOCKS);
    }),
    { numRuns: 150 },
  );
});

test('what was not used for longest goes first, the end of a prompt before its beginning', () => {
  const allocator = new BlockAllocator(4, 16);
  const one = chainOf([1, 1]);
  const two = chainOf([2, 2]);
  for (const chain of [one, two]) {
    const blocks: number[] = [];
    allocator.allocate(2, blocks);
    allocator.store(blocks[0]!, chain[0]!, ROOT);
    allocator.store(blocks[1]!, chain[1]!, chain[0]!);
    allocator.release(blocks);
  }
  const found = (): readonly number[] => [allocator.match(one), allocator.match(two)];
  const taken: number[] = [];
  expect(found()).toEqual([2, 2]);
  allocator.allocate(1, taken);
  expect(found()).toEqual([1, 2]);
  // A use makes the first prompt the newer one.
  const again: number[] = [];
  allocator.share(one, 1, again);
  allocator.release(again);
  allocator.allocate(1, taken);
  expect(found()).toEqual([1, 1]);
  allocator.allocate(1, taken);
  expect(found()).toEqual([1, 0]);
});

test('a block that is released twice is a mistake that shows', () => {
  const allocator = new BlockAllocator(2, 16);
  const blocks: number[] = [];
  allocator.allocate(1, blocks);
  const copy = [...blocks];
  allocator.release(blocks);
  expect(() => allocator.release(copy)).toThrow(/released more often/);
});
