import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { EndpointLoad, Reservation } from './load.ts';

const step = fc.record({
  do: fc.constantFrom('reserve' as const, 'first' as const, 'tokens' as const, 'release' as const),
  which: fc.nat(9),
  count: fc.nat(3_000),
});

test('what reservations add they give back exactly, in any order', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const load = new EndpointLoad();
      const all: Reservation[] = [];
      steps.forEach(({ do: action, which, count }, at) => {
        const one = all[which % Math.max(1, all.length)];
        if (action === 'reserve') all.push(new Reservation(load, count, which, count % 700, at));
        if (action === 'first') one?.firstToken(at);
        if (action === 'tokens') one?.tokens(count);
        if (action === 'release') one?.release(at);
        const { requests, prefills, pendingPrefill, streams, looseKv, remainingOutput } = load;
        expect(Math.min(requests, prefills, pendingPrefill, streams, looseKv, remainingOutput)).toBeGreaterThanOrEqual(0);
        expect(requests).toBe(prefills + streams);
        expect(load.prefillLeft(at + count, 0.05)).toBeGreaterThanOrEqual(0);
        expect(load.prefillLeft(at + count, 0.05)).toBeLessThanOrEqual(pendingPrefill);
      });
      for (const one of all) one.release(100);
      const { prefilled: _prefilled, progressAt: _progressAt, ...left } = load;
      expect(Object.values(left)).toEqual([0, 0, 0, 0, 0, 0]);
    }),
  );
});

test('the prefill queue shrinks with time, but the request at its head is not done before its first token', () => {
  const load = new EndpointLoad();
  const one = new Reservation(load, 1_000, 0, 1, 0);
  expect(load.prefillLeft(10, 0.05)).toBe(800);
  expect(load.prefillLeft(10_000, 0.05)).toBeCloseTo(100);
  const other = new Reservation(load, 1_000, 0, 1, 40);
  one.firstToken(50);
  expect(load.prefillLeft(60, 0.05)).toBe(800);
  other.release(60);
  expect(load.prefillLeft(1_000, 0.05)).toBe(0);
});
