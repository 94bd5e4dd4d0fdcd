import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { array, assert, constantFrom, nat, property, string } from 'fast-check';
import { expect, test } from 'vitest';

import { CsvError, CsvReader, csvRecords } from './csv.ts';
import { temporaryFolder } from './ledger.fixture.ts';

function parsed(...pieces: string[]): [line: number, ...fields: string[]][] {
  const reader = new CsvReader();
  return [...pieces.flatMap((piece) => [...reader.push(piece)]), ...reader.end()].map(({ line, fields }) => [line, ...fields]);
}

test.each([
  [
    'a,b\n1,2\n',
    [
      [1, 'a', 'b'],
      [2, '1', '2'],
    ],
  ],
  [
    'a,b\r\n1,2',
    [
      [1, 'a', 'b'],
      [2, '1', '2'],
    ],
  ],
  [
    'a\rb\r',
    [
      [1, 'a'],
      [2, 'b'],
    ],
  ],
  ['\uFEFFa,b\n', [[1, 'a', 'b']]],
  ['\uFEFF"a",b\n', [[1, 'a', 'b']]],
  ['a,\uFEFFb\n', [[1, 'a', '\uFEFFb']]],
  [
    '"a,b","c""d","e\r\nf"\r\ng',
    [
      [1, 'a,b', 'c"d', 'e\r\nf'],
      [3, 'g'],
    ],
  ],
  [
    'a\n\n\r\nb\n',
    [
      [1, 'a'],
      [4, 'b'],
    ],
  ],
  [
    '""\n,\n',
    [
      [1, ''],
      [2, '', ''],
    ],
  ],
  ['a"b,c\n', [[1, 'a"b', 'c']]],
  ['', []],
])('reads %j', (text, records) => {
  expect(parsed(text)).toEqual(records);
  expect(parsed(...text.split(''))).toEqual(records);
});

test.each([
  ['a,"b\nc\n', /^line 1: a quote that begins in this record has no end/],
  ['a\n"b"c\n', /^line 2: after a closing quote/],
  [`"${'a'.repeat(1_048_577)}"`, /^line 1: a field is longer/],
])('refuses %.20j', (text, reason) => {
  expect(() => parsed(text)).toThrow(CsvError);
  expect(() => parsed(text)).toThrow(reason);
});

test('what is written with quotes is read again, wherever the pieces end', () => {
  const field = string({ unit: constantFrom('a', '"', ',', '\r', '\n', 'é', ' ') });
  assert(
    property(
      array(array(field, { minLength: 2, maxLength: 4 }), { maxLength: 5 }),
      constantFrom('\n', '\r\n'),
      array(nat(40)),
      (records, end, cuts) => {
        const text = records.map((fields) => fields.map((each) => `"${each.replaceAll('"', '""')}"`).join(',') + end).join('');
        const ends = [...new Set(cuts)].sort((a, b) => a - b);
        const pieces = [...ends, text.length].map((cut, index) => text.slice(ends[index - 1] ?? 0, cut));
        expect(parsed(...pieces).map(([, ...fields]) => fields)).toEqual(records);
      },
    ),
  );
});

test('a character is whole where pieces of the file divide its bytes', async () => {
  const file = join(temporaryFolder(), 'usage.csv');
  writeFileSync(file, `${'é'.repeat(70_001)}\nx${'é'.repeat(70_001)}\n`);
  const fields: string[] = [];
  for await (const record of csvRecords(file)) fields.push(...record.fields);
  expect(fields).toEqual(['é'.repeat(70_001), `x${'é'.repeat(70_001)}`]);
});
