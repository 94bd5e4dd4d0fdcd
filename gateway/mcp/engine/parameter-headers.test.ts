import { expect, test } from 'vitest';

import { parameterHeaders } from './parameter-headers.ts';

const SCHEMA = {
  type: 'object',
  properties: {
    region: { type: 'string', 'x-mcp-header': 'Region' },
    count: { type: 'integer', 'x-mcp-header': 'Count' },
    dry: { type: 'boolean', 'x-mcp-header': 'Dry' },
    plain: { type: 'string' },
    inner: { type: 'object', properties: { zone: { type: 'string', 'x-mcp-header': 'Zone' } } },
    odd: { type: 'string', 'x-mcp-header': 'not a token' },
  },
};

test('arguments become the headers that the schema names, encoded where they have to be', () => {
  const args = { region: 'Zürich', count: 3, dry: false, plain: 'x', inner: { zone: 'a' }, odd: 'x' };
  expect(parameterHeaders(SCHEMA, args)).toEqual({
    'mcp-param-region': `=?base64?${Buffer.from('Zürich').toString('base64')}?=`,
    'mcp-param-count': '3',
    'mcp-param-dry': 'false',
    'mcp-param-zone': 'a',
  });
});

test('what is not there, null or no value of a header has none', () => {
  expect(parameterHeaders(SCHEMA, { region: null, count: [1] })).toEqual({});
  expect(parameterHeaders(undefined, {})).toEqual({});
  expect(parameterHeaders(SCHEMA, 'x')).toEqual({});
});
