import { expect, test } from 'vitest';

import { LoraSlots } from './lora.ts';

test('the adapter that was not used for longest gives its slot, never one in use or one that is loading', () => {
  const slots = new LoraSlots(2, 100);
  expect(slots.request('a', 0)).toBe(100);
  expect(slots.request('b', 10)).toBe(110);
  // Both are loading.
  expect(slots.request('c', 50)).toBe(undefined);
  slots.hold('a');
  expect(slots.request('c', 200)).toBe(300);
  expect(slots.loaded).toEqual(['a', 'c']);
  slots.release('a');
  expect(slots.request('a', 310)).toBe(100);
  expect(slots.request('d', 320)).toBe(420);
  expect(slots.loaded).toEqual(['a', 'd']);
  expect([slots.ready('a', 320), slots.ready('d', 320), slots.ready('c', 320)]).toEqual([true, false, false]);
  expect([slots.nextReadyAt(320), slots.nextReadyAt(420)]).toEqual([420, Infinity]);
});

test('an adapter in use stays, and a release too much shows', () => {
  const slots = new LoraSlots(1, 0);
  slots.request('a', 0);
  slots.hold('a');
  slots.hold('a');
  slots.release('a');
  expect(slots.unload('a')).toBe(false);
  expect(slots.running).toEqual(['a']);
  slots.release('a');
  expect(slots.unload('a')).toBe(true);
  expect(() => slots.release('a')).toThrow(/released more often than held/);
});
