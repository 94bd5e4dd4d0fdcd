import { expect, test } from 'vitest';

import { splitDocuments } from './split.ts';

const split = (text: string) => splitDocuments(text).map(({ text: document, line, contentLine }) => [document, line, contentLine]);

test.each<[string, string, unknown[]]>([
  ['nothing', '', []],
  ['only comments and markers', '# a\n---\n\n--- # b\n   # c\n...\n---', []],
  ['one document', 'a: 1', [['a: 1', 1, 1]]],
  ['a comment before the content', '# licence\n\na: 1\n', [['# licence\n\na: 1\n', 1, 3]]],
  ['a marker first', '---\na: 1\n', [['a: 1\n', 2, 2]]],
  [
    'a comment on the marker',
    'a: 1\n--- # second\nb: 2\n',
    [
      ['a: 1\n', 1, 1],
      ['b: 2\n', 3, 3],
    ],
  ],
  [
    'empty documents between',
    'a: 1\n---\n---\n# c\n---\nb: 2',
    [
      ['a: 1\n', 1, 1],
      ['b: 2', 6, 6],
    ],
  ],
  [
    'content on the marker',
    '--- {a: 1}\n--- {b: 2}',
    [
      ['--- {a: 1}\n', 1, 1],
      ['--- {b: 2}', 2, 2],
    ],
  ],
  [
    'the end marker',
    'a: 1\n... # end\nb: 2\n...\n---\nc: 3',
    [
      ['a: 1\n', 1, 1],
      ['b: 2\n', 3, 3],
      ['c: 3', 6, 6],
    ],
  ],
  ['no marker', 'a: |\n  ---\n ---\nb: ---c\n----\n--\n....', [['a: |\n  ---\n ---\nb: ---c\n----\n--\n....', 1, 1]]],
  [
    'a tab after the marker',
    'a: 1\n---\t\nb: 2',
    [
      ['a: 1\n', 1, 1],
      ['b: 2', 3, 3],
    ],
  ],
  [
    'line ends of Windows',
    'a: 1\r\n---\r\nb: 2\r\n',
    [
      ['a: 1\n', 1, 1],
      ['b: 2\n', 3, 3],
    ],
  ],
  [
    'a byte order mark',
    '\uFEFFa: 1\n\uFEFF---\n\uFEFFb: 2',
    [
      ['a: 1\n', 1, 1],
      ['b: 2', 3, 3],
    ],
  ],
  ['a line separator that YAML takes for a character', 'a: "x\u2028--- y"', [['a: "x\u2028--- y"', 1, 1]]],
])('%s', (_, text, documents) => {
  expect(split(text)).toEqual(documents);
});
