import { expect, it } from 'vitest';

import { definitionText } from './tool-definition.ts';

const text = (json: string) => definitionText(JSON.parse(json) as Record<string, unknown>);

it('is the same however a tool is written', () => {
  const one = text('{"name":"t","inputSchema":{"type":"object","properties":{"b":{},"a":{"enum":[1.0,"x"]}}},"description":"d","x":1}');
  const other = text(
    '{"x":1,"description":"\\u0064","inputSchema":{"properties":{"a":{"enum":[1,"x"]},"b":{}},"type":"object"},"name":"t"}',
  );
  expect(one).toBe(other);
  expect(one).toMatch(/^\{\n {2}"name": "t",\n {2}"description": "d",\n {2}"inputSchema": /);
});

it('leaves out what may differ from one list to the next', () => {
  expect(text('{"name":"t","_meta":{"at":1},"icons":[]}')).toBe(text('{"name":"t"}'));
});

it.each([
  ['the order of an array', '{"name":"t","a":[1,2]}', '{"name":"t","a":[2,1]}'],
  ['a member that nobody knows', '{"name":"t"}', '{"name":"t","Description":"do it"}'],
  [
    'what is deep in the schema',
    '{"name":"t","inputSchema":{"$defs":{"a":{"const":1}}}}',
    '{"name":"t","inputSchema":{"$defs":{"a":{"const":2}}}}',
  ],
  ['a parameter of any name', '{"name":"t","inputSchema":{"properties":{}}}', '{"name":"t","inputSchema":{"properties":{"__proto__":{}}}}'],
])('tells %s', (_name, one, other) => {
  expect(text(one)).not.toBe(text(other));
});
