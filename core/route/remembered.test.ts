import { expect, it } from 'vitest';

import { Reading, Recorder, Remembered, type Step } from './remembered.ts';

/** Numbers by name that work reads, what it does, and how often it was done. */
function bench() {
  const recorder = new Recorder();
  const numbers = new Map<string, number>([['a', 1]]);
  const told: string[] = [];
  const done: string[] = [];
  const reading = new Reading<string, number | undefined>(recorder, (name) => numbers.get(name));
  const telling: Step<string, undefined> = {
    again(text) {
      told.push(text);
      return true;
    },
  };
  const tell = (text: string): void => {
    recorder.note(telling, text, undefined);
    told.push(text);
  };
  const inner = new Remembered<string, object>(recorder);
  const outer = new Remembered<string, object>(recorder);
  let before = [new Map(), new Map()] as [ReadonlyMap<unknown, unknown>, ReadonlyMap<unknown, unknown>];
  const next = (keep = true): void => {
    if (keep) before = [inner.entries, outer.entries];
    inner.begin(before[0]);
    outer.begin(before[1]);
    told.length = done.length = 0;
  };
  const ask = (guard = 'one') =>
    outer.of('outer', guard, () => {
      done.push('outer');
      tell('first');
      const part = inner.of('inner', undefined, () => {
        done.push('inner');
        tell(`a is ${reading.ask('a')}`);
        return {};
      });
      return { part, b: reading.ask('b') };
    });
  return { numbers, told, done, next, ask, reading };
}

it('does the same work once, and tells again what it told', () => {
  const { told, done, next, ask } = bench();
  const first = ask();
  expect([done, told]).toEqual([
    ['outer', 'inner'],
    ['first', 'a is 1'],
  ]);
  next();
  expect(ask()).toBe(first);
  expect([done, told]).toEqual([[], ['first', 'a is 1']]);
  next();
  expect(ask()).toBe(first);
});

it.each([
  ['a part of it reads something else', 'a', ['outer', 'inner']],
  ['it reads something else', 'b', ['outer']],
])('does it anew where %s', (_why, name, expected) => {
  const { numbers, done, next, ask } = bench();
  const first = ask();
  next();
  numbers.set(name, 7);
  expect(ask()).not.toBe(first);
  expect(done).toEqual(expected);
});

it('does it anew for another guard', () => {
  const { done, next, ask } = bench();
  ask();
  next();
  ask('two');
  expect(done).toEqual(['outer']);
});

it('compares with what it was begun with, not with what was tried in between', () => {
  const { numbers, done, next, ask } = bench();
  const first = ask();
  next();
  numbers.set('a', 7);
  ask();
  // What was tried is dropped.
  next(false);
  numbers.set('a', 1);
  expect(ask()).toBe(first);
  expect(done).toEqual([]);
});

it('asks nothing again where nothing has changed', () => {
  const { numbers, next, ask, reading } = bench();
  const first = ask();
  next();
  reading.unchanged = true;
  numbers.set('a', 7);
  expect(ask()).toBe(first);
});
