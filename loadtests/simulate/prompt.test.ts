import { expect, test } from 'vitest';

import { Prompt } from './prompt.ts';

function sharedBlocks(one: Prompt, other: Prompt): number {
  let block = 0;
  while (block < one.digest.blocks && one.digest.lo[block] === other.digest.lo[block]) block++;
  return block;
}

test('prompts share blocks exactly as far as their segments are the same', () => {
  const system = { id: 1, length: 512 };
  const one = new Prompt([system, { id: 2, length: 512 }], 10, 5, 4);
  const other = new Prompt([system, { id: 3, length: 512 }], 11, 5, 4);
  // 512 tokens are 2048 bytes: 8 blocks of 64 and 6 of 256.
  expect(sharedBlocks(one, other)).toBe(14);
  expect(sharedBlocks(one, new Prompt([system, { id: 2, length: 512 }], 12, 5, 4))).toBe(one.digest.blocks);
});

test('a prompt with its answer is the beginning of the next turn, in the digest and in the content', () => {
  const first = new Prompt([{ id: 1, length: 300 }], 9, 100, 3.4);
  const next = new Prompt(
    [
      { id: 1, length: 300 },
      { id: 9, length: 100 },
      { id: 4, length: 50 },
    ],
    10,
    5,
    3.4,
  );
  const said = first.continued(100);
  expect(said.blocks).toBeGreaterThan(first.digest.blocks);
  expect([...next.digest.lo.subarray(0, said.blocks)]).toEqual([...said.lo]);
  expect(first.content.mix(7, 288, 320)).toBe(next.content.mix(7, 288, 320));
});
