import { describe, expect, it } from 'vitest';

import { LabelCap } from './label-cap.ts';

const HOUR = 3_600_000;

function cap(most: number): { cap: LabelCap; evicted: string[] } {
  const evicted: string[] = [];
  return { cap: new LabelCap({ most, onEvict: (value) => evicted.push(value) }), evicted };
}

describe('names that clients can influence', () => {
  it('stand for themselves up to a number, then for others', () => {
    const { cap: names } = cap(2);
    expect(['a', 'b', 'c', 'a', 'c'].map((name) => names.of(name, 0))).toEqual(['a', 'b', 'other', 'a', 'other']);
    expect(names.size).toBe(2);
  });

  it('get a place only by success', () => {
    const { cap: names } = cap(2);
    for (let at = 0; at < 100; at++) expect(names.of(`tried-${at}`, 0, false)).toBe('other');
    expect(names.of('real', 0)).toBe('real');
    expect(names.of('real', 0, false)).toBe('real');
    expect(names.of('x'.repeat(200), 0)).toBe('other');
  });

  it('of the configuration need no place', () => {
    const { cap: names } = cap(1);
    expect(names.of('mine', 0)).toBe('mine');
    names.keep(['mine', 'too']);
    expect(names.size).toBe(0);
    expect(['mine', 'too', 'client'].map((name) => names.of(name, 0, name === 'client'))).toEqual(['mine', 'too', 'client']);
    names.keep([]);
    expect(names.of('too', 0)).toBe('other');
  });

  it('lose their places when nobody has used them for an hour, and not before', () => {
    const { cap: names, evicted } = cap(2);
    names.of('idle', 0);
    names.of('busy', 0);
    names.of('busy', HOUR - 1);
    expect(names.of('new', HOUR - 1)).toBe('other');
    expect(names.of('new', HOUR + 1000)).toBe('new');
    expect(evicted).toEqual(['idle']);
    expect(names.of('busy', HOUR + 1001)).toBe('busy');
  });

  it('are not looked through for each request of somebody who tries them', () => {
    const { cap: names, evicted } = cap(1);
    names.of('a', 0);
    expect(names.of('b', HOUR - 10)).toBe('other');
    // Within a second of the last look.
    expect(names.of('b', HOUR + 10)).toBe('other');
    expect(names.of('b', HOUR + 1000)).toBe('b');
    expect(evicted).toEqual(['a']);
  });
});
