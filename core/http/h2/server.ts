import { createServer, type Http2Server, type ServerHttp2Session, type ServerOptions } from 'node:http2';
import type { Socket } from 'node:net';

import type { Handler } from '../server.ts';
import { asHttp1, Http2Request, Http2Response } from './exchange.ts';

/** What one connection may make us do and keep. */
const LIMITS: ServerOptions = {
  settings: {
    maxConcurrentStreams: 100,
    maxHeaderListSize: 32 * 1024,
    // A body is taken at 20 Mbit/s and more over 100 ms of way.
    initialWindowSize: 256 * 1024,
    enablePush: false,
  },
  maxHeaderListPairs: 256,
  /** Megabytes. */
  maxSessionMemory: 16,
  maxSettings: 16,
  maxSessionInvalidFrames: 100,
  maxSessionRejectedStreams: 50,
  maxOutstandingPings: 10,
  // Clients leave streams, but not hundreds at once (CVE-2023-44487).
  streamResetBurst: 200,
  streamResetRate: 20,
};
const CONNECTION_WINDOW = 1024 * 1024;
/** For the answer to the ping that follows the notice of a stop. */
const NOTICE_MS = 1000;
/** For a client to close its side of a connection that we have closed. */
const LINGER_MS = 2000;
/** All streams, also those that are on their way to us (RFC 9113, section 6.8). */
const ANY_STREAM = 2 ** 31 - 1;

export interface Http2Settings {
  /** For the first request of a connection. */
  readonly firstMs: number;
  /** Time without a request after which a connection is closed. */
  idleMs(): number;
}

/** The HTTP/2 side of a listening address: connections are given to it, and it never listens itself. */
export class Http2Front {
  readonly #settings: Http2Settings;
  readonly #server: Pick<Http2Server, 'emit'>;
  readonly #connections = new Set<Connection>();
  #accepted: Socket | undefined;
  #stopped = false;

  constructor(settings: Http2Settings, handler: Handler) {
    this.#settings = settings;
    const options = { ...LIMITS, Http2ServerRequest: Http2Request, Http2ServerResponse: Http2Response };
    const server = createServer(options, (request, response) => {
      if (request.malformed === undefined) handler(...asHttp1(request, response), request.target);
      else response.writeHead(400, { 'content-type': 'text/plain' }).end(`${request.malformed}\n`);
    });
    server.on('session', (session) => this.#opened(session));
    this.#server = server;
  }

  accept(socket: Socket): void {
    // Its session is told before this returns; what a session shows of its socket lets nobody close it.
    this.#accepted = socket;
    this.#server.emit('connection', socket);
  }

  /** Takes no new requests, but for those on their way; connections close with their last answer. */
  stop(): void {
    this.#stopped = true;
    for (const connection of this.#connections) connection.leave();
  }

  cut(): void {
    for (const connection of this.#connections) connection.cut();
  }

  #opened(session: ServerHttp2Session): void {
    const connection = new Connection(session, this.#accepted!, this.#settings);
    this.#connections.add(connection);
    session.once('close', () => this.#connections.delete(connection));
    if (this.#stopped) connection.leave();
  }
}

class Connection {
  readonly #session: ServerHttp2Session;
  readonly #socket: Socket;
  readonly #settings: Http2Settings;
  #streams = 0;
  #limitMs: number;
  #restingSince = performance.now();
  #timer: NodeJS.Timeout;

  constructor(session: ServerHttp2Session, socket: Socket, settings: Http2Settings) {
    this.#session = session;
    this.#socket = socket;
    this.#settings = settings;
    this.#limitMs = settings.firstMs;
    this.#timer = setTimeout(() => this.#rest(), this.#limitMs).unref();
    // A listener for HTTP/1.1 leaves our side open when the client has closed its own.
    socket.once('end', () => this.cut());
    session.setLocalWindowSize(CONNECTION_WINDOW);
    session.on('stream', (stream) => {
      this.#streams++;
      stream.once('close', () => {
        this.#streams--;
        this.#limitMs = this.#settings.idleMs();
        this.#restingSince = performance.now();
      });
    });
    session.once('close', () => {
      clearTimeout(this.#timer);
      this.#linger();
    });
  }

  /** Tells the client first, and stops when it must have heard: no request is lost that crosses the notice. */
  leave(): void {
    const session = this.#session;
    if (session.closed || session.destroyed) return;
    const close = (): void => {
      clearTimeout(late);
      this.#close();
    };
    const late = setTimeout(close, NOTICE_MS);
    session.goaway(0, ANY_STREAM);
    if (!session.ping(close)) close();
  }

  cut(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  /** Pings and settings are no use of a connection: only requests keep it. */
  #rest(): void {
    const rested = this.#streams > 0 ? 0 : performance.now() - this.#restingSince;
    if (rested >= this.#limitMs) this.#close();
    else this.#timer = setTimeout(() => this.#rest(), Math.max(1, this.#limitMs - rested)).unref();
  }

  #close(): void {
    const session = this.#session;
    if (!session.closed && !session.destroyed) session.close();
  }

  #linger(): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
    socket.once('close', () => clearTimeout(timer));
  }
}
