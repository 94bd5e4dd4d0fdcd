import { expect, it } from 'vitest';

import { claimAsHeader, claimAt, scopesOf } from './claims.ts';

it('finds claims by name and by path, and nothing that is only inherited', () => {
  const claims = { 'https://x.com/roles': 'r', a: { b: { c: 1 } }, list: ['x'], n: null, 'a.b': 'whole' };
  expect(claimAt(claims, 'https://x.com/roles')).toBe('r');
  expect(claimAt(claims, 'a.b.c')).toBe(1);
  expect(claimAt(claims, 'a.b')).toBe('whole');
  for (const name of ['a.b.c.d', 'list.0', 'n.x', 'constructor', 'a.__proto__', 'a.toString', ''])
    expect(claimAt(claims, name)).toBeUndefined();
});

it('carries strings, numbers and booleans only', () => {
  expect(['x', 1.5, false, ['x'], { a: 1 }, null, 'a\r\nb', undefined].map(claimAsHeader)).toEqual([
    'x',
    '1.5',
    'false',
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

it('collects scopes of both spellings', () => {
  expect(scopesOf({ scope: 'a  b', scp: ['c', 1] })).toEqual(new Set(['a', 'b', 'c']));
  expect(scopesOf({ scope: 7 })).toEqual(new Set());
});
