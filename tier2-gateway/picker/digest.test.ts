import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { bytesOfBlocks, digestPrompt, PromptHasher } from './digest.ts';
import type { PromptDigest } from './digest.ts';

const bytes = fc.uint8Array({ maxLength: 1500 });

function parts(digest: PromptDigest): unknown {
  return { lo: [...digest.lo], hi: [...digest.hi], bytes: digest.bytes, whole: digest.whole };
}

/** Blocks that two prompts have in common. */
function shared(one: PromptDigest, other: PromptDigest): number {
  let blocks = 0;
  while (blocks < Math.min(one.blocks, other.blocks) && one.lo[blocks] === other.lo[blocks] && one.hi[blocks] === other.hi[blocks])
    blocks++;
  return blocks;
}

test('any split of the bytes gives the same digest', () => {
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(1500), { maxLength: 6 }), (all, cuts) => {
      const at = [0, ...cuts.map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b), all.length];
      const chunks = at.slice(1).map((end, index) => all.subarray(at[index], end));
      expect(parts(digestPrompt(chunks))).toEqual(parts(digestPrompt([all])));
    }),
  );
});

test('two prompts share exactly the blocks before the first different byte', () => {
  fc.assert(
    fc.property(bytes, bytes, bytes, (common, one, other) => {
      const first = digestPrompt([common, one]);
      const second = digestPrompt([common, other]);
      let same = common.length;
      while (same - common.length < Math.min(one.length, other.length) && one[same - common.length] === other[same - common.length]) same++;
      let blocks = 0;
      while (bytesOfBlocks(blocks + 1) <= Math.min(same, first.bytes, second.bytes)) blocks++;
      expect(shared(first, second)).toBe(blocks);
    }),
  );
});

test('a digest that is continued is the digest of the whole', () => {
  fc.assert(
    fc.property(bytes, bytes, fc.string({ maxLength: 5 }), (prompt, answer, turn) => {
      expect(parts(digestPrompt([prompt], turn).continued(answer))).toEqual(parts(digestPrompt([prompt, turn, answer])));
    }),
  );
});

test('zero bytes at the end are not lost', () => {
  expect(digestPrompt([new Uint8Array(64)]).whole).not.toBe(digestPrompt([new Uint8Array(65)]).whole);
  expect(digestPrompt([Uint8Array.of(7)]).whole).not.toBe(digestPrompt([Uint8Array.of(7, 0)]).whole);
});

test('a prompt of many megabytes has a bounded digest', () => {
  const hasher = new PromptHasher();
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  for (let index = 0; index < 3; index++) hasher.update(chunk);
  const digest = hasher.digest();
  expect(digest.blocks).toBe(4096);
  expect(digest.bytes).toBe(3 * 1024 * 1024);
  expect(digest.continued('more').blocks).toBe(4096);
});
