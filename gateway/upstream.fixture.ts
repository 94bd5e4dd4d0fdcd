// For tests: a backend on a raw socket that answers each request as it is told, faults included.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants, createGzip, gzipSync } from 'node:zlib';

/** A request as the backend got it. */
export interface Received {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** In their order, repeated ones included. */
  readonly lines: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  /** Settles when the connection that it came on has ended, with the time of `performance.now()`. */
  readonly closed: Promise<number>;
}

/** What a backend does with one request. The socket is its own until the promise settles. */
export type Script = (socket: net.Socket, request: Received) => void | Promise<void>;

export class Upstream {
  readonly requests: Received[] = [];
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #scripts: Script[];

  constructor(scripts: readonly Script[]) {
    this.#scripts = [...scripts];
    this.#server = net.createServer((socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // Resets are the business of these tests.
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
      void this.#serve(socket);
    });
  }

  /** The n-th request from now on gets the n-th script; the last script stays. */
  script(...scripts: readonly Script[]): void {
    this.#scripts = [...scripts];
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #serve(socket: net.Socket): Promise<void> {
    const closed = new Promise<number>((resolve) => socket.on('close', () => resolve(performance.now())));
    let buffer = Buffer.alloc(0);
    let wake: (() => void) | undefined;
    socket.on('data', (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);
      wake?.();
    });
    void closed.then(() => wake?.());
    for (;;) {
      const request = parse(buffer, closed);
      if (request === undefined) {
        if (socket.destroyed) return;
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      buffer = buffer.subarray(request.bytes);
      this.requests.push(request.received);
      const script = this.#scripts.length > 1 ? this.#scripts.shift()! : this.#scripts[0]!;
      await script(socket, request.received);
    }
  }
}

export async function startUpstream(...scripts: readonly Script[]): Promise<Upstream> {
  const upstream = new Upstream(scripts);
  await upstream.listen();
  return upstream;
}

function parse(buffer: Buffer, closed: Promise<number>): { received: Received; bytes: number } | undefined {
  const end = buffer.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first, ...rest] = buffer.toString('latin1', 0, end).split('\r\n');
  const [method, path] = first!.split(' ');
  const lines = rest.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()] as const);
  const headers = Object.fromEntries(lines);
  const length = Number(headers['content-length'] ?? 0);
  const bytes = end + 4 + length;
  if (buffer.length < bytes) return undefined;
  return { received: { method: method!, path: path!, headers, lines, body: Buffer.from(buffer.subarray(end + 4, bytes)), closed }, bytes };
}

// Scripts.

type Headers = Readonly<Record<string, string | readonly string[]>>;

function head(status: number, headers: Headers): string {
  const lines = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`));
  return `HTTP/1.1 ${status} Status\r\n${lines.join('')}\r\n`;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const SSE_TYPE = { 'content-type': 'text/event-stream; charset=utf-8', 'transfer-encoding': 'chunked' };

function chunk(data: string | Buffer): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

/** A whole answer with a content length. An object goes as JSON. */
export function answer(status: number, body: object | string, headers: Headers = {}): Script {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return (socket) => {
    socket.write(Buffer.concat([Buffer.from(head(status, { ...JSON_TYPE, 'content-length': String(bytes.length), ...headers })), bytes]));
  };
}

export const hang: Script = (_socket, request) => request.closed.then(() => undefined);

export const resetBeforeHead: Script = (socket) => {
  socket.resetAndDestroy();
};

export const endBeforeHead: Script = (socket) => {
  socket.end();
};

/** Bytes as they are, then what is to become of the connection. */
export function raw(text: string | Buffer, close: 'end' | 'reset' | 'hang' = 'end'): Script {
  return async (socket, request) => {
    await new Promise((resolve) => socket.write(text, resolve));
    // The bytes are to be read before the connection breaks: a reset overtakes what is not.
    if (close === 'reset') await sleep(20);
    if (close === 'reset') socket.resetAndDestroy();
    else if (close === 'end') socket.end();
    else await request.closed;
  };
}

export function headThen(close: 'end' | 'reset' | 'hang', stream: boolean): Script {
  return raw(head(200, stream ? SSE_TYPE : { ...JSON_TYPE, 'content-length': '500' }), close);
}

/** A body that is shorter than its content length says. */
export function shortBody(body: object, close: 'end' | 'reset' | 'hang'): Script {
  const text = JSON.stringify(body);
  return raw(head(200, { ...JSON_TYPE, 'content-length': String(text.length) }) + text.slice(0, text.length / 2), close);
}

/** A chunked body without its last chunk, cut in the middle of the text. */
export function shortChunked(body: object, close: 'end' | 'reset' | 'hang'): Script {
  const text = JSON.stringify(body);
  return raw(
    Buffer.concat([Buffer.from(head(200, { ...JSON_TYPE, 'transfer-encoding': 'chunked' })), chunk(text.slice(0, text.length / 2))]),
    close,
  );
}

export interface SseOptions {
  /** Pause before each event. @default 0 */
  readonly pauseMs?: number;
  /** What follows the last event; `cut` ends the connection without the last chunk. @default end */
  readonly close?: 'end' | 'cut' | 'reset' | 'hang';
  readonly headers?: Headers;
}

/** A stream of blocks, each with its blank line, one chunk of the transfer coding each. */
export function sse(events: readonly string[], { pauseMs = 0, close = 'end', headers = {} }: SseOptions = {}): Script {
  return async (socket, request) => {
    socket.write(head(200, { ...SSE_TYPE, ...headers }));
    for (const event of events) {
      if (pauseMs > 0) await sleep(pauseMs);
      if (socket.destroyed) return;
      socket.write(chunk(event));
    }
    if (close === 'end') socket.write('0\r\n\r\n');
    else if (close === 'cut') socket.end();
    else if (close === 'hang') await request.closed;
    else {
      await sleep(20);
      socket.resetAndDestroy();
    }
  };
}

/** Events in gzip, flushed one by one. */
export function gzipSse(events: readonly string[], close: 'end' | 'cut' = 'end'): Script {
  return async (socket) => {
    socket.write(head(200, { ...SSE_TYPE, 'content-encoding': 'gzip' }));
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.on('data', (bytes: Buffer) => socket.write(chunk(bytes)));
    for (const event of events) {
      await new Promise((resolve) => gzip.write(event, resolve));
      await sleep(2);
    }
    if (close === 'cut') {
      socket.end();
      return;
    }
    await new Promise((resolve) => gzip.on('end', resolve).end());
    socket.write('0\r\n\r\n');
  };
}

export function gzipJson(body: object): Script {
  const bytes = gzipSync(JSON.stringify(body));
  return (socket) => {
    socket.write(
      Buffer.concat([Buffer.from(head(200, { ...JSON_TYPE, 'content-encoding': 'gzip', 'content-length': String(bytes.length) })), bytes]),
    );
  };
}

/** Waits, and stops when the connection has gone. */
export function slow(ms: number, script: Script): Script {
  return async (socket, request) => {
    await sleep(ms);
    if (!socket.destroyed) await script(socket, request);
  };
}
