import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { MetricsText } from './prometheus-text.ts';

const samples = (text: string, name = 'm') => new MetricsText(text).samples(name).map(({ labels, value }) => [{ ...labels }, value]);

it.each([
  ['no labels', 'm 1', [[{}, 1]]],
  ['the first line, the last line without an end', 'm 1\nx 2\nm 3', [[{}, 1], [{}, 3]]], // prettier-ignore
  ['exponent, sign, time stamp', 'm 1e3\nm -2.5E-1 1764100000000\nm +.5\n', [[{}, 1000], [{}, -0.25], [{}, 0.5]]], // prettier-ignore
  ['tabs, blanks, a comma at the end', 'm\t{ a = "1" , b="2", }\t7', [[{ a: '1', b: '2' }, 7]]],
  ['braces, commas and quotes in a value', String.raw`m{a="x},y=\"z\"{ 3",b="\\n\n"} 4`, [[{ a: 'x},y="z"{ 3', b: '\\n\n' }, 4]]],
  ['empty braces', 'm{} 5', [[{}, 5]]],
  ['names that begin like it', 'm_total 1\nm: 2\nmm 3\nm2 5\n# TYPE m gauge\n#m 4', []],
  ['text in place of a value', 'm None\nm{a="1"} 0x10\nm 1_000\nm\nm{}', []],
  ['a line that breaks off', 'm{a="1\nm{a\nm{a="1"\nm{a=1} 2\nm{a="1"b="2"} 3\nm{="1"} 4\nm 6', [[{}, 6]]],
  ['infinities', 'm +Inf\nm -Inf\nm inf', [[{}, Infinity], [{}, -Infinity], [{}, Infinity]]], // prettier-ignore
  ['a label called __proto__', 'm{__proto__="1"} 2', [[Object.fromEntries([['__proto__', '1']]), 2]]],
])('reads %s', (_name, text, expected) => {
  expect(samples(text)).toEqual(expected);
});

it('reads NaN', () => {
  expect(samples('m NaN')[0]![1]).toBeNaN();
});

const escape = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

it('reads back what the format writes, and nothing else of the page', () => {
  const labelName = fc.stringMatching(/^[a-zA-Z_]\w{0,8}$/);
  const line = fc.record({
    name: fc.constantFrom('m', 'm_bucket', 'n'),
    labels: fc.dictionary(labelName, fc.string({ unit: 'grapheme' }), { maxKeys: 3 }),
    // JavaScript writes -0 as 0: adding 0 makes it one.
    value: fc.oneof(fc.integer(), fc.double({ noNaN: true })).map((value) => value + 0),
  });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      const text = lines
        .map(({ name, labels, value }) => {
          const written = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
          return `${name}${written.length === 0 ? '' : `{${written.join(',')}}`} ${value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : value}\n`;
        })
        .join('');
      const expected = lines.filter(({ name }) => name === 'm').map(({ labels, value }) => [{ ...labels }, value]);
      expect(samples(text)).toEqual(expected);
    }),
    { numRuns: 300 },
  );
});

it('never throws, and reads broken lines in time that does not grow with the page', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 60 }), (text) => void samples(`m${text}`)),
    { numRuns: 500 },
  );
  const began = performance.now();
  // With a search for "=" beyond the line's end this would take minutes.
  expect(samples('m{\n'.repeat(1_000_000))).toEqual([]);
  expect(performance.now() - began).toBeLessThan(15_000);
});
