import { expect, test } from 'vitest';

import type { McpServer } from '../upstream/server.ts';
import { ParameterSchemas } from './parameter-schemas.ts';
import type { ListedTool } from './read.ts';

const server = (name: string): McpServer => ({ backend: { name }, path: '/mcp' }) as McpServer;
const schema = (header: string): object => ({ properties: { a: { type: 'string', 'x-mcp-header': header } } });

/** A list that counts how often it is read. */
function listing(...tools: readonly object[]): { readonly read: () => AsyncGenerator<ListedTool>; readonly count: () => number } {
  let count = 0;
  async function* read(): AsyncGenerator<ListedTool> {
    count++;
    for (const tool of tools) yield { name: (tool as { name: string }).name, entry: Buffer.from(JSON.stringify(tool)) };
  }
  return { read, count: () => count };
}

async function* failing(): AsyncGenerator<ListedTool> {
  await Promise.reject(new Error('away'));
  yield { name: '', entry: Buffer.alloc(0) };
}

test('a server is asked once for all of its tools, whoever calls which', async () => {
  const schemas = new ParameterSchemas();
  const one = listing({ name: 'a', inputSchema: schema('A') }, { name: 'b', inputSchema: {} });
  const both = await Promise.all([schemas.of(server('one'), 'a', one.read), schemas.of(server('one'), 'b', one.read)]);
  expect(both).toEqual([schema('A'), undefined]);
  expect(one.count()).toBe(1);
  expect(await schemas.of(server('two'), 'a', listing().read)).toBeUndefined();
});

test('what is not right any more is read anew', async () => {
  const schemas = new ParameterSchemas();
  await schemas.of(server('one'), 'a', listing({ name: 'a', inputSchema: schema('A') }).read);
  schemas.forget(server('one'));
  expect(await schemas.of(server('one'), 'a', listing({ name: 'a', inputSchema: schema('B') }).read)).toEqual(schema('B'));
});

test('a server that does not say is asked again by the next call', async () => {
  const schemas = new ParameterSchemas();
  expect(await schemas.of(server('one'), 'a', failing)).toBeUndefined();
  expect(await schemas.of(server('one'), 'a', listing({ name: 'a', inputSchema: schema('A') }).read)).toEqual(schema('A'));
});
