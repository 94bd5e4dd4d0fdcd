import { expect, it } from 'vitest';

import { Patience } from './patience.ts';
import type { Stuck } from './stuck.ts';

const image = (pod: string, more: Partial<Stuck> = {}): Stuck => ({
  key: `image ${pod}`,
  cause: 'image x:1',
  line: pod,
  mayHeal: false,
  ...more,
});

/** What is told, and whether it is over, at each of these seconds. */
function course(patienceMs: number, ...seen: (readonly [second: number, ...stuck: Stuck[]])[]): string[] {
  const patience = new Patience(patienceMs);
  return seen.map(([second, ...stuck]) => {
    const { news, isOver } = patience.observe(stuck, second * 1000);
    return `${news.map(({ line }) => line).join()}${isOver ? ' over' : ''}`;
  });
}

it('tells a cause once, when it has lasted, and is over when that has been too long', () => {
  const a = image('a');
  expect(course(45_000, [0, a, image('b')], [9, a], [12, a, image('b')], [30, a, image('b')], [44, a], [45, a])).toEqual([
    '',
    '',
    'a',
    '',
    '',
    ' over',
  ]);
});

it('begins anew after every break', () => {
  const a = image('a');
  expect(course(45_000, [0, a], [40, a], [43], [46, a], [90, a], [91, a])).toEqual(['', 'a', '', '', '', ' over']);
});

it('tells of what may heal, and waits for it', () => {
  const a = image('a', { mayHeal: true });
  expect(course(45_000, [0, a], [20, a], [500, a], [501, image('a')], [545, image('a')], [546, image('a')])).toEqual([
    '',
    'a',
    '',
    '',
    '',
    ' over',
  ]);
  // One of two pods is enough to wait for.
  expect(course(45_000, [0, a, image('a')], [46, a, image('a')], [92, image('a'), a])).toEqual(['', 'a', '']);
});

it('waits for ever where it is told to, and tells all the same', () => {
  const a = image('a');
  expect(course(0, [0, a], [12, a], [9999, a])).toEqual(['', 'a', '']);
  // Told before it is over, however short that is.
  expect(course(1000, [0, a], [1, a])).toEqual(['', 'a over']);
});
