import * as fc from 'fast-check';

/*
 * JSON texts for the property tests of this folder: unlike what JSON.stringify writes, with white space anywhere,
 * escapes where none are needed, lone surrogates and every way to write a number.
 */

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 2 });

const stringUnit = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a', 'Z', '0', ' ', '!', '#', '/', '{', '}', ',', ':', '\u007f') },
  { weight: 2, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).map((text) => JSON.stringify(text).slice(1, -1)) },
  { weight: 1, arbitrary: fc.constantFrom('\\n', '\\"', '\\\\', '\\/', '\\b', '\\u0041', '\\u0000', '\\uD83D\\ude00', '\\udead') },
  { weight: 1, arbitrary: fc.constant('x'.repeat(21)) },
);

const stringText = fc.array(stringUnit, { maxLength: 40 }).map((units) => `"${units.join('')}"`);

const numberText = fc.oneof(
  fc.constantFrom('0', '-0', '1.0', '1e400', '-1E-400', '0.10e+05', '12345678901234567890'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
);

/** Any JSON text without white space around it, nested less than 10 deep. */
export const valueText: fc.Arbitrary<string> = fc.letrec<{ value: string; array: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    fc.oneof(stringText, numberText, fc.constantFrom('true', 'false', 'null')),
    tie('array'),
    tie('object'),
  ),
  array: listOf('[', tie('value'), ']'),
  object: listOf('{', memberOf(stringText, tie('value')), '}'),
})).value;

function listOf(open: string, item: fc.Arbitrary<string>, close: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.array(fc.tuple(space, item, space), { maxLength: 4 }), space)
    .map(([items, empty]) => open + (items.map((parts) => parts.join('')).join(',') || empty) + close);
}

function memberOf(name: fc.Arbitrary<string>, value: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(name, space, space, value).map(([name, before, after, value]) => `${name}${before}:${after}${value}`);
}

/** The text of a name, from few names so that they repeat; some are written in several ways. */
export const nameText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('"model"', '"m\\u006fdel"', '"stream"', '"__proto__"', '"constructor"', '""', '"\\""', '"é"', '"\\u00e9"', '"messages"'),
  stringText,
);

/** One member of an object, as text. */
export interface MemberText {
  readonly name: string;
  readonly value: string;
}

/** An object, and the members it was written from. */
export const objectText: fc.Arbitrary<{ text: string; members: readonly MemberText[] }> = fc
  .tuple(fc.array(fc.tuple(nameText, valueText, space, space, space, space), { maxLength: 24, size: 'max' }), space, space, space)
  .map(([members, before, empty, after]) => ({
    text: `${before}{${members.map(([name, value, a, b, c, d]) => `${a}${name}${b}:${c}${value}${d}`).join(',') || empty}}${after}`,
    members: members.map(([name, value]) => ({ name, value })),
  }));

/** Changes of some bytes; the result is seldom valid JSON, and sometimes not UTF-8. */
export const damage: fc.Arbitrary<(bytes: Buffer) => Buffer> = fc
  .array(
    fc.record({
      kind: fc.constantFrom('flip', 'insert', 'delete', 'cut'),
      where: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      byte: fc.oneof(fc.constantFrom(...Buffer.from('{}[],:"\\ \n01.-eEtu')), fc.integer({ min: 0, max: 255 })),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((steps) => (bytes) => {
    let result = bytes;
    for (const { kind, where, byte } of steps) {
      const at = Math.floor(where * (result.length + 1));
      const left = result.subarray(0, at);
      if (kind === 'cut') result = left;
      else if (kind === 'insert') result = Buffer.concat([left, Buffer.of(byte), result.subarray(at)]);
      else result = Buffer.concat([left, kind === 'flip' ? Buffer.of(byte) : Buffer.alloc(0), result.subarray(at + 1)]);
    }
    return result;
  });
