import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { bytesOfBlocks, digestPrompt } from './digest.ts';
import type { PromptDigest } from './digest.ts';
import { IdTable } from './id-table.ts';
import { PrefixIndex } from './prefix-index.ts';
import type { Claim } from './prefix-index.ts';

const salt = { lo: 1, hi: 2 };

/** A tree of prompts: 64 bytes for each letter. */
function prompt(path: string): PromptDigest {
  return digestPrompt(Array.from(path, (letter) => letter.repeat(64)));
}

function depth(index: PrefixIndex, slot: number, path: PromptDigest): number {
  const depths = new Int32Array(index.slots);
  index.match(path, salt, depths);
  return depths[slot]!;
}

function blocksOf(index: PrefixIndex, slot: number, all: readonly PromptDigest[]): string {
  return JSON.stringify(all.map((path) => Array.from({ length: path.blocks }, (_, block) => index.has(slot, path, block, salt))));
}

const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 7 });
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('claim' as const), slot: fc.nat(2), path: letters }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('keep' as const, 'undo' as const), which: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('capacity' as const), slot: fc.nat(2), blocks: fc.integer({ min: 0, max: 12 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), slot: fc.nat(2) }) },
  ),
  { maxLength: 60 },
);

test('whatever happens, endpoints have beginnings of prompts without gaps, within capacity and memory', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      // So little memory that it runs out, too.
      const index = new PrefixIndex({ maxBytes: 64 * 45, maxEndpoints: 32 });
      const slots = [index.addEndpoint(), index.addEndpoint(), index.addEndpoint()];
      const capacity = [8 * 64, 8 * 64, 8 * 64];
      for (const slot of slots) index.setCapacity(slot, 8 * 64);
      const open: { claim: Claim; path: PromptDigest }[] = [];
      const seen: PromptDigest[] = [];
      const empty: number[] = [];
      let now = 0;
      for (const step of sequence) {
        now += 20;
        if (step.do === 'claim') {
          const path = prompt(step.path);
          seen.push(path);
          open.push({ claim: index.claim(step.slot, path, salt), path });
        } else if (step.do === 'capacity') {
          capacity[step.slot] = step.blocks * 64;
          index.setCapacity(step.slot, step.blocks * 64);
        } else if (step.do === 'reset') {
          index.reset(step.slot);
          empty.push(index.usedBytes(step.slot));
          for (const { claim } of open) if (claim.slot === step.slot) claim.open = false;
        } else if (open.length > 0) {
          const { claim } = open.splice(step.which % open.length, 1)[0]!;
          if (step.do === 'keep') index.confirm(claim);
          index.release(claim);
        }
        let total = 0;
        for (const slot of slots) {
          let held = 0;
          const holding = new Set<number>();
          for (const { claim } of open) if (claim.slot === slot && claim.open) for (const entry of claim.entries) holding.add(entry);
          held = holding.size * 64;
          expect(index.heldBytes(slot)).toBe(held);
          expect(index.usedBytes(slot)).toBeLessThanOrEqual(Math.max(capacity[slot]!, held));
          expect(index.usedBytes(slot)).toBe(index.entriesOf(slot) * 64);
          total += index.entriesOf(slot);
          for (const path of seen) {
            const has = Array.from({ length: path.blocks }, (_, block) => index.has(slot, path, block, salt));
            expect(has.indexOf(false) < 0 ? has.length : has.indexOf(false)).toBe(has.filter(Boolean).length);
            expect(depth(index, slot, path)).toBe(has.filter(Boolean).length);
          }
          // What running requests hold is never evicted.
          const here = open.filter(({ claim }) => claim.slot === slot && claim.open);
          expect(here.every(({ claim, path }) => depth(index, slot, path) >= claim.entries.length)).toBe(true);
        }
        expect(total).toBeLessThanOrEqual(index.maxEntries);
        expect(empty.every((bytes) => bytes === 0)).toBe(true);
      }
    }),
    { numRuns: 300 },
  );
});

test('a claim that is undone leaves no trace', () => {
  fc.assert(
    fc.property(fc.array(letters, { minLength: 1, maxLength: 6 }), letters, (kept, undone) => {
      const index = new PrefixIndex({ maxBytes: 1 << 20, maxEndpoints: 32 });
      const slot = index.addEndpoint();
      for (const path of kept) {
        const claim = index.claim(slot, prompt(path), salt);
        index.confirm(claim);
        index.release(claim);
      }
      const all = [...kept, undone].map(prompt);
      const before = blocksOf(index, slot, all);
      const used = index.usedBytes(slot);
      const claim = index.claim(slot, prompt(undone), salt);
      expect(depth(index, slot, prompt(undone))).toBe(undone.length);
      index.release(claim);
      expect(blocksOf(index, slot, all)).toBe(before);
      expect(index.usedBytes(slot)).toBe(used);
    }),
  );
});

test('blocks that another request counts on survive the undoing', () => {
  const index = new PrefixIndex({ maxBytes: 1 << 20 });
  const slot = index.addEndpoint();
  const failed = index.claim(slot, prompt('abc'), salt);
  const good = index.claim(slot, prompt('abd'), salt);
  expect([good.matched, good.confirmed]).toEqual([2, 0]);
  index.release(failed);
  expect(depth(index, slot, prompt('abc'))).toBe(2);
  index.confirm(good);
  index.release(good);
  expect(depth(index, slot, prompt('abd'))).toBe(3);
});

test('the least recently used leaf goes first, never a block in the middle', () => {
  const index = new PrefixIndex({ maxBytes: 1 << 20 });
  const slot = index.addEndpoint();
  index.setCapacity(slot, 6 * 64);
  const serve = (path: string): void => {
    const claim = index.claim(slot, prompt(path), salt);
    index.confirm(claim);
    index.release(claim);
  };
  serve('abcd');
  serve('abxy');
  // Needs two: d, then c. Not a or b, though they are older than x.
  serve('pq');
  expect(depth(index, slot, prompt('abcd'))).toBe(2);
  expect(depth(index, slot, prompt('abxy'))).toBe(4);
});

test('other salts, endpoints and later tenants of a slot do not match', () => {
  const index = new PrefixIndex({ maxBytes: 1 << 20 });
  const [one, other] = [index.addEndpoint(), index.addEndpoint()];
  const claim = index.claim(one, prompt('abc'), salt);
  index.confirm(claim);
  const depths = new Int32Array(index.slots);
  for (const different of [
    { lo: 2, hi: 1 },
    { lo: 1, hi: 3 },
    { lo: 0, hi: 0 },
  ]) {
    index.match(prompt('abc'), different, depths);
    expect([...depths].every((depth) => depth === 0)).toBe(true);
  }
  expect(depth(index, other, prompt('abc'))).toBe(0);
  index.removeEndpoint(one);
  expect(index.addEndpoint()).toBe(one);
  const fresh = index.claim(one, prompt('abz'), salt);
  // The old claim is of another time.
  index.release(claim);
  expect(depth(index, one, prompt('abc'))).toBe(2);
  index.release(fresh);
  expect(index.usedBytes(one)).toBe(0);
});

test('more endpoints than bits are served without an index', () => {
  const index = new PrefixIndex({ maxBytes: 1 << 20, maxEndpoints: 32 });
  const slots = Array.from({ length: 33 }, () => index.addEndpoint());
  expect(slots.slice(0, 32)).toEqual(Array.from({ length: 32 }, (_, slot) => slot));
  expect(slots[32]).toBe(-1);
  const claims = slots.map((slot) => index.claim(slot, prompt('abc'), salt));
  const depths = new Int32Array(index.slots);
  index.match(prompt('abc'), salt, depths);
  expect([...depths]).toEqual(Array.from({ length: 32 }, () => 3));
  for (const claim of claims) index.release(claim);
});

test('the memory stays within its budget, and has room for 100 endpoints of 307k tokens', () => {
  const index = new PrefixIndex();
  expect(index.memoryBytes).toBeLessThanOrEqual(64 * 1024 * 1024);
  let perEndpoint = 0;
  while (bytesOfBlocks(perEndpoint) < 307_328 * 4) perEndpoint++;
  expect(index.maxEntries).toBeGreaterThan(100 * perEndpoint);
});

/** Few hashes, so that they collide and wrap around the end. */
function hashOf(key: number): number {
  return 13 + (key % 4);
}

test('the table finds what is in it, and nothing else, after any removals', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ add: fc.boolean(), key: fc.integer({ min: 1, max: 12 }) }), { maxLength: 80 }), (sequence) => {
      const table = new IdTable(16);
      const present = new Set<number>();
      for (const { add, key } of sequence) {
        if (add && !present.has(key)) table.add(hashOf(key), key);
        if (!add) table.remove(hashOf(key), key);
        if (add) present.add(key);
        else present.delete(key);
        for (let wanted = 1; wanted <= 12; wanted++) {
          let found = false;
          for (let cell = table.first(hashOf(wanted)); table.id(cell) !== 0; cell = table.next(cell)) found ||= table.id(cell) === wanted;
          expect(found).toBe(present.has(wanted));
        }
      }
    }),
  );
});
