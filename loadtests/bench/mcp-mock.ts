// The MCP server of the bench: a process that answers from memory, in one era. It takes one message with the era, and tells its port in one
// message. It ends with its parent.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { McpEra } from './mcp-resources.ts';
import { MCP_TOOL } from './mcp-resources.ts';

const CALLED = { content: [{ type: 'text', text: 'hello' }] };

/** By method. */
const RESULTS: Readonly<Record<McpEra, Readonly<Record<string, object>>>> = {
  legacy: {
    initialize: { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'bench', version: '1' } },
    'tools/list': { tools: [MCP_TOOL] },
    'tools/call': CALLED,
  },
  modern: {
    'server/discover': {
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: { tools: {} },
      ttlMs: 60_000,
      cacheScope: 'public',
    },
    'tools/list': { resultType: 'complete', tools: [MCP_TOOL], ttlMs: 60_000, cacheScope: 'public' },
    'tools/call': { resultType: 'complete', ...CALLED },
  },
};

process.on('disconnect', () => process.exit());
process.once('message', (era: McpEra) => {
  const server = createServer({ noDelay: true, keepAliveTimeout: 0 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method !== 'POST') return void response.writeHead(405).end();
      const { id, method } = JSON.parse(Buffer.concat(chunks).toString()) as { id?: unknown; method: string };
      if (id === undefined) return void response.writeHead(202).end();
      const result = RESULTS[era][method];
      const said = result === undefined ? { error: { code: -32601, message: 'no' } } : { result };
      const body = JSON.stringify({ jsonrpc: '2.0', id, ...said });
      const session = method === 'initialize' && result !== undefined ? { 'mcp-session-id': 'bench' } : {};
      response.writeHead(result === undefined && era === 'modern' ? 404 : 200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...session,
      });
      response.end(body);
    });
  });
  server.listen({ host: '127.0.0.1', port: 0, backlog: 2048 }, () => process.send?.({ port: (server.address() as AddressInfo).port }));
});
