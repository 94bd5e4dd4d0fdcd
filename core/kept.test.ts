import { expect, it } from 'vitest';

import { Kept } from './kept.ts';

function keptWithLog() {
  const gone: string[] = [];
  let made = 0;
  const kept = new Kept<string>((value) => void gone.push(value));
  const get = (key: string) => kept.get(key, () => `${key}${++made}`);
  return { kept, gone, get };
}

it('keeps what the next configuration asks for, and lets go of the rest once it is live', () => {
  const { kept, gone, get } = keptWithLog();
  kept.begin();
  expect([get('a'), get('b'), get('a')]).toEqual(['a1', 'b2', 'a1']);
  kept.commit();
  expect(gone).toEqual([]);

  kept.begin();
  expect([get('b'), get('c')]).toEqual(['b2', 'c3']);
  expect(gone).toEqual([]);
  kept.commit();
  expect(gone).toEqual(['a1']);
  expect(kept.values()).toEqual(['b2', 'c3']);
});

it('lets go of what only a refused configuration asked for', () => {
  const { kept, gone, get } = keptWithLog();
  kept.begin();
  get('a');
  get('b');
  kept.commit();

  kept.begin();
  get('b');
  get('c');
  kept.rollback();
  expect(gone).toEqual(['c3']);
  // `a` was not asked for by the refused one: it serves all the same.
  expect(kept.values()).toEqual(['a1', 'b2']);

  kept.begin();
  expect(get('a')).toBe('a1');
  kept.commit();
  expect(gone).toEqual(['c3', 'b2']);
});

it('makes a thing anew when it comes back after it went', () => {
  const { kept, gone, get } = keptWithLog();
  for (const keys of [['a'], [], ['a']]) {
    kept.begin();
    for (const key of keys) get(key);
    kept.commit();
  }
  expect(kept.values()).toEqual(['a2']);
  expect(gone).toEqual(['a1']);
});

it('forgets at once and disposes when it is told to, where the end of the old is put off', () => {
  const { kept, gone, get } = keptWithLog();
  kept.begin();
  get('a');
  kept.commit();
  const later: (() => void)[] = [];
  kept.begin();
  kept.commit((dispose) => void later.push(dispose));
  expect([kept.values(), gone]).toEqual([[], []]);

  // Asked for again in the meantime: a new one, which the old one's end does not touch.
  kept.begin();
  expect(get('a')).toBe('a2');
  kept.commit();
  for (const dispose of later) dispose();
  expect([kept.values(), gone]).toEqual([['a2'], ['a1']]);
});

it('has no entry for what could not be made', () => {
  const { kept, gone } = keptWithLog();
  kept.begin();
  expect(() =>
    kept.get('a', () => {
      throw new Error('no');
    }),
  ).toThrow('no');
  kept.rollback();
  expect([kept.values(), gone]).toEqual([[], []]);
});
