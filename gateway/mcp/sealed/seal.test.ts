import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { ephemeralKeys } from './keys.ts';
import { MOST_CHARACTERS, open, type Place, type Purpose, seal, sign, verify } from './seal.ts';

const keys = ephemeralKeys();
const PLACE: Place = { route: 'default/mcp', subject: 'alice', session: 's', about: 'tools/list' };
const DATA = Buffer.from('some data');

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const words = fc.string({ unit: 'binary' });
const places: fc.Arbitrary<Place> = fc.record({ route: words, subject: words, session: words, about: words });

/** Both ways to write a text, with what reads it. */
const WAYS = [
  {
    name: 'sealed',
    write: (data: Buffer, purpose: Purpose, place: Place) => seal(data, purpose, place, 1000, keys),
    read: (text: string, purpose: Purpose, place: Place) => open(text, purpose, place, keys, 999)?.data,
  },
  {
    name: 'signed',
    write: (data: Buffer, purpose: Purpose, place: Place) => sign(data, purpose, place, keys),
    read: (text: string, purpose: Purpose, place: Place) => verify(text, purpose, place, keys),
  },
];

describe.each(WAYS)('a $name text', ({ write, read }) => {
  test('gives back what went in, and is good as value of a header and as part of a URI', () => {
    fc.assert(
      fc.property(bytes, places, (data, place) => {
        const text = write(data, 'cursor/1', place)!;
        expect(text).toMatch(/^[\w.-]+$/);
        expect(read(text, 'cursor/1', place)).toEqual(data);
      }),
    );
  });

  test('is good for no other purpose, route, subject, session or use', () => {
    const text = write(DATA, 'cursor/1', PLACE)!;
    expect(read(text, 'cursor/1', PLACE)).toEqual(DATA);
    expect(read(text, 'event/1', PLACE)).toBeUndefined();
    for (const part of ['route', 'subject', 'session', 'about'] as const) {
      expect(read(text, 'cursor/1', { ...PLACE, [part]: `${PLACE[part]}x` })).toBeUndefined();
      expect(read(text, 'cursor/1', { ...PLACE, [part]: '' })).toBeUndefined();
    }
  });

  test('is good in one place alone, however places are put together', () => {
    fc.assert(
      fc.property(places, places, (one, other) => {
        const same = (['route', 'subject', 'session', 'about'] as const).every((part) => one[part] === other[part]);
        expect(read(write(DATA, 'cursor/1', one)!, 'cursor/1', other) !== undefined).toBe(same);
      }),
    );
    const text = write(DATA, 'cursor/1', { route: 'a/b', subject: 'c' })!;
    for (const [route, subject] of [
      ['a/', 'bc'],
      ['a/bc', ''],
      ['c', 'a/b'],
    ] as const)
      expect(read(text, 'cursor/1', { route, subject })).toBeUndefined();
  });

  test('tells parts apart by their lengths, not by what could be in one', () => {
    const text = write(DATA, 'cursor/1', { route: 'r', subject: 'a\0\0b' })!;
    expect(read(text, 'cursor/1', { route: 'r', subject: 'a', session: 'b\0\0' })).toBeUndefined();
  });

  test('tells subjects apart that are one in UTF-8', () => {
    const text = write(DATA, 'cursor/1', { route: 'r', subject: '\ud800' })!;
    expect(read(text, 'cursor/1', { route: 'r', subject: '\ud800' })).toEqual(DATA);
    expect(read(text, 'cursor/1', { route: 'r', subject: '\ufffd' })).toBeUndefined();
    expect(read(text, 'cursor/1', { route: 'r', subject: '\udbff' })).toBeUndefined();
  });

  test('is refused when any character is changed, added or missing, and when it is cut off anywhere', () => {
    const text = write(DATA, 'cursor/1', PLACE)!;
    for (let at = 0; at < text.length; at++) {
      expect(read(text.slice(0, at), 'cursor/1', PLACE)).toBeUndefined();
      expect(read(text.slice(0, at) + text.slice(at + 1), 'cursor/1', PLACE)).toBeUndefined();
      for (const other of 'ABZaz09-_.+/= \n\0é\ud800'.replace(text[at]!, ''))
        expect(read(text.slice(0, at) + other + text.slice(at + 1), 'cursor/1', PLACE)).toBeUndefined();
    }
    for (const more of ['A', '=', '==', ' ', '\n', '.', '.A', 'é']) {
      expect(read(text + more, 'cursor/1', PLACE)).toBeUndefined();
      expect(read(more + text, 'cursor/1', PLACE)).toBeUndefined();
    }
  });

  test('is refused when any bit of its bytes is another one', () => {
    const text = write(DATA, 'cursor/1', PLACE)!;
    const start = text.lastIndexOf('.') + 1;
    const good = Buffer.from(text.slice(start), 'base64url');
    for (let bit = 0; bit < 8 * good.length; bit++) {
      const bad = Buffer.from(good);
      bad[bit >> 3]! ^= 1 << (bit & 7);
      expect(read(text.slice(0, start) + bad.toString('base64url'), 'cursor/1', PLACE)).toBeUndefined();
    }
  });

  test('of anyone else is refused, and nothing is thrown', () => {
    fc.assert(
      fc.property(words, fc.base64String(), bytes, (text, base64, data) => {
        for (const start of ['', 'v1.', 'm1.', 'v1.k.', `v1.${keys.first.id}.`, `m1.${keys.first.id}.`, 'v1..', 'm1.__proto__.'])
          for (const rest of [text, base64, data.toString('base64url')]) expect(read(start + rest, 'cursor/1', PLACE)).toBeUndefined();
      }),
    );
  });

  test('is bounded both ways, to the character', () => {
    const most = MOST_CHARACTERS['session/1'];
    let size = 6200;
    while (write(Buffer.alloc(size), 'session/1', PLACE) === undefined) size--;
    const text = write(Buffer.alloc(size), 'session/1', PLACE)!;
    expect(text.length).toBeLessThanOrEqual(most);
    expect(text.length).toBeGreaterThan(most - 2);
    expect(read(text, 'session/1', PLACE)).toHaveLength(size);
    expect(read(text.padEnd(most + 1, 'A'), 'session/1', PLACE)).toBeUndefined();
    expect(write(Buffer.alloc(2 ** 22), 'state/1', PLACE)).toBeUndefined();
  });
});

test('a sealed text is not a signed one, and shows nothing of what is in it', () => {
  const data = Buffer.from('a session id of a server');
  const text = seal(data, 'cursor/1', PLACE, 1000, keys)!;
  expect(verify(text, 'cursor/1', PLACE, keys)).toBeUndefined();
  expect(verify(text.replace('v1', 'm1'), 'cursor/1', PLACE, keys)).toBeUndefined();
  expect(Buffer.from(text.split('.')[2]!, 'base64url').includes('session')).toBe(false);
  const signed = sign(data, 'cursor/1', PLACE, keys)!;
  expect(open(signed.replace('m1', 'v1'), 'cursor/1', PLACE, keys, 0)).toBeUndefined();
});

test('a text that is too long is refused before it is decoded and a key is asked', () => {
  const unused = { ...keys, keyOf: () => expect.unreachable() };
  for (const start of ['v1.k.', 'm1.k.']) {
    const text = start + 'A'.repeat(MOST_CHARACTERS['session/1']);
    expect(open(text, 'session/1', PLACE, unused, 0)).toBeUndefined();
    expect(verify(text, 'session/1', PLACE, unused)).toBeUndefined();
  }
});

test('no two sealed texts are alike', () => {
  const texts = new Set(Array.from({ length: 1000 }, () => seal(DATA, 'state/1', PLACE, 1000, keys)));
  expect(texts.size).toBe(1000);
});

test('a sealed text is good until the second it expires in', () => {
  const text = seal(DATA, 'state/1', PLACE, 1000, keys)!;
  expect(open(text, 'state/1', PLACE, keys, 999.9)).toEqual({ data: DATA, expiresAt: 1000 });
  for (const now of [1000, 1001, Infinity, NaN]) expect(open(text, 'state/1', PLACE, keys, now)).toBeUndefined();
});

test.each([
  [NaN, 0],
  [-5, 0],
  [1.5, 1],
  [Infinity, 2 ** 48 - 1],
])('an expiry of %d is %d', (given, expiresAt) => {
  expect(open(seal(DATA, 'state/1', PLACE, given, keys)!, 'state/1', PLACE, keys, -1)?.expiresAt).toBe(expiresAt);
});
