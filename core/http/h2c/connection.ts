import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';

import { errors } from 'undici';

import type { ConnectionSettings } from '../client.ts';
import { lookupElsewhere } from '../local-address.ts';
import { type Origin, originUrl } from '../origin.ts';
import type { H2cRequest } from './request.ts';

/** Streams of one connection at most, whatever the server would take: they share one window and one thread of the server. */
const MOST_STREAMS = 100;

/** What answers on the port does not begin with HTTP/2. Nothing of a request was sent. */
export class NotHttp2 extends Error {
  override readonly name = 'NotHttp2';
  readonly code = 'ERR_NOT_HTTP2';
}

/** What a connection tells its pool. */
export interface ConnectionWatch {
  /** There may be room for a request. */
  onRoom(): void;
  /** Refused untouched by the server: another connection may take it. */
  onAgain(request: H2cRequest): void;
  /** @param error it never came to be; undefined: it takes no more requests */
  onGone(connection: H2cConnection, error: Error | undefined): void;
  /** Its last stream has ended, and there will be none. */
  onClosed(connection: H2cConnection): void;
}

/** One connection that speaks HTTP/2 from its first byte (RFC 9113, section 3.3). It is open once the server's settings are there. */
export class H2cConnection {
  /** Streams that the server takes at a time; 0 until that is known. */
  limit = 0;
  readonly #settings: ConnectionSettings;
  readonly #watch: ConnectionWatch;
  readonly #session: ClientHttp2Session;
  readonly #openedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #state: 'connecting' | 'open' | 'retired' = 'connecting';
  #failure: Error | undefined;
  #idle: NodeJS.Timeout | undefined;
  #ping: NodeJS.Timeout | undefined;
  #streams = 0;
  #served = 0;

  constructor(origin: Origin, settings: ConnectionSettings, watch: ConnectionWatch) {
    this.#settings = settings;
    this.#watch = watch;
    const { connectTimeoutMs, tcpKeepAliveMs, addressFamily } = settings;
    const where = `${origin.host}:${origin.port}`;
    const socket = connectSocket({
      host: origin.host,
      port: origin.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveMs,
      ...(addressFamily === 0 ? {} : { family: addressFamily }),
      ...(origin.elsewhere === true ? { lookup: lookupElsewhere } : {}),
    });
    const session = connect(originUrl(origin), { createConnection: () => socket, settings: { enablePush: false } });
    this.#session = session;
    this.#timer = setTimeout(() => {
      const silent = new NotHttp2(`${where} said nothing of HTTP/2 within ${connectTimeoutMs} ms (appProtocol kubernetes.io/h2c)`);
      session.destroy(
        socket.connecting ? new errors.ConnectTimeoutError(`no connection to ${where} within ${connectTimeoutMs} ms`) : silent,
      );
    }, connectTimeoutMs);
    session.on('remoteSettings', ({ maxConcurrentStreams = MOST_STREAMS }) => {
      clearTimeout(this.#timer);
      this.limit = Math.min(MOST_STREAMS, maxConcurrentStreams);
      if (this.#state === 'connecting') this.#state = 'open';
      this.#rest();
      watch.onRoom();
    });
    session.on('error', (error: NodeJS.ErrnoException) => {
      this.#failure =
        error.code === 'ERR_HTTP2_ERROR' ? new NotHttp2(`${where} does not speak HTTP/2 (appProtocol kubernetes.io/h2c)`) : error;
    });
    session.on('close', () => {
      clearTimeout(this.#timer);
      clearTimeout(this.#idle);
      clearTimeout(this.#ping);
      const early = this.#state === 'connecting';
      this.#state = 'retired';
      if (early) this.#failure ??= new NotHttp2(`${where} closed the connection before it spoke HTTP/2 (appProtocol kubernetes.io/h2c)`);
      watch.onGone(this, early ? this.#failure : undefined);
      watch.onClosed(this);
    });
  }

  get connecting(): boolean {
    return this.#state === 'connecting';
  }

  get streams(): number {
    return this.#streams;
  }

  /** Whether it takes a request now. */
  hasRoom(): boolean {
    if (this.#state !== 'open') return false;
    const { maxAgeMs, maxRequestsPerConnection = Infinity } = this.#settings;
    // Node closes a session whose server says that it will go away.
    const { closed, destroyed } = this.#session;
    const old = this.#served > 0 && performance.now() - this.#openedAt > maxAgeMs;
    if (closed || destroyed || old || this.#served >= maxRequestsPerConnection) {
      this.retire();
      return false;
    }
    return this.#streams < this.limit;
  }

  send(request: H2cRequest): void {
    this.#streams++;
    this.#served++;
    clearTimeout(this.#idle);
    this.#session.ref();
    try {
      request.send(this.#session, (again) => this.#closed(request, again));
    } catch (error) {
      this.#streams--;
      this.#rest();
      // What can be in headers was seen to before; what else is wrong with them is the request's fault.
      request.abort(new errors.InvalidArgumentError(error instanceof Error ? error.message : String(error)));
    }
  }

  /** Takes no more requests; those that run go on to their end. */
  retire(): void {
    if (this.#state === 'retired') return;
    const connecting = this.connecting;
    this.#state = 'retired';
    if (connecting) this.#session.destroy();
    else this.#closeUnused();
    this.#watch.onGone(this, undefined);
  }

  destroy(): void {
    this.retire();
    this.#session.destroy();
  }

  #closed(request: H2cRequest, again: boolean): void {
    this.#streams--;
    this.#rest();
    if (request.aborted && request.unanswered) this.#probe();
    if (again) this.#watch.onAgain(request);
    this.#watch.onRoom();
  }

  /** A session that is told to close takes no stream down, but for those that are about to be opened. */
  #closeUnused(): void {
    if (this.#streams === 0 && !this.#session.closed) this.#session.close();
  }

  /** Without streams it does not keep the process alive, nor itself for long. */
  #rest(): void {
    if (this.#streams > 0) return;
    this.#session.unref();
    if (this.#state === 'retired') this.#closeUnused();
    if (this.#state !== 'open') return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.retire(), this.#settings.keepAliveMs).unref();
  }

  /** A request got no answer. All share one connection: one that nobody listens to any more would take them all down. */
  #probe(): void {
    if (this.#ping !== undefined || this.#state !== 'open' || this.#session.destroyed) return;
    const { connectTimeoutMs } = this.#settings;
    this.#ping = setTimeout(
      () => this.#session.destroy(new errors.SocketError(`no answer to a ping within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    ).unref();
    this.#session.ping(() => {
      clearTimeout(this.#ping);
      this.#ping = undefined;
    });
  }
}
