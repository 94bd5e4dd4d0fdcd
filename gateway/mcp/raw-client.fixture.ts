// For tests: an MCP client that sends what it is told to, byte for byte.
import http, { type IncomingHttpHeaders } from 'node:http';

import { type Arrived, arrivedOf } from './upstream/inbox.ts';
import { SseScanner } from '#core/http/sse';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The last JSON-RPC message in it. */
  readonly message: RpcJson;
  /** All of a stream. */
  readonly events: readonly RpcJson[];
}

export type RpcJson = Record<string, unknown> & { readonly result?: Json; readonly error?: { code: number; message: string } };
export type Json = Record<string, unknown>;

export type Headers = Readonly<Record<string, string | undefined>>;

const ACCEPT = 'application/json, text/event-stream';

/** Sends one request. @param signal cuts the connection */
export function send(
  url: string,
  {
    method = 'POST',
    body = '',
    headers = {},
    signal,
  }: { method?: string; body?: string | object; headers?: Headers; signal?: AbortSignal },
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const all: Record<string, string> = {};
    const wanted = { accept: ACCEPT, ...(method === 'POST' && { 'content-type': 'application/json' }), ...headers };
    for (const [name, value] of Object.entries(wanted)) if (value !== undefined) all[name] = value;
    const request = http.request(url, { method, headers: all, agent: false, ...(signal && { signal }) }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve(read(response.statusCode!, response.headers, Buffer.concat(chunks))));
      response.on('error', reject);
    });
    request.on('error', reject).end(text);
  });
}

function read(status: number, headers: IncomingHttpHeaders, bytes: Buffer): RawAnswer {
  const text = bytes.toString();
  const isStream = headers['content-type']?.startsWith('text/event-stream') === true;
  const events = isStream ? messagesOf(bytes) : text.startsWith('{') ? [JSON.parse(text) as RpcJson] : [];
  return { status, headers, text, events, message: events.at(-1) ?? {} };
}

function messagesOf(bytes: Buffer): RpcJson[] {
  const messages: RpcJson[] = [];
  new SseScanner({ onEvent: (_raw, event) => add(messages, arrivedOf(event)) }).push(bytes);
  return messages;
}

function add(messages: RpcJson[], arrived: Arrived | undefined): void {
  if (arrived?.data !== undefined) messages.push(JSON.parse(arrived.data.toString()) as RpcJson);
}

let lastId = 100;

export function requestOf(method: string, params: object = {}): Json & { readonly id: number } {
  return { jsonrpc: '2.0', id: ++lastId, method, params };
}

/** A session of a client. */
export interface RawSession {
  readonly url: string;
  readonly id: string;
  readonly hello: RawAnswer;
  readonly headers: Headers;
  ask(method: string, params?: object, headers?: Headers): Promise<RawAnswer>;
  /** What needs no answer; or a whole message. */
  post(message: object | string, headers?: Headers): Promise<RawAnswer>;
  delete(): Promise<RawAnswer>;
  stream(headers?: Headers): Promise<RawStream>;
  /** The same session at another gateway. */
  at(url: string): RawSession;
}

export async function initialize(url: string, headers: Headers = {}, capabilities: object = {}): Promise<RawSession> {
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'raw', version: '1' } };
  const hello = await send(url, { body: requestOf('initialize', params), headers });
  return sessionAt(url, hello, { ...headers, 'mcp-session-id': hello.headers['mcp-session-id'] as string });
}

function sessionAt(url: string, hello: RawAnswer, headers: Headers): RawSession {
  return {
    url,
    id: headers['mcp-session-id']!,
    hello,
    headers,
    ask: (method, params, more) => send(url, { body: requestOf(method, params), headers: { ...headers, ...more } }),
    post: (message, more) => send(url, { body: message, headers: { ...headers, ...more } }),
    delete: () => send(url, { method: 'DELETE', headers }),
    stream: (more) => openStream(url, { ...headers, ...more }),
    at: (other) => sessionAt(other, hello, headers),
  };
}

export interface RawStream {
  readonly status: number;
  readonly messages: readonly RpcJson[];
  readonly ids: readonly string[];
  readonly ended: boolean;
  close(): void;
}

/** Opens a stream by GET, or by what a POST is answered with. */
export function openStream(url: string, headers: Headers, body?: object): Promise<RawStream> {
  return new Promise((resolve, reject) => {
    const all: Record<string, string> = {};
    const type = body === undefined ? { accept: 'text/event-stream' } : { accept: ACCEPT, 'content-type': 'application/json' };
    for (const [name, value] of Object.entries({ ...type, ...headers })) if (value !== undefined) all[name] = value;
    const request = http.request(url, { method: body === undefined ? 'GET' : 'POST', headers: all, agent: false }, (response) => {
      const messages: RpcJson[] = [];
      const ids: string[] = [];
      let ended = false;
      const scanner = new SseScanner({
        onEvent: (_raw, event) => {
          if (event.id !== undefined) ids.push(event.id);
          add(messages, arrivedOf(event));
        },
      });
      response.on('data', (chunk: Buffer) => scanner.push(chunk));
      response.on('close', () => (ended = true)).on('error', () => undefined);
      resolve({
        status: response.statusCode!,
        messages,
        ids,
        get ended() {
          return ended;
        },
        close: () => void request.destroy(),
      });
    });
    request.on('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}
