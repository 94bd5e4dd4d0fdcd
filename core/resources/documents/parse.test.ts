import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';

import { parseDocument } from './parse.ts';
import type { Environment } from './variables.ts';

function value(text: string, env: Environment = {}): unknown {
  const { items, faults } = parseDocument(text, env);
  expect(faults).toEqual([]);
  expect(items).toHaveLength(1);
  return items[0]!.value;
}

function faults(text: string, env: Environment = {}): string[] {
  const parsed = parseDocument(text, env);
  expect(parsed.items).toEqual([]);
  return parsed.faults.map(({ line, message }) => `${line}: ${message}`);
}

test('YAML is read by the core schema of 1.2', () => {
  expect(value('a: yes\nb: true\nc: 010\nd: 0x1F\ne: ~\nf: 2025-01-01\ng: 1.0\nh: 1_000\n8080: x\n<<: {z: 1}')).toEqual({
    a: 'yes',
    b: true,
    c: 10,
    d: 31,
    e: null,
    f: '2025-01-01',
    g: 1,
    h: '1_000',
    8080: 'x',
    '<<': { z: 1 },
  });
});

test.each(['null', '~', '# nothing', '!!null'])('%s is no resource', (text) => {
  expect(parseDocument(text, {})).toMatchObject({ items: [], faults: [] });
});

test.each<[string, string[]]>([
  ['a: 1\nb:\n  c: 1\n  d: 2\n  c: 3', ['5: the field "c" occurs twice in one object']],
  ['{"a": 1,\n "a": 2}', ['2: the field "a" occurs twice in one object']],
  ['a: {b: 1, "b": 2}', ['1: the field "b" occurs twice in one object']],
  ['a: 1\n b: 2', [expect.stringMatching(/^[12]: /)]],
  ['a: b\n\tc: d', [expect.stringMatching(/^2: .*[Tt]abs/)]],
  ['a: !secret x', ['1: Unresolved tag: !secret']],
  ['a: !!binary aGk=', [expect.stringContaining('1: Unresolved tag')]],
  ['a: !!timestamp 2025-01-01', [expect.stringContaining('1: Unresolved tag')]],
  ['a: *b', [expect.stringContaining('Unresolved alias')]],
  ['a: &a {b: *a}', ['1: an anchor cannot hold an alias to itself']],
  ['? {a: 1}\n: b', [expect.stringContaining('keys must be strings')]],
  ['# c\n%YAML 1.1', ['2: YAML directives (lines that begin with %) are not read; remove the line']],
  ['- a\n- b', ['1: must be an object with apiVersion and kind, not a list']],
  ['\n# c\njust text', ['3: must be an object with apiVersion and kind, not a string']],
  ['{"a": [', [expect.stringMatching(/^1: /)]],
  ['kind: List', ['1: a List must have items, which is a list']],
  [
    'kind: List\nitems:\n  - {a: 1}\n  -\n  - 5',
    ['4: must be an object with apiVersion and kind, not nothing', '5: must be an object with apiVersion and kind, not a number'],
  ],
])('%s cannot be read', (text, expected) => {
  expect(faults(text)).toEqual(expected);
});

test('a hundred mistakes do not make a hundred lines', () => {
  const text = Array.from({ length: 100 }, () => 'a: 1').join('\n');
  expect(faults(text)).toHaveLength(5);
});

test('billion laughs are not laughed at', () => {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 10; level++) {
    const alias = `*a${level - 1}`;
    lines.push(`a${level}: &a${level} [${Array.from({ length: 9 }, () => alias).join(', ')}]`);
  }
  expect(faults(lines.join('\n'))).toEqual([expect.stringContaining('Excessive alias count')]);
});

test.each([
  ['[', ']'],
  ['{"a":', '1}'],
])('nesting of %s without end is a fault, not a crash', (open, close) => {
  expect(faults(`a: ${open.repeat(20_000)}${close.repeat(20_000)}`)).toEqual(['1: is nested too deeply']);
});

test('an alias is a copy, so that a default filled in at one place is not seen at the other', () => {
  const read = value('a: &x {b: 1}\nc: *x') as { a: object; c: object };
  expect(read).toEqual({ a: { b: 1 }, c: { b: 1 } });
  expect(read.a).not.toBe(read.c);
});

test('a name that JavaScript objects have by themselves is a field like others', () => {
  for (const text of ['__proto__: {polluted: true}\nconstructor: 1', '{"__proto__": {"polluted": true}, "constructor": 1}']) {
    const read = value(text) as object;
    expect(Object.keys(read)).toEqual(['__proto__', 'constructor']);
    expect('polluted' in read).toBe(false);
  }
});

test('the items of a List are resources of their own, with their lines, in Lists of Lists too', () => {
  const { items } = parseDocument(
    'apiVersion: v1\nkind: List\nitems:\n- kind: A\n- kind: List\n  items:\n    - kind: B\n    - kind: C\n',
    {},
  );
  expect(items.map(({ value: item, line }) => [(item as { kind: string }).kind, line])).toEqual([
    ['A', 4],
    ['B', 7],
    ['C', 8],
  ]);
  expect(parseDocument('{"kind": "List", "items": [{"kind": "A"}, {"kind": "B"}]}', {}).items.map((item) => item.line)).toEqual([1, 1]);
});

test('variables', () => {
  const env = { HOST: 'api.example.com', PORT: '8443', EMPTY: '', ON: 'true', ZIP: '01234' };
  expect(
    value(
      `
# \${NOT_ASKED_FOR}
url: https://\${HOST}:\${PORT}/v1 # \${NOR_THIS}
port: \${PORT}
quoted: "\${PORT}"
single: '\${ON}'
on: \${ON}
zip: \${ZIP}
flow: {port: \${PORT}, list: [\${HOST}, \${MISSING:-a b}]}
default: \${MISSING:=8080}
empty: \${EMPTY:-x}
none: \${EMPTY}
noneQuoted: "\${EMPTY}"
emptyDefault: "\${MISSING:-}"
url2: \${MISSING:=http://h:1/p}
escaped: $\${HOST}
dollar: $HOST $ \${
tagged: !!str \${PORT}
literal: |
  host=\${HOST}
  port=\${PORT}
folded: >-
  \${HOST}
  \${PORT}
`,
      env,
    ),
  ).toEqual({
    url: 'https://api.example.com:8443/v1',
    port: 8443,
    quoted: '8443',
    single: 'true',
    on: true,
    // What YAML 1.2 makes of 01234 without quotes.
    zip: 1234,
    flow: { port: 8443, list: ['api.example.com', 'a b'] },
    default: 8080,
    empty: 'x',
    none: null,
    noneQuoted: '',
    emptyDefault: '',
    url2: 'http://h:1/p',
    escaped: '${HOST}',
    dollar: '$HOST $ ${',
    tagged: '8443',
    literal: 'host=api.example.com\nport=8443\n',
    folded: 'api.example.com 8443',
  });
});

test('variables in JSON', () => {
  const env = { HOST: 'a"b\\', PORT: '8443' };
  expect(value('{"host": "${HOST}", "port": "${PORT}", "literal": "$${PORT}"}', env)).toEqual({
    host: 'a"b\\',
    port: '8443',
    literal: '${PORT}',
  });
  expect(value('{"host": "${HOST}", "port": ${PORT}}', env)).toEqual({ host: 'a"b\\', port: 8443 });
});

test.each<[string, string[]]>([
  [
    '# ${A}\na: ${A}\nb: "${A}"\nc: ${B}',
    [
      '2: the environment variable A is not set; set it, or give it a default: ${A:-default}',
      '4: the environment variable B is not set; set it, or give it a default: ${B:-default}',
    ],
  ],
  ['a: ${A:-x}\nb: ${A}', ['2: the environment variable A is not set; set it, or give it a default: ${A:-default}']],
  ['{"a": "${A}"}', ['1: the environment variable A is not set; set it, or give it a default: ${A:-default}']],
  ['a: ${1+1}', ['1: ${1+1} is no variable; write ${NAME} or ${NAME:-default}, or $${1+1} for the text itself']],
  ['a: ${A:?no}', ['1: ${A:?no} is no variable; write ${NAME} or ${NAME:-default}, or $${A:?no} for the text itself']],
  ['a: 1\n${K}: 2', ['2: the name of a field cannot hold a variable: key']],
  ['{"a": 1, "${K}": 2}', ['1: the name of a field cannot hold a variable: key']],
])('%s asks for what there is not', (text, expected) => {
  expect(faults(text, { K: 'key' })).toEqual(expected);
});

test('whatever a variable holds, it is one string and changes nothing around it', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      'x: 1\ny: 2',
      '- a',
      '"',
      "'",
      '# c',
      'a #b',
      '{',
      '}',
      '*x',
      '&x',
      '---\nb: 1',
      '!!int 1',
      '${A}',
      '\\',
      '%',
      '\uE000',
      '\uE0000\uE000',
      '$&',
    ),
  );
  fc.assert(
    fc.property(nasty, (held) => {
      const env = { A: held };
      const wanted = { b: held, c: `<${held}>`, d: { e: held }, f: 1 };
      expect(value('b: "${A}"\nc: <${A}>\nd: {e: \'${A}\'}\nf: 1', env)).toEqual(wanted);
      expect(value('{"b": "${A}", "c": "<${A}>", "d": {"e": "${A}"}, "f": 1}', env)).toEqual(wanted);
      expect(value('b: |-\n  ${A}\nc: >-\n  <${A}>\nd: {e: "${A}"}\nf: 1', env)).toEqual(wanted);
    }),
  );
});

test('what is written as YAML or JSON is read back', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true }).filter((it) => it['kind'] !== 'List');
  const plain = object.map((it) => JSON.parse(JSON.stringify(it).replaceAll('${', '$')) as object);
  fc.assert(
    fc.property(plain, (written) => {
      expect(value(stringify(written))).toEqual(written);
      expect(value(JSON.stringify(written))).toEqual(written);
    }),
  );
});
