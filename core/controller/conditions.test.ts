import { expect, it } from 'vitest';

import { isFalse, isTrue, stamped, stampedAmongOthers, textsOf } from './conditions.ts';
import { entriesOf } from './entries.ts';
import { saysTheSame } from './same.ts';

const STAMP = { generation: 2, now: new Date('2026-01-02T03:04:05.678Z') };
const BEFORE = {
  type: 'Accepted',
  status: 'True',
  reason: 'Old',
  message: 'x',
  observedGeneration: 1,
  lastTransitionTime: '2020-01-01T00:00:00Z',
};

it('keeps the time of a condition as long as its status stays', () => {
  expect(stamped([isTrue('Accepted', 'New')], [BEFORE], STAMP)).toEqual([
    { type: 'Accepted', status: 'True', reason: 'New', message: '', observedGeneration: 2, lastTransitionTime: '2020-01-01T00:00:00Z' },
  ]);
  expect(stamped([isFalse('Accepted', 'New', '')], [BEFORE], STAMP)[0]!.lastTransitionTime).toBe('2026-01-02T03:04:05Z');
  expect(stamped([isTrue('Ready', 'New')], [BEFORE], STAMP)[0]!.lastTransitionTime).toBe('2026-01-02T03:04:05Z');
});

it('cuts a message to what a CRD takes, and no character in two', () => {
  const [condition] = stamped([isTrue('A', 'B', 'x'.repeat(32_766) + '😀😀')], undefined, STAMP);
  expect(condition!.message).toBe(`${'x'.repeat(32_766)}…`);
});

it('leaves the conditions of others alone, and has room for its own', () => {
  const foreign = Array.from({ length: 9 }, (_, index) => ({ type: `Foreign${index}`, status: 'True' }));
  const all = stampedAmongOthers([isTrue('Accepted', 'New')], new Set(['Accepted', 'Gone']), [BEFORE, ...foreign, { type: 'Gone' }], STAMP);
  expect(all).toHaveLength(8);
  expect(all.slice(0, 7)).toEqual(foreign.slice(0, 7));
  expect(all[7]).toMatchObject({ type: 'Accepted', reason: 'New' });
});

it('says each problem once, with its place', () => {
  const problem = { path: 'spec.a', message: 'is wrong' };
  expect(textsOf([problem, { path: '', message: 'no' }, problem])).toBe('spec.a: is wrong; no');
});

it.each([
  ['nothing', undefined, { parents: [] }, true],
  ['another order', { a: [{ x: 1 }, { y: 2 }] }, { a: [{ y: 2 }, { x: 1 }] }, true],
  ['another time', { a: [{ x: 1, lastTransitionTime: 'a' }] }, { a: [{ x: 1, lastTransitionTime: 'b' }] }, true],
  ['fields that are not ours', { a: 1, b: 2 }, { a: 1 }, true],
  ['an entry more', { a: [1, 1] }, { a: [1] }, false],
  ['another value', { a: [{ x: 1 }] }, { a: [{ x: '1' }] }, false],
  ['a field less', { a: [{ x: 1 }] }, { a: [{ x: 1, y: 2 }] }, false],
  ['a field more', { a: [{ x: 1, y: undefined, z: 1 }] }, { a: [{ x: 1 }] }, false],
  ['a field without a value', { a: [{ x: 1, y: undefined }] }, { a: [{ x: 1 }] }, true],
  ['a list for an object', { a: [] }, { a: {} }, false],
])('a status says the same as one with %s: %#', (_name, present, wanted, same) => {
  expect(saysTheSame(present, wanted)).toBe(same);
});

it('has room in a shared list only beside the entries of others', () => {
  const others = Array.from({ length: 15 }, (_, index) => ({ ancestorRef: { name: `${index}` }, controllerName: 'x/y', conditions: [] }));
  const said = ['a', 'b'].map((name) => ({ ref: { name }, conditions: [isTrue('Accepted', 'Accepted')] }));
  const list = { refField: 'ancestorRef', most: 16, controllerName: 'a/b' } as const;
  const entries = entriesOf([{ ancestorRef: { name: 'gone' }, controllerName: 'a/b', conditions: [] }, ...others], said, list, STAMP);
  expect(entries).toHaveLength(16);
  expect(entries.slice(0, 15)).toEqual(others);
  expect(entries[15]).toMatchObject({ ancestorRef: { name: 'a' }, controllerName: 'a/b' });
  expect(entriesOf([...others, ...others], said, list, STAMP)).toHaveLength(30);
});
