// For tests: a proxy through which one server of a route with several looks as if it were the only one, for clients that know its own names.
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;

export interface Unprefixed {
  readonly url: string;
  close(): Promise<void>;
}

/** @param url of the gateway's path @param server whose names need no prefix */
export async function startUnprefixed(url: string, server: string): Promise<Unprefixed> {
  const { port, pathname } = new URL(url);
  const http = createServer((request, response) => void pass({ port, pathname, server }, request, response));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}${pathname}`,
    close: () => {
      http.closeAllConnections();
      return new Promise((resolve) => http.close(() => resolve()));
    },
  };
}

interface Target {
  readonly port: string;
  readonly pathname: string;
  readonly server: string;
}

async function pass({ port, pathname, server }: Target, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = Buffer.concat(await request.toArray()).toString();
  const headers = { ...request.headers };
  const name = headers['mcp-name'];
  if (typeof name === 'string')
    headers['mcp-name'] = headers['mcp-method'] === 'resources/read' ? `${server}+${name.trim()}` : `${server}__${name.trim()}`;
  const sent = prefixed(body, server);
  if (sent !== '') headers['content-length'] = String(Buffer.byteLength(sent));
  const outbound = httpRequest({ host: '127.0.0.1', port, path: pathname, method: request.method, headers }, (answer) => {
    const { 'content-length': _length, ...kept } = answer.headers;
    response.writeHead(answer.statusCode!, kept);
    response.flushHeaders();
    answer.on('data', (chunk: Buffer) => response.write(chunk.toString().replaceAll(`"${server}__`, '"').replaceAll(`"${server}+`, '"')));
    answer.on('end', () => response.end());
  });
  outbound.on('error', () => response.destroy());
  response.on('close', () => outbound.destroy());
  outbound.end(sent);
}

const NAMED: ReadonlySet<unknown> = new Set(['tools/call', 'prompts/get']);
const LOCATED: ReadonlySet<unknown> = new Set(['resources/read', 'resources/subscribe', 'resources/unsubscribe']);

function prefixed(body: string, server: string): string {
  if (body === '') return body;
  const message = JSON.parse(body) as Json;
  const params = message['params'] as Json | undefined;
  if (params === undefined) return body;
  if (NAMED.has(message['method'])) params['name'] = `${server}__${String(params['name'])}`;
  if (LOCATED.has(message['method'])) params['uri'] = `${server}+${String(params['uri'])}`;
  const ref = params['ref'] as Record<string, string> | undefined;
  if (ref?.['name'] !== undefined) ref['name'] = `${server}__${ref['name']}`;
  if (ref?.['uri'] !== undefined) ref['uri'] = `${server}+${ref['uri']}`;
  return JSON.stringify(message);
}
