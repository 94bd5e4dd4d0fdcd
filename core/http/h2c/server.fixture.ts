// For tests: servers of HTTP/2 without TLS, and what is heard of a request.
import { createServer, type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createRawServer, connect } from 'node:net';

import type { Dispatcher } from 'undici';

import { DEFAULT_CONNECTIONS } from '../client.ts';
import type { ConnectionSettings } from '../client.ts';
import type { Origin } from '../origin.ts';
import { H2cPool } from './pool.ts';

export interface TestServer {
  readonly origin: Origin;
  readonly http2: Http2Server;
  readonly sessions: ServerHttp2Session[];
  /** Headers of the requests, in the order in which they came. */
  readonly seen: (IncomingHttpHeaders & { readonly ':path': string })[];
  close(): Promise<void>;
}

export type Answer = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: string) => unknown;

/** @param answer called when the body of a request is there */
export async function startH2c(answer: Answer, options: { maxConcurrentStreams?: number } = {}): Promise<TestServer> {
  const http2 = createServer({ settings: { maxConcurrentStreams: options.maxConcurrentStreams ?? 1000 } });
  const sessions: ServerHttp2Session[] = [];
  const seen: TestServer['seen'] = [];
  http2.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => undefined);
  });
  http2.on('sessionError', () => undefined);
  http2.on('stream', (stream, headers) => {
    seen.push({ ...headers, ':path': headers[':path'] ?? '' });
    stream.on('error', () => undefined);
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => answer(stream, headers, Buffer.concat(chunks).toString()));
  });
  await new Promise<void>((resolve) => http2.listen(0, '127.0.0.1', resolve));
  const { port } = http2.address() as AddressInfo;
  return {
    origin: { host: '127.0.0.1', port, tls: undefined, protocol: 'h2c' },
    http2,
    sessions,
    seen,
    close: () =>
      new Promise((resolve) => {
        http2.close(() => resolve());
        for (const session of sessions) session.destroy();
      }),
  };
}

/** A server that takes connections, and does with their bytes what it wants. */
export async function startRaw(onConnection: (socket: Socket) => void): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createRawServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Passes all bytes on in small pieces, in both directions. */
export function startSplitter(port: number, bytes: number) {
  const pass = (from: Socket, to: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      for (let at = 0; at < chunk.length; at += bytes) to.write(chunk.subarray(at, at + bytes));
    });
    from.on('close', () => to.destroy());
  };
  return startRaw((client) => {
    const server = connect({ port, host: '127.0.0.1', noDelay: true });
    server.on('error', () => undefined);
    client.setNoDelay(true);
    pass(client, server);
    pass(server, client);
  });
}

export function poolTo(origin: Origin, settings: Partial<ConnectionSettings> = {}): H2cPool {
  return new H2cPool(origin, { ...DEFAULT_CONNECTIONS, ...settings });
}

/** What a handler of undici hears. */
export class Heard implements Dispatcher.DispatchHandler {
  controller: Dispatcher.DispatchController | undefined;
  status: number | undefined;
  headers: IncomingHttpHeaders = {};
  trailers: IncomingHttpHeaders | undefined;
  body = '';
  error: (Error & { code?: string }) | undefined;
  /** Ends that were told: one is right. */
  ends = 0;
  readonly over: Promise<Heard>;
  #onOver: (heard: Heard) => void = () => undefined;
  readonly #waiting: { readonly until: (heard: Heard) => boolean; readonly resolve: () => void }[] = [];

  constructor() {
    this.over = new Promise((resolve) => (this.#onOver = resolve));
  }

  /** Resolves once something holds. */
  until(holds: (heard: Heard) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ until: holds, resolve });
      this.#look();
    });
  }

  #look(): void {
    for (const waiter of this.#waiting) if (waiter.until(this)) waiter.resolve();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    this.status = status;
    this.headers = headers;
    this.#look();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.body += chunk.toString();
    this.#look();
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.trailers = trailers;
    this.#ended();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.error = error;
    this.#ended();
  }

  #ended(): void {
    this.ends++;
    this.#onOver(this);
    this.#look();
  }
}

/** A request, and what is heard of it. */
export function ask(pool: Dispatcher, options: Partial<Dispatcher.DispatchOptions> = {}): Heard {
  const heard = new Heard();
  pool.dispatch({ method: 'POST', path: '/', headers: [], body: Buffer.from('x'), ...options }, heard);
  return heard;
}
