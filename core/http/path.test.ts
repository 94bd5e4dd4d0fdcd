import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { readTarget } from './path.ts';

/** Target of a request line, and the path that it is read as; undefined: refused. */
const CORPUS: readonly (readonly [target: string, path: string | undefined])[] = [
  ['/', '/'],
  ['/v1/chat/completions', '/v1/chat/completions'],
  ['//', '/'],
  ['//evil.test/x', '/evil.test/x'],
  ['/a//b///c', '/a/b/c'],
  ['/a//', '/a/'],
  ['/a/./b', '/a/b'],
  ['/a/.', '/a/'],
  ['/a/../b', '/b'],
  ['/a/b/..', '/a/'],
  ['/../../a', '/a'],
  ['/..', '/'],
  ['/a/%2e/b', '/a/b'],
  ['/a/%2e%2E/b', '/b'],
  ['/a/.%2e/b', '/b'],
  ['/a/%2e%2e', '/'],
  ['/a/...', '/a/...'],
  ['/a/.b/c..', '/a/.b/c..'],
  ['/%70rivate', '/private'],
  ['/%70%72%69%76%61%74%65/%7e', '/private/~'],
  ['/a%2Db%5Fc', '/a-b_c'],
  // Undone once, not twice.
  ['/%2570rivate', '/%2570rivate'],
  ['/a/%252e%252e/b', '/a/%252e%252e/b'],
  ['/a%20b', '/a%20b'],
  ['/caf%C3%A9', '/caf%C3%A9'],
  ['/%E2%88%95', '/%E2%88%95'],
  ['/a%2fb', undefined],
  ['/a%2Fb', undefined],
  ['/a%5cb', undefined],
  ['/a%5Cb', undefined],
  ['/a\\b', undefined],
  ['/..\\a', undefined],
  ['/a%00b', undefined],
  ['/a\0b', undefined],
  ['/a%', undefined],
  ['/a%4', undefined],
  ['/a%zz', undefined],
  ['/a%u0041', undefined],
  ['/a b', undefined],
  ['/a\tb', undefined],
  ['/a\u007fb', undefined],
  ['/caf\u00e9', undefined],
  ['/\uff0e\uff0e/a', undefined],
  ['/a;b=c/d', '/a;b=c/d'],
  ['/a/..;/b', '/a/..;/b'],
  ['/Private', '/Private'],
  ['/a#b', undefined],
  ['/a?b#c', undefined],
  ['/a?b=%2f..%2f', '/a'],
  ['/a?/../b', '/a'],
  ['*', undefined],
  ['', undefined],
  ['a', undefined],
  ['?a', undefined],
  ['host:443', undefined],
  ['ftp://h/a', undefined],
  ['http:/a', undefined],
  ['http:///a', undefined],
  ['http://user@h/a', undefined],
  ['http://user:pw@h/a', undefined],
  ['http://h\\x/a', undefined],
  ['http://h#/a', undefined],
  ['http://h h/a', undefined],
  ['http://[::1/a', undefined],
  ['http://h:port/a', undefined],
  ['http://h', '/'],
  ['http://h?a', '/'],
  ['http://h/a/../b', '/b'],
  ['HTTPS://H:1/A', '/A'],
  ['http://[::1]:80/a', '/a'],
];

describe('readTarget', () => {
  test.each(CORPUS)('%j', (target, path) => {
    expect(readTarget(target)?.path).toBe(path);
  });

  test.each([
    ['http://h', 'h', ''],
    ['http://h:8080?q=1', 'h:8080', '?q=1'],
    ['HTTP://Ex.Ample:1/x?y?z', 'Ex.Ample:1', '?y?z'],
    ['http://[2001:db8::1]/x', '[2001:db8::1]', ''],
    ['/x?a=http://evil/', undefined, '?a=http://evil/'],
  ])('%s has the authority %s and the query %s', (target, authority, query) => {
    expect(readTarget(target)).toMatchObject({ authority, query });
  });

  test('long paths are read like short ones', () => {
    expect(readTarget(`/${'a'.repeat(20_000)}`)?.path).toHaveLength(20_001);
    expect(readTarget(`/${'a/'.repeat(5000)}${'../'.repeat(5000)}b`)?.path).toBe('/b');
  });

  test('a long path of ordinary letters with an escape in it costs no more than its length', () => {
    // With nested repetition in the pattern this would take longer than the test run.
    for (const tail of ['%20', '%', '#', '"', '..', '.%2e', '//'])
      expect(readTarget(`/${'a'.repeat(30_000)}/${'b.c-d'.repeat(2000)}${tail}`)?.path ?? '').not.toContain('%41');
  });

  const piece = fc.constantFrom(
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2E',
    '%41',
    '%7e',
    '%25',
    '%3f',
    'a',
    'B',
    ';',
    '~',
    '?',
    '=',
    ':',
    '@',
    '%c3',
  );
  const targets = fc.array(piece, { maxLength: 20 }).map((pieces) => `/${pieces.join('')}`);

  test('reading what was read changes nothing, and no step is left to take', () => {
    fc.assert(
      fc.property(targets, (target) => {
        const read = readTarget(target);
        fc.pre(read !== undefined);
        const { path, query } = read;
        expect(readTarget(path + query)).toEqual({ path, query, authority: undefined });
        expect(path).toMatch(/^\//);
        expect(`${path}/`).not.toMatch(/\/\/(?!$)|\/\.{1,2}\/|%2e/i);
        expect(path).not.toMatch(/%(?:4[1-9a-f]|6[1-9a-f])/i);
      }),
      { numRuns: 2000 },
    );
  });

  test('is what the URL standard makes of it, where both take the path', () => {
    fc.assert(
      fc.property(targets, (target) => {
        const read = readTarget(target);
        fc.pre(read !== undefined);
        // The standard keeps empty segments and escapes of letters: without them it must agree.
        const plain = target.split('?')[0]!;
        fc.pre(!plain.includes('//') && !/%(?:41|7e)/i.test(plain));
        expect(read.path).toBe(new URL(`http://h${plain}`).pathname.replaceAll(/%2e/gi, '.'));
      }),
      { numRuns: 2000 },
    );
  });
});
