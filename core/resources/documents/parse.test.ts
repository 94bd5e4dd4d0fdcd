import * as fc from 'fast-check';
import { dump } from 'js-yaml';
import { expect, test } from 'vitest';

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

test.each<[string, unknown]>([
  ...['yes', 'no', 'on', 'off', 'y', 'N', 'tRUE', '1_000', '0b11', '0O14', '-0x1F', '12:30:45', '2025-01-01T00:00:00Z', '1.2.3', 'NaN'].map(
    (text): [string, string] => [text, text],
  ),
  ...['100m', '60s', '.', '-', '.iNf', '<', '1e400'].map((text): [string, string] => [`x ${text}`, `x ${text}`]),
  ['0o14', 12],
  ['0x1F', 31],
  ['010', 10],
  ['+12', 12],
  ['1e3', 1000],
  ['-.5', -0.5],
  ['1.', 1],
  ['.inf', Infinity],
  ['-.INF', -Infinity],
  ['.nan', NaN],
  ['True', true],
  ['FALSE', false],
  ['Null', null],
  ['', null],
  ['"1"', '1'],
  ["'true'", 'true'],
  ['|-\n  1', '1'],
  ['! 1', '1'],
  ['!!str 1', '1'],
  ['!<tag:yaml.org,2002:str> 1', '1'],
  ['!!int "1"', 1],
  ['!!float 1', 1],
  ['!!bool "true"', true],
  ['!!null ""', null],
  ['!!seq [1]', [1]],
  ['!!map {b: 1}', { b: 1 }],
])('the value %s', (text, expected) => {
  expect(value(`a: ${text}`)).toEqual({ a: expected });
});

test('the name of a field is its text', () => {
  const text = '1.0: a\n0x10: b\n~: c\ntrue: d\n"": e\n!!str 5: f\n? long\n: g\n&x y: h\nz: *x';
  expect(value(text)).toEqual({ '1.0': 'a', '0x10': 'b', '~': 'c', true: 'd', '': 'e', 5: 'f', long: 'g', y: 'h', z: 'y' });
});

test.each(['null', '~', '# nothing', '!!null'])('%s is no resource', (text) => {
  expect(parseDocument(text, {})).toMatchObject({ items: [], faults: [] });
});

test.each<[string, string[]]>([
  ['a: 1\nb:\n  c: 1\n  d: 2\n  c: 3', ['5: the field "c" occurs twice in one object']],
  ['{"a": 1,\n "a": 2}', ['2: the field "a" occurs twice in one object']],
  ['a: {b: 1, "b": 2}', ['1: the field "b" occurs twice in one object']],
  ['a: 1\n b: 2', [expect.stringMatching(/^[12]: /)]],
  ['a: b\n\tc: d', [expect.stringMatching(/^2: .*[Tt]ab/)]],
  ['a: !secret x', [expect.stringContaining('1: Unresolved tag')]],
  ['a: !!binary aGk=', [expect.stringContaining('1: Unresolved tag')]],
  ['a: !!timestamp 2025-01-01', [expect.stringContaining('1: Unresolved tag')]],
  [
    'a: !!set {x}\nb: !!omap [x: 1]\nc: !!pairs [x: 1]',
    [
      expect.stringContaining('1: Unresolved tag'),
      expect.stringContaining('2: Unresolved tag'),
      expect.stringContaining('3: Unresolved tag'),
    ],
  ],
  [
    'a: !!int x\nb: !!bool yes\nc: !!seq {x: 1}',
    [
      expect.stringContaining('1: Unresolved tag'),
      expect.stringContaining('2: Unresolved tag'),
      expect.stringContaining('3: Unresolved tag'),
    ],
  ],
  ['a: !${A} x', ['1: tag name cannot contain such characters: ${A}']],
  ['a: *b', [expect.stringContaining('Unresolved alias')]],
  ['a: 1\nb: *b', [expect.stringContaining('2: Unresolved alias')]],
  ['a: &${A} 1\nb: *${A}', [expect.stringContaining('2: Unresolved alias')]],
  ['a: 1\nb: &b\n  - c: [*b]', ['3: an anchor cannot hold an alias to itself']],
  ['&a x: 1\n*a : 1', ['2: keys must be strings']],
  ['!!int 1: 1', ['1: keys must be strings']],
  ['a: 1\r---\rb: 2', ['1: a second document begins; each must begin with a line --- of its own']],
  ['a: 1\nb: x: y', ['2: ": y" cannot stand here; put the value in quotes if it is part of it']],
  ['a: @${A}', ['1: "@${A}" cannot stand here; put the value in quotes if it is part of it']],
  ["a: 'it's'", [expect.stringMatching(/^1: "s'" cannot stand here/)]],
  ['a:\n  b: 1\n c: 2', ['3: bad indentation of a mapping entry']],
  ['a: {b: 1\nc: 2', [expect.stringMatching(/^2: a quote or bracket before this line is not closed/)]],
  ['a: "x\nb: 1', [expect.stringMatching(/^2: a quote or bracket before this line is not closed/)]],
  ['a: 1\nfoo\nb: 2', [expect.stringMatching(/^3: the lines up to here are no field/)]],
  ['a:b\nc: 1', [expect.stringMatching(/^2: does not belong to what is before it/)]],
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

test.each<[number, string[]]>([
  [100, []],
  [101, ['102: Excessive alias count: aliases add more than 100000 values']],
])('%i aliases of a thousand values', (length, expected) => {
  const text = `a: &a [${'x,'.repeat(999)}]\n${Array.from({ length }, (_, index) => `a${index}: *a`).join('\n')}`;
  expect(parseDocument(text, {}).faults.map(({ line, message }) => `${line}: ${message}`)).toEqual(expected);
});

test('aliases of aliases do not nest without end', () => {
  const lines = Array.from(
    { length: 4 },
    (_, index) => `a${index}: &a${index} ${'['.repeat(60)}${index > 0 ? `*a${index - 1}` : ''}${']'.repeat(60)}`,
  );
  expect(faults(lines.join('\n'))).toEqual(['4: is nested too deeply']);
});

test('an alias stands for the last anchor of its name, even for a field that JavaScript objects have', () => {
  const read = value('a: &x 1\nb: *x\nc: &x {__proto__: 2}\nd: [*x, *x]\ne: *x') as Record<string, unknown>;
  const object = JSON.parse('{"__proto__": 2}') as unknown;
  expect(read).toEqual({ a: 1, b: 1, c: object, d: [object, object], e: object });
  expect(Object.keys((read['d'] as object[])[0]!)).toEqual(['__proto__']);
});

test.each<[number, string[]]>([
  [99, []],
  [100, ['2: is nested too deeply']],
  [10_000, ['2: is nested too deeply']],
])('JSON of twice %i levels', (times, expected) => {
  const text = `\n{"a": ${'[{"b":'.repeat(times)}1${'}]'.repeat(times)}}`;
  expect(parseDocument(text, {}).faults.map(({ line, message }) => `${line}: ${message}`)).toEqual(expected);
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
  // An item of nothing has no text of its own; comments, blocks and brackets before it have.
  const nothing = 'kind: List\nitems:\n# - x\n-\n- # - y\n- |\n  - z\n- {a: 1,\n\n  }\n# - x\n-\n- "x\n   y"\n';
  expect(parseDocument(nothing, {}).faults.map(({ line }) => line)).toEqual([4, 5, 6, 12, 13]);
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
      expect(value(dump(written))).toEqual(written);
      expect(value(JSON.stringify(written))).toEqual(written);
    }),
  );
});
