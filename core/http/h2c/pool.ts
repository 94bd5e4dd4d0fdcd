import { Dispatcher, errors } from 'undici';

import type { ConnectionSettings } from '../client.ts';
import { hostHeader, type Origin } from '../origin.ts';
import { type ConnectionWatch, H2cConnection } from './connection.ts';
import { H2cRequest } from './request.ts';

/**
 * Connections to one origin that speaks HTTP/2 without TLS, by prior knowledge (RFC 9113, section 3.3). Many requests share one; another is
 * opened when all have as many streams as their server takes. undici's own client for HTTP/2 (7.30) cuts every stream when the server says
 * that it will go away, and sends one request with a body at a time.
 */
export class H2cPool extends Dispatcher {
  readonly #origin: Origin;
  readonly #authority: string;
  readonly #settings: ConnectionSettings;
  readonly #connections = new Set<H2cConnection>();
  /** Retired ones among others: closed when their last stream has ended. */
  readonly #open = new Set<H2cConnection>();
  #queue: H2cRequest[] = [];
  /** Streams that the last connection took. */
  #usualLimit = 100;
  #closing: 'no' | 'closed' | 'destroyed' = 'no';
  readonly #onClosed: (() => void)[] = [];
  readonly #watch: ConnectionWatch = {
    onRoom: () => this.#serve(),
    onAgain: (request) => {
      if (this.#closing === 'destroyed') request.abort(new errors.ClientDestroyedError());
      else this.#queue.unshift(request);
    },
    onGone: (connection, error) => this.#gone(connection, error),
    onClosed: (connection) => {
      this.#open.delete(connection);
      this.#settle();
    },
  };
  /** For handlers of the older sort, such as those behind `request`: what is composed turns them into the newer. */
  readonly #older = this.compose((dispatch) => (options, handler) => dispatch(options, handler));

  constructor(origin: Origin, settings: ConnectionSettings) {
    super();
    this.#origin = origin;
    this.#authority = hostHeader(origin);
    this.#settings = settings;
  }

  /** Requests that run, and those that wait for a connection. */
  get size(): number {
    let size = this.#queue.length;
    for (const { streams } of this.#open) size += streams;
    return size;
  }

  /** Those that take requests, or will. */
  get connections(): number {
    return this.#connections.size;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler.onRequestStart === undefined) return this.#older.dispatch(options, handler);
    let request: H2cRequest;
    try {
      request = new H2cRequest(options, handler, this.#authority);
    } catch (error) {
      refuse(handler, error as Error);
      return true;
    }
    if (this.#closing !== 'no') {
      request.abort(this.#closing === 'closed' ? new errors.ClientClosedError() : new errors.ClientDestroyedError());
      return true;
    }
    request.announce();
    if (request.over) return true;
    this.#queue.push(request);
    this.#serve();
    return true;
  }

  /** Takes no more requests, and waits for those that are there. */
  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    if (callback === undefined) return new Promise((resolve) => this.close(resolve));
    this.#onClosed.push(callback);
    if (this.#closing === 'no') this.#closing = 'closed';
    if (this.#queue.length === 0) for (const connection of this.#connections) connection.retire();
    this.#settle();
  }

  /** Ends everything at once. */
  override destroy(): Promise<void>;
  override destroy(error: Error | null): Promise<void>;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(first?: Error | null | (() => void), second?: () => void): Promise<void> | void {
    const error = first instanceof Error ? first : new errors.ClientDestroyedError();
    this.#closing = 'destroyed';
    for (const request of this.#queue.splice(0)) request.abort(error);
    for (const connection of this.#open) connection.destroy();
    const callback = typeof first === 'function' ? first : second;
    if (callback === undefined) return this.close();
    this.close(callback);
  }

  #serve(): void {
    let request: H2cRequest | undefined;
    while ((request = this.#queue[0]) !== undefined) {
      if (!request.over) {
        const connection = this.#withRoom();
        if (connection === undefined) break;
        this.#queue.shift();
        connection.send(request);
      } else this.#queue.shift();
    }
    this.#widen();
    if (this.#closing === 'closed' && this.#queue.length === 0) for (const connection of this.#connections) connection.retire();
  }

  /** The one with the fewest streams. */
  #withRoom(): H2cConnection | undefined {
    let best: H2cConnection | undefined;
    for (const connection of this.#connections)
      if (connection.hasRoom() && (best === undefined || connection.streams < best.streams)) best = connection;
    return best;
  }

  /** As many new connections as what waits will need. */
  #widen(): void {
    let connecting = 0;
    for (const connection of this.#connections) {
      // One that takes no streams for now is as good as one that is not there yet.
      if (connection.connecting || connection.limit === 0) connecting++;
      else this.#usualLimit = connection.limit;
    }
    const wanted = Math.ceil(this.#queue.length / this.#usualLimit);
    const most = Math.max(1, this.#settings.maxConnections);
    for (; connecting < wanted && this.#connections.size < most; connecting++) {
      const connection = new H2cConnection(this.#origin, this.#settings, this.#watch);
      this.#connections.add(connection);
      this.#open.add(connection);
    }
  }

  #gone(connection: H2cConnection, error: Error | undefined): void {
    if (!this.#connections.delete(connection)) return;
    if (error === undefined) {
      if (this.#closing !== 'destroyed') this.#widen();
      return;
    }
    // What waits is served by the connections that there are; another is tried when one of them has room, not at once.
    if (this.#connections.size === 0) for (const request of this.#queue.splice(0)) request.abort(error);
  }

  #settle(): void {
    if (this.#closing === 'no' || this.#open.size > 0 || this.#queue.length > 0) return;
    for (const resolve of this.#onClosed.splice(0)) resolve();
  }
}

function refuse(handler: Dispatcher.DispatchHandler, error: Error): void {
  const controller = {
    aborted: true,
    paused: false,
    reason: error,
    abort: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
  };
  handler.onResponseError?.(controller, error);
}
