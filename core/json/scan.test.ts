import { isDeepStrictEqual } from 'node:util';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { damage, objectText, valueText } from './arbitraries.ts';
import { JsonSyntaxError, scanObject, scanValue } from './scan.ts';

/** What JSON.parse makes of the bytes, or undefined; invalid UTF-8 is not JSON. */
function parsed(bytes: Buffer): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)) };
  } catch {
    return undefined;
  }
}

/** Whether the scan takes the bytes; an error other than JsonSyntaxError, or one without a place, is a failure. */
function accepts(scan: (bytes: Buffer) => unknown, bytes: Buffer): boolean {
  try {
    scan(bytes);
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError && error.offset >= 0 && error.offset <= bytes.length) return false;
    throw error;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * JSON.parse may read a name written with an escape as one that has a backslash in it (nodejs/node#63785), and random
 * texts bring that about now and then: values with such names prove nothing.
 */
function hasBackslashName(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, value]) => name.includes('\\') || hasBackslashName(value));
}

/** Compares with JSON.parse, member for member. */
function agrees(bytes: Buffer): boolean {
  const reference = parsed(bytes);
  if (accepts(scanValue, bytes) !== (reference !== undefined)) return false;
  if (accepts(scanObject, bytes) !== isObject(reference?.value)) return false;
  if (!isObject(reference?.value) || hasBackslashName(reference.value)) return true;
  const object = reference.value;
  const scan = scanObject(bytes);
  const names = new Set(scan.members.map((member) => member.name));
  if (!isDeepStrictEqual([...names].sort(), Object.keys(object).sort())) return false;
  return [...names].every((name) => {
    const value = object[name];
    const { start, end } = scan.value(name)!;
    return (
      scan.has(name) &&
      isDeepStrictEqual(JSON.parse(bytes.toString('utf8', start, end)), value) &&
      isDeepStrictEqual(scan.parse(name), value) &&
      scan.slice(name)!.equals(bytes.subarray(start, end)) &&
      scan.string(name) === (typeof value === 'string' ? value : undefined) &&
      Object.is(scan.number(name), typeof value === 'number' ? value : undefined) &&
      scan.boolean(name) === (typeof value === 'boolean' ? value : undefined) &&
      scan.type(name) === (Array.isArray(value) ? 'array' : value === null || typeof value === 'boolean' ? String(value) : typeof value)
    );
  });
}

/** Every text of up to `length` characters of the alphabet. */
function* texts(alphabet: string, length: number): Generator<string> {
  yield '';
  if (length === 0) return;
  for (const text of texts(alphabet, length - 1)) for (const letter of alphabet) yield letter + text;
}

describe('what is accepted', () => {
  it('is what JSON.parse accepts, for valid texts', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          valueText,
          objectText.map(({ text }) => text),
        ),
        (text) => {
          expect([text, agrees(Buffer.from(text))]).toEqual([text, true]);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('is what JSON.parse accepts, for damaged texts', () => {
    let invalid = 0;
    const anyText = fc.oneof(
      valueText,
      objectText.map(({ text }) => text),
      fc.json({ depthSize: 'small' }),
    );
    fc.assert(
      fc.property(anyText, damage, (text, damage) => {
        const bytes = damage(Buffer.from(text));
        if (parsed(bytes) === undefined) invalid++;
        return agrees(bytes);
      }),
      { numRuns: 5000 },
    );
    expect(invalid).toBeGreaterThan(1000);
  });

  it('is what JSON.parse accepts, for every short text of numbers, structure and words', () => {
    const wrong: string[] = [];
    const check = (text: string): void => {
      const bytes = Buffer.from(text);
      if (accepts(scanValue, bytes) !== (parsed(bytes) !== undefined)) wrong.push(text);
    };
    for (const text of texts('-+.01eE', 5)) check(text);
    for (const text of texts('{}[],:1 ', 4)) check(text);
    for (const text of texts('{}[],:1 ', 3)) check(`{"a":${text}}`);
    for (const text of texts('"\\un0}', 4)) check(`{"a":"${text}"}`);
    for (const word of ['true', 'false', 'null']) {
      for (let cut = 0; cut <= word.length; cut++) for (const more of ['', 'e', 'x', ' ']) check(word.slice(0, cut) + more);
    }
    expect(wrong).toEqual([]);
  });

  it('does not depend on where in a long string, or in memory, a byte lies', () => {
    const wrong: string[] = [];
    const bytes = Buffer.alloc(128);
    for (let offset = 0; offset < 4; offset++) {
      for (let length = 1; length < 72; length += length < 36 ? 1 : 7) {
        for (let at = 0; at < length; at++) {
          for (const special of ['"', '\\', '\n', '\u001f', ' ', '!', '\u007f', '\\"', '\\u00e9', 'é']) {
            const text = `["${'x'.repeat(at)}${special}${'y'.repeat(length - at)}"]`;
            const end = offset + bytes.write(text, offset);
            const part = bytes.subarray(offset, end);
            if (accepts(scanValue, part) !== (parsed(part) !== undefined)) wrong.push(text);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('refuses every control character in a string, and takes every other byte', () => {
    for (const before of [0, 40]) {
      for (let byte = 0; byte < 0x80; byte++) {
        const text = `"${'x'.repeat(before)}${String.fromCharCode(byte)}${'x'.repeat(40)}"`;
        expect([byte, accepts(scanValue, Buffer.from(text))]).toEqual([byte, byte >= 0x20 && byte !== 0x22 && byte !== 0x5c]);
      }
    }
  });

  it('refuses what is not UTF-8, with the offset of the first invalid sequence', () => {
    const sequences = ['ff', '80', 'c0af', 'e282', 'eda080', 'f4908080', 'f09f98'];
    for (const sequence of sequences) {
      for (const before of ['', 'é', '€'.repeat(70), `${'x'.repeat(101)}😀`]) {
        for (const after of ['', 'x', '€'.repeat(50), '\uFFFD'.repeat(300)]) {
          const start = Buffer.from(`{"a":"${before}`);
          const bytes = Buffer.concat([start, Buffer.from(sequence, 'hex'), Buffer.from(`${after}"}`)]);
          expect(() => scanObject(bytes)).toThrow(new JsonSyntaxError('invalid UTF-8', start.length));
        }
      }
    }
  });

  it('refuses a byte order mark and an empty text', () => {
    expect(() => scanObject(Buffer.from('\uFEFF{}'))).toThrow('expected an object, found 0xef at byte 0');
    expect(() => scanObject(Buffer.from(' '))).toThrow('expected an object, found the end at byte 1');
    expect(() => scanValue(Buffer.from(''))).toThrow('expected a value, found the end at byte 0');
  });
});

/** An object with arrays in it, `depth` levels in all. */
function nested(depth: number): Buffer {
  return Buffer.from(`{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`);
}

describe('depth', () => {
  it('is limited to 64, or to what the caller says', () => {
    expect(scanObject(nested(64)).type('a')).toBe('array');
    expect(() => scanObject(nested(65))).toThrow('more than 64 arrays and objects in each other at byte 68');
    expect(() => scanValue(nested(65))).toThrow('more than 64 arrays and objects in each other at byte 68');
    expect(() => scanObject(nested(3), { maxDepth: 2 })).toThrow(JsonSyntaxError);
    expect(scanObject(Buffer.from('{"a":1}'), { maxDepth: 1 }).number('a')).toBe(1);
    expect(() => scanObject(nested(2), { maxDepth: 1 })).toThrow('more than 1 ');
  });

  it('may be large without filling the stack', () => {
    expect(scanObject(nested(200_000), { maxDepth: 200_000 }).has('a')).toBe(true);
    expect(() => scanValue(Buffer.from('['.repeat(200_000)), { maxDepth: 200_000 })).toThrow(
      'expected a value, found the end at byte 200000',
    );
  });
});

describe('members', () => {
  it('are located with their name, in order, duplicates too', () => {
    fc.assert(
      fc.property(objectText, ({ text, members }) => {
        const bytes = Buffer.from(text);
        const scan = scanObject(bytes);
        const names = members.map(({ name }) => JSON.parse(name) as string);
        const slices = scan.members.map((member, index) => ({
          name: bytes.toString('utf8', member.start, member.end).slice(0, members[index]!.name.length),
          value: bytes.toString('utf8', member.valueStart, member.end),
        }));
        const repeated = names.filter((name, index) => names.indexOf(name) !== index);
        expect(slices).toEqual(members);
        expect(scan.members.map(({ name }) => name)).toEqual(names);
        expect([...scan.duplicates].sort()).toEqual([...new Set(repeated)].sort());
      }),
      { numRuns: 500 },
    );
  });

  it('report a name that hides behind an escape as the duplicate it is, and answer with the last', () => {
    const scan = scanObject(Buffer.from('{"model":"cheap","m\\u006fdel":"dear"}'));
    expect(scan.duplicates).toEqual(['model']);
    expect(scan.string('model')).toBe('dear');
  });

  it('do not confuse names with properties of objects', () => {
    const scan = scanObject(Buffer.from('{"__proto__":{"model":"x"}}'));
    expect([scan.has('__proto__'), scan.has('model'), scan.has('constructor'), scan.has('toString')]).toEqual([true, false, false, false]);
    expect(scan.parse('constructor')).toBeUndefined();
    expect(scan.parse('__proto__')).toEqual({ model: 'x' });
  });

  it('cost no copy', () => {
    const bytes = Buffer.from('{"messages":[1]}');
    expect(scanObject(bytes).slice('messages')!.buffer).toBe(bytes.buffer);
  });
});
