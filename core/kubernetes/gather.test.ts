import { expect, it } from 'vitest';

import { Gather } from './gather.ts';
import { ManualClock } from './time.fixture.ts';

function gather() {
  const clock = new ManualClock();
  const ran: number[] = [];
  const started = clock.now();
  return { clock, ran, bunch: new Gather(() => ran.push(clock.now() - started), { clock }) };
}

it('waits for quiet', () => {
  const { clock, ran, bunch } = gather();
  bunch.add();
  clock.advance(15);
  bunch.add();
  clock.advance(19);
  expect(ran).toEqual([]);
  clock.advance(1);
  expect(ran).toEqual([35]);
  clock.advance(1000);
  bunch.add();
  clock.advance(20);
  expect(ran).toEqual([35, 1055]);
});

it('does not wait for ever', () => {
  const { clock, ran, bunch } = gather();
  for (let time = 0; time < 250; time += 10) {
    bunch.add();
    clock.advance(10);
  }
  expect(ran).toEqual([100, 200]);
});

it('makes one timer of many events', () => {
  const { clock, bunch } = gather();
  for (let index = 0; index < 2000; index++) bunch.add();
  expect(clock.waits).toEqual([20]);
  bunch.stop();
  expect(clock.waits).toEqual([]);
});
