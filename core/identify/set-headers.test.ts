import { expect, it } from 'vitest';

import { headerBytes, policyHeader } from './set-headers.ts';

it('gives the UTF-8 bytes of a value and refuses what would split a header', () => {
  expect(headerBytes('Grüße\t!')).toBe('GrÃ¼Ã\u009fe\t!');
  for (const text of ['a\r\nx-admin: 1', 'a\n', 'a\0', 'a\u007f']) expect(headerBytes(text)).toBeUndefined();
});

it('reports names that would break the request', () => {
  const problems: string[] = [];
  const names = ['X-Client', 'content-length', 'Host', 'x client', ''].map((name) =>
    policyHeader(name, 'at', (path, message) => problems.push(`${path}: ${message}`)),
  );
  expect(names[0]).toBe('x-client');
  expect(problems).toEqual([
    'at: header content-length belongs to the connection and cannot be used here',
    'at: header host belongs to the connection and cannot be used here',
    'at: "x client" is no header name',
    'at: "" is no header name',
  ]);
});
