import { expect, test } from 'vitest';

import { LoraSlots } from './lora.ts';
import { metrics } from './pool.fixture.ts';

test('an adapter is resident while it is used, and afterwards until another takes its slot', () => {
  const slots = new LoraSlots();
  expect(slots.place('red', 2, undefined)).toBe('free-slot');
  slots.start('red', 2);
  slots.start('red', 2);
  expect([slots.place('red', 2, undefined), slots.place('blue', 2, undefined)]).toEqual(['resident', 'free-slot']);
  slots.start('blue', 2);
  expect(slots.place('green', 2, undefined)).toBe('full');
  slots.end('red');
  expect(slots.place('green', 2, undefined)).toBe('full');
  slots.end('red');
  expect([slots.place('red', 2, undefined), slots.place('green', 2, undefined)]).toEqual(['resident', 'swap']);
  slots.start('green', 2);
  expect([slots.place('red', 2, undefined), slots.place('blue', 2, undefined)]).toEqual(['full', 'resident']);
  slots.end('green');
  slots.end('blue');
  slots.reset();
  expect([slots.place('green', 2, undefined), slots.requests]).toEqual(['free-slot', 0]);
});

test('what others use is seen in the scrape', () => {
  const slots = new LoraSlots();
  const scraped = metrics({ runningLoras: ['red'], waitingLoras: ['blue'] });
  expect(slots.place('red', 1, scraped)).toBe('resident');
  // It is being loaded already.
  expect(slots.place('blue', 1, scraped)).toBe('free-slot');
  expect(slots.place('green', 2, scraped)).toBe('full');
  expect(slots.place('green', 3, scraped)).toBe('free-slot');
});
