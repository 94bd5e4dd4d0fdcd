import { setTimeout as wait } from 'node:timers/promises';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { type Machine, RealTime, VirtualClock } from './clock.ts';

/** Ticks at given times. */
class Ticker implements Machine {
  readonly seen: number[] = [];
  readonly #times: number[];

  constructor(times: readonly number[]) {
    this.#times = times.toSorted((a, b) => a - b);
  }

  nextEventAt(): number {
    return this.#times[0] ?? Infinity;
  }

  advance(now: number): void {
    while (this.nextEventAt() <= now) {
      this.#times.shift();
      this.seen.push(now);
    }
  }
}

test('events come in the order of time, then of asking, whatever the order of asking is', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50)), fc.array(fc.nat(50)), (timers, ticks) => {
      const clock = new VirtualClock();
      const ticker = new Ticker(ticks);
      clock.add(ticker);
      const seen: [number, number][] = [];
      for (const [i, time] of timers.entries()) clock.at(time, () => seen.push([clock.now, i]));
      clock.run();
      expect(seen).toEqual(timers.map((time, i): [number, number] => [time, i]).toSorted(([a, i], [b, j]) => a - b || i - j));
      expect(ticker.seen).toEqual(ticks.toSorted((a, b) => a - b));
    }),
  );
});

test('a timer may set timers, a run may stop and go on, and the past is closed', () => {
  const clock = new VirtualClock();
  const seen: number[] = [];
  const again = (): void => {
    seen.push(clock.now);
    if (seen.length < 5) clock.after(10, again);
  };
  clock.after(10, again);
  clock.run(25);
  expect([seen, clock.now]).toEqual([[10, 20], 25]);
  clock.run();
  expect(seen).toEqual([10, 20, 30, 40, 50]);
  expect(() => clock.at(49, again)).toThrow(/is past/);
});

test('machines that are due at one time go in the order in which they were added', () => {
  const clock = new VirtualClock();
  const order: string[] = [];
  for (const name of ['a', 'b', 'c']) {
    let due = true;
    clock.add({
      nextEventAt: () => (due ? 10 : Infinity),
      advance: () => {
        due = false;
        order.push(name);
      },
    });
  }
  clock.run();
  expect(order).toEqual(['a', 'b', 'c']);
});

test('in real time a machine is advanced when it asks for it, also after a nearer event comes up', async () => {
  const ticker = new Ticker([30, 100_000]);
  const time = new RealTime(ticker, 2);
  await wait(60);
  expect(ticker.seen.length).toBe(1);
  expect(ticker.seen[0]).toBeGreaterThanOrEqual(30);
  time.stop();
});
