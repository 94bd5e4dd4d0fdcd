import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { chainRoot, SegmentContent, TokenContent } from './content.ts';

test('chains agree exactly as far as the tokens do', () => {
  const ids = fc.array(fc.integer({ min: 0, max: 2 ** 33 + 4 }), { minLength: 1, maxLength: 70 });
  fc.assert(
    fc.property(ids, ids, fc.nat(70), (one, other, shared) => {
      const mixed = [...one.slice(0, shared), ...other];
      const root = chainRoot('m', undefined, undefined);
      const first = new TokenContent(one, one.length).chain(root, 4);
      const second = new TokenContent(mixed, mixed.length).chain(root, 4);
      for (let i = 0; i < Math.min(first.length, second.length); i++) {
        const same = one.slice(0, (i + 1) * 4).join() === mixed.slice(0, (i + 1) * 4).join();
        expect(first[i] === second[i]).toBe(same);
      }
    }),
  );
});

test('segments stand for tokens: the same segments give the same blocks, and a segment’s place in its run counts', () => {
  const root = chainRoot('m', undefined, undefined);
  const system = { id: 1, length: 40 };
  const one = new SegmentContent([system, { id: 2, length: 30 }], 9).chain(root, 16);
  const two = new SegmentContent([system, { id: 3, length: 30 }], 9).chain(root, 16);
  expect(one.slice(0, 2)).toEqual(two.slice(0, 2));
  expect(one[2]).not.toBe(two[2]);
  expect(new Set(one).size).toBe(one.length);
});

test('an answer that comes back as a segment continues the chain', () => {
  const root = chainRoot('m', undefined, undefined);
  const first = new SegmentContent([{ id: 1, length: 16 }], 5);
  const second = new SegmentContent(
    [
      { id: 1, length: 16 },
      { id: 5, length: 16 },
    ],
    6,
  );
  expect(first.mix(first.chain(root, 16)[0]!, 16, 32)).toBe(second.chain(root, 16)[1]);
});

test('models, adapters and salts share nothing', () => {
  const content = new TokenContent([1, 2, 3, 4], 4);
  const roots = [
    chainRoot('m', undefined, undefined),
    chainRoot('m', 'lora', undefined),
    chainRoot('m', undefined, 'lora'),
    chainRoot('n', undefined, undefined),
  ];
  expect(new Set(roots.map((root) => content.chain(root, 4)[0])).size).toBe(4);
});

test('an empty prompt is refused', () => {
  expect(() => new TokenContent([], 0)).toThrow(/at least one token/);
});
