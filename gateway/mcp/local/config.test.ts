import { resolve } from 'node:path';

import { expect, test } from 'vitest';

import { InvalidMcpConfig, parseMcpConfig } from './config.ts';

const ENV = { TOKEN: 'secret-token', HOME: '/home/me', EMPTY: '' };
const parse = (config: unknown) => parseMcpConfig(typeof config === 'string' ? config : JSON.stringify(config), 'dir/mcp.json', ENV);
const server = (fields: object) => parse({ mcpServers: { one: fields } });

function problems(config: unknown): string[] {
  try {
    parse(config);
  } catch (error) {
    if (!(error instanceof InvalidMcpConfig)) throw error;
    return error.message.split('\n');
  }
  return [];
}

test('programs, with variables in the places of Claude and VS Code', () => {
  const { bridged, notices } = parse({
    mcpServers: {
      'My Files': {
        command: 'npx',
        args: ['-y', '${PACKAGE:-files}', '${HOME}', ''],
        env: { KEY: '${TOKEN}', B: '${env:TOKEN}b' },
        cwd: 'sub',
      },
      off: { command: 'x', disabled: true },
      b: { type: 'stdio', command: 'b', autoApprove: [] },
    },
  });
  expect(bridged[0]).toEqual({
    name: 'my-files',
    command: 'npx',
    args: ['-y', 'files', '/home/me', ''],
    env: { KEY: 'secret-token', B: 'secret-tokenb' },
    cwd: resolve('dir/sub'),
    secrets: ['secret-token', 'secret-tokenb'],
  });
  expect(bridged.map(({ name }) => name)).toEqual(['my-files', 'b']);
  expect(notices).toEqual(['dir/mcp.json: off is disabled there', 'dir/mcp.json: b: autoApprove has no effect here']);
});

test('servers of the network, in the words of VS Code', () => {
  const { urls } = parse({
    servers: {
      a: { type: 'http', url: 'https://a.test/mcp?x=${TOKEN}', headers: { Authorization: 'Bearer ${TOKEN}' } },
      b: { url: 'http://b.test' },
    },
  });
  expect(urls.map(({ url, header }) => [url.href, header])).toEqual([
    ['https://a.test/mcp?x=secret-token', { name: 'Authorization', value: 'Bearer secret-token' }],
    ['http://b.test/', undefined],
  ]);
});

test('servers of the transport of 2024-11-05 may have several headers', () => {
  const { bridged } = parse({ servers: { a: { type: 'sse', url: 'http://a.test/sse', headers: { 'X-A': '1', 'X-B': '${TOKEN}' } } } });
  expect(bridged).toEqual([{ name: 'a', url: new URL('http://a.test/sse'), headers: { 'X-A': '1', 'X-B': 'secret-token' } }]);
});

test.each<[string, unknown, string]>([
  ['no JSON', '{"mcpServers":\n{"key": sk-secret}}', 'dir/mcp.json:2: it is not JSON'],
  ['no servers', {}, 'dir/mcp.json: mcpServers (or servers'],
  ['none', { servers: {} }, 'dir/mcp.json: it names no server'],
  ['neither', { servers: { one: {} } }, 'dir/mcp.json: one: it must have either command or url'],
  ['both', { servers: { one: { command: 'a', url: 'http://b' } } }, 'dir/mcp.json: one: it must have either command or url'],
  ['a type', { servers: { one: { command: 'a', arg: [] } } }, 'dir/mcp.json: one: arg: this field is not known; did you mean "args"?'],
  ['an unset variable', { servers: { one: { command: 'a', env: { K: '${GONE}' } } } }, 'dir/mcp.json: one: env.K: GONE is not set'],
  ['an empty variable', { servers: { one: { command: 'a', args: ['${EMPTY}'] } } }, 'dir/mcp.json: one: args[0]: EMPTY is not set'],
  [
    'an input',
    { servers: { one: { command: 'a', args: ['${input:key}'] } } },
    'dir/mcp.json: one: args[0]: ${input:key} cannot be filled in',
  ],
  ['a number', { servers: { one: { command: 'a', env: { PORT: 1 } } } }, 'dir/mcp.json: one: env.PORT: it must be a string'],
  [
    'another transport',
    { servers: { one: { type: 'ws', url: 'http://b' } } },
    'dir/mcp.json: one: type: it must be "http" or "sse" beside url',
  ],
  ['no URL', { servers: { one: { url: 'file:///etc' } } }, 'dir/mcp.json: one: url: it must be an http or https URL'],
  [
    'two headers',
    { servers: { one: { url: 'http://b', headers: { a: '1', b: '2' } } } },
    'dir/mcp.json: one: headers: a server gets one header',
  ],
  ['a header', { servers: { one: { url: 'http://b', headers: { a: '1\n' } } } }, 'dir/mcp.json: one: headers.a: its name or value'],
  [
    'one name',
    { servers: { 'a b': { command: 'a' }, 'A-B': { command: 'a' } } },
    'dir/mcp.json: A-B: it would be called "a-b", as "a b" is',
  ],
  ['no name', { servers: { __: { command: 'a' } } }, 'dir/mcp.json: __: its name needs'],
])('%s is told with file, server and field', (_, config, expected) => {
  const found = problems(config);
  expect(found).toHaveLength(1);
  expect(found[0]!.slice(0, expected.length)).toBe(expected);
  expect(found[0]).not.toContain('secret');
});

test('every problem is told at once', () => {
  expect(problems({ servers: { a: { command: 1, env: { b: '${GONE}' } }, c: 'd' } })).toHaveLength(3);
  expect(server({ command: 'a' }).bridged).toHaveLength(1);
});
