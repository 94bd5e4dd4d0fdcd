// For tests: an MCP server that answers each request as it is told, faults included; and servers as the gateway calls them.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { Backend, DEFAULT_BALANCE, NO_LIMITS } from '#core/attempt/backend';
import { DEFAULT_HEALTH_CHECK, type PassiveHealthCheck } from '#core/attempt/health';
import type { Connections } from '#core/http/client';

import type { ServerCall } from './call.ts';
import type { McpServer } from './server.ts';

/** A request as the server got it. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Settles when the answer has ended or its connection has. */
  readonly closed: Promise<void>;
}

/** What the server does with one request. */
export type FakeScript = (response: ServerResponse, seen: Seen) => void | Promise<void>;

export interface FakeServer {
  readonly port: number;
  readonly seen: readonly Seen[];
  /** Connections that were ever opened. */
  readonly connections: number;
  /** The n-th request from now on gets the n-th script; the last one stays. */
  script(...scripts: readonly FakeScript[]): void;
  close(): Promise<void>;
}

export async function startFake(...first: readonly FakeScript[]): Promise<FakeServer> {
  const seen: Seen[] = [];
  let connections = 0;
  let scripts = [...first];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const closed = new Promise<void>((resolve) => response.on('close', resolve));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const one: Seen = {
      method: request.method!,
      path: request.url!,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      closed,
    };
    seen.push(one);
    await (scripts.length > 1 ? scripts.shift()! : scripts[0]!)(response, one);
  };
  const http = createServer((request, response) => void serve(request, response));
  http.on('connection', (socket) => {
    connections++;
    socket.setNoDelay(true);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    port: (http.address() as AddressInfo).port,
    seen,
    get connections() {
      return connections;
    },
    script: (...next) => void (scripts = [...next]),
    close: () => {
      http.closeAllConnections();
      return new Promise((resolve) => http.close(() => resolve()));
    },
  };
}

// Scripts.

/** A whole answer. An object goes as JSON. */
export function answer(status: number, body: object | string = '', headers: Readonly<Record<string, string>> = {}): FakeScript {
  return (response) => {
    const type = typeof body === 'string' ? {} : { 'content-type': 'application/json' };
    response.writeHead(status, { ...type, ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

export const accepted = answer(202);

export const hang: FakeScript = (_response, { closed }) => closed;

export const reset: FakeScript = (response) => void response.socket!.resetAndDestroy();

/** Bytes instead of HTTP. */
export function garbage(text: string): FakeScript {
  return (response) => void response.socket!.end(text);
}

export interface EventsOptions {
  /** What follows the last piece. @default end */
  readonly close?: 'end' | 'reset' | 'hang';
  /** Before each piece. @default 0 */
  readonly pauseMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A stream that is written in these pieces, whatever they cut apart. */
export function events(pieces: readonly (string | Buffer)[], { close = 'end', pauseMs = 0, headers = {} }: EventsOptions = {}): FakeScript {
  return async (response, { closed }) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
    response.flushHeaders();
    for (const piece of pieces) {
      if (pauseMs > 0) await sleep(pauseMs);
      await new Promise((resolve) => response.write(piece, resolve));
    }
    // What was written is to be read before the connection breaks.
    if (close === 'reset') await sleep(30);
    if (close === 'reset') response.socket?.resetAndDestroy();
    else if (close === 'end') response.end();
    else await closed;
  };
}

/** A response of JSON-RPC. */
export function response(id: number | string, result: object): object {
  return { jsonrpc: '2.0', id, result };
}

/** An error of JSON-RPC. */
export function rpcError(id: number | string | null, code: number, message = 'no', data?: object): object {
  return { jsonrpc: '2.0', id, error: { code, message, ...(data && { data }) } };
}

/** An answer for each method of JSON-RPC; for the methods of HTTP without a body by their own name. */
export function byMethod(scripts: Readonly<Record<string, FakeScript>>): FakeScript {
  return (reply, seen) => {
    const method = seen.body === '' ? seen.method : (JSON.parse(seen.body) as { method: string }).method;
    return (scripts[method] ?? answer(404))(reply, seen);
  };
}

// Servers as the gateway calls them.

export interface ServerAtOptions extends Partial<Omit<McpServer, 'backend'>> {
  readonly maxParallelRequests?: number;
  readonly check?: Partial<PassiveHealthCheck>;
}

export interface ServerAt extends McpServer {
  readonly backend: Backend;
}

/** @param connections closed by the test */
export function serverAt(connections: Connections, port: number, { maxParallelRequests, check, ...more }: ServerAtOptions = {}): ServerAt {
  const origin = { host: '127.0.0.1', port, tls: undefined };
  const backend = new Backend({
    name: `default/at-${port}`,
    endpoints: [{ origin, hostHeader: `127.0.0.1:${port}`, pool: connections.pool(origin) }],
    limits: { ...NO_LIMITS, ...(maxParallelRequests !== undefined && { maxParallelRequests }) },
    balance: DEFAULT_BALANCE,
    check: { ...DEFAULT_HEALTH_CHECK, ...check },
  });
  return { name: 'server', path: '/mcp', credential: undefined, forwardHeaders: [], ...more, backend };
}

/** A call with room for everything. */
export function callOf(more: Partial<ServerCall> = {}): ServerCall {
  return {
    method: 'POST',
    headers: [],
    signal: new AbortController().signal,
    headMs: 10_000,
    idleMs: 10_000,
    maxBytes: 1_000_000,
    ...more,
  };
}

/** A request of JSON-RPC. */
export function request(id: number, method: string, params: object = {}): Buffer {
  return Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
}
