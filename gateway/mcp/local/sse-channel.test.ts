// Servers of the transport of 2024-11-05, through the bridge: the official SDK's, and one that does what it is told.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { CreateMessageRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { expect, test, vi } from 'vitest';

import { closeAfterEach, opening } from '../opening.fixture.ts';
import { type LocalBridge, startBridge } from './bridge.ts';

closeAfterEach();

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(answer: Answer): Promise<URL> {
  const server: HttpServer = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await opening({ close: () => (server.closeAllConnections(), server.close()) });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/sse`);
}

const log: string[] = [];
async function bridge(url: URL, headers: Record<string, string> = {}): Promise<LocalBridge> {
  log.length = 0;
  return opening(startBridge([{ name: 'old', url, headers }], (level, message) => void log.push(`${level} ${message}`), { backOffMs: 1 }));
}

const urlOf = (at: LocalBridge): URL => new URL(at.path('old'), `http://127.0.0.1:${at.port}`);

async function client(at: LocalBridge): Promise<Client> {
  const made = new Client({ name: 'test', version: '1' }, { capabilities: { sampling: {} } });
  made.setRequestHandler(CreateMessageRequestSchema, () => ({ model: 'm', role: 'assistant', content: { type: 'text', text: 'sampled' } }));
  const requestInit = { headers: { authorization: at.credential } };
  await made.connect(new StreamableHTTPClientTransport(urlOf(at), { requestInit }));
  return opening(made);
}

const textOf = (result: unknown): string => (result as { content: { text: string }[] }).content[0]!.text;

test('a server of the official SDK is called, asks its client, and hears its own headers alone', async () => {
  const transports = new Map<string, SSEServerTransport>();
  const heard: (string | undefined)[] = [];
  const url = await serve((request, response) => {
    heard.push(request.headers.authorization);
    const session = new URL(request.url!, 'http://x').searchParams.get('sessionId');
    if (session !== null) return void transports.get(session)!.handlePostMessage(request, response);
    const transport = new SSEServerTransport('/messages', response);
    const server = new McpServer({ name: 'old', version: '1' });
    server.registerTool('ask', {}, async () => {
      const { content } = await server.server.createMessage({ messages: [], maxTokens: 1 });
      return { content: [{ type: 'text', text: JSON.stringify(content) }] };
    });
    transports.set(transport.sessionId, transport);
    void server.connect(transport);
  });
  const one = await client(await bridge(url, { authorization: 'Bearer own' }));
  expect((await one.listTools()).tools.map(({ name }) => name)).toEqual(['ask']);
  expect(textOf(await one.callTool({ name: 'ask' }))).toContain('sampled');
  expect(new Set(heard)).toEqual(new Set(['Bearer own']));
});

/** Says `endpoint`, and what it is told by POST goes to `told`. */
function scripted(endpoint: string, told: (body: string, stream: ServerResponse, response: ServerResponse) => void): Answer {
  let stream: ServerResponse;
  return (request, response) => {
    if (request.method === 'GET') {
      stream = response;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`event: endpoint\ndata: ${endpoint}\n\n`);
      return;
    }
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString())).on('end', () => told(body, stream, response));
  };
}

const HELLO = '{"protocolVersion":"2024-11-05","capabilities":{},"serverInfo":{"name":"old","version":"1"}}';
const ask = async (at: LocalBridge, method: string, session?: string): Promise<Response> =>
  fetch(urlOf(at), {
    method: 'POST',
    headers: {
      authorization: at.credential,
      'content-type': 'application/json',
      ...(session !== undefined && { 'mcp-session-id': session }),
    },
    body: `{"jsonrpc":"2.0","id":"a","method":"${method}","params":{}}`,
  });

test('a message that it does not take, and a stream that breaks off, are told to who waits', async () => {
  const url = await serve(
    scripted('/messages?s=1', (body, stream, response) => {
      const { method } = JSON.parse(body) as { method: string };
      response.writeHead(method === 'tools/list' ? 500 : 202).end();
      // In pieces, one of them within a character.
      const hello = Buffer.from(`data: {"jsonrpc":"2.0","id":"a",\ndata: "result":${HELLO.replace('old', 'öld')}}\n\n`);
      const middle = hello.indexOf('ö') + 1;
      if (method === 'initialize') stream.write(hello.subarray(0, middle), () => stream.write(hello.subarray(middle)));
      if (method === 'tools/call') stream.destroy();
    }),
  );
  const at = await bridge(url);
  const hello = await ask(at, 'initialize');
  const session = hello.headers.get('mcp-session-id')!;
  expect(await hello.text()).toContain('öld');
  expect(await (await ask(at, 'tools/list', session)).json()).toEqual({
    jsonrpc: '2.0',
    id: 'a',
    error: { code: -32010, message: 'MCP server old: it did not take the message (status 500)' },
  });
  const broken = await ask(at, 'tools/call', session);
  expect([broken.status, await broken.text()]).toEqual([502, expect.stringContaining('The MCP server old has ended')]);
  expect((await ask(at, 'tools/list', session)).status).toBe(404);
  expect(at.sessions('old')).toBe(0);
});

test('it is told nothing at another origin: its key is for one', async () => {
  const told: string[] = [];
  const other = await serve((request) => void told.push(request.url!));
  const url = await serve(scripted(`${other.origin}/messages`, () => undefined));
  const at = await bridge(url, { authorization: 'Bearer own' });
  await vi.waitFor(() => expect(log[0]).toContain('it takes messages at another origin, which is not followed'));
  expect((await ask(at, 'initialize')).status).toBeGreaterThanOrEqual(500);
  expect(told).toEqual([]);
});

test.each<[string, Answer, string]>([
  ['does not let the gateway in', (_, response) => void response.writeHead(401).end(), 'it answered with status 401'],
  ['redirects', (_, response) => void response.writeHead(307, { location: '/other' }).end(), 'it answered with status 307'],
  ['is something else', (_, response) => void response.end('hello'), 'it did not answer with a stream of events'],
  ['ends at once', (_, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(), 'its stream ended'],
])('one that %s is told at the start', async (_name, answer, why) => {
  await bridge(await serve(answer));
  await vi.waitFor(() => expect(log[0]).toContain(`warn MCP server old: ${why}`));
});

test('a session that it has forgotten is over', async () => {
  const url = await serve(
    scripted('/messages', (body, stream, response) => {
      const isHello = body.includes('initialize');
      response.writeHead(isHello ? 202 : 404).end();
      if (isHello) stream.write(`data: {"jsonrpc":"2.0","id":"a","result":${HELLO}}\n\n`);
    }),
  );
  const at = await bridge(url);
  const session = (await ask(at, 'initialize')).headers.get('mcp-session-id')!;
  expect((await ask(at, 'tools/list', session)).status).toBe(502);
  expect((await ask(at, 'tools/list', session)).status).toBe(404);
});

test('messages come in the order in which they were sent', async () => {
  const came: string[] = [];
  const url = await serve(
    scripted('/messages', (body, stream, response) => {
      const { method } = JSON.parse(body) as { method: string };
      const take = (): void => {
        came.push(method);
        response.writeHead(202).end();
      };
      // This one is taken slowly, and what follows it must not be there before.
      if (method === 'notifications/initialized') setTimeout(take, 50);
      else take();
      if (method === 'initialize') stream.write(`data: {"jsonrpc":"2.0","id":"a","result":${HELLO}}\n\n`);
      if (method === 'tools/list') stream.write('data: {"jsonrpc":"2.0","id":"a","result":{"tools":[]}}\n\n');
    }),
  );
  const at = await bridge(url);
  const session = (await ask(at, 'initialize')).headers.get('mcp-session-id')!;
  await fetch(urlOf(at), {
    method: 'POST',
    headers: { authorization: at.credential, 'content-type': 'application/json', 'mcp-session-id': session },
    body: '{"jsonrpc":"2.0","method":"notifications/initialized"}',
  });
  expect((await ask(at, 'tools/list', session)).status).toBe(200);
  expect(came).toEqual(['initialize', 'notifications/initialized', 'tools/list']);
});
