import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { UpgradeResponse } from '../http/upgrade.ts';

/** The answer to the client: a head once, then bytes, then an end or a cut. */
export class Reply {
  readonly response: ServerResponse;
  /** Headers that every answer of this request carries: CORS, request id, asked-for debug headers. */
  readonly extra: Record<string, string> = {};
  bytes = 0;
  /** Bytes that came from the client after the protocol was changed. */
  received = 0;
  #forgotten = false;

  constructor(response: ServerResponse) {
    this.response = response;
  }

  get started(): boolean {
    return this.response.headersSent;
  }

  get status(): number {
    return this.response.statusCode;
  }

  /** Whether the client asks for WebSocket, on a connection that can be had for it. */
  get canUpgrade(): boolean {
    return this.response instanceof UpgradeResponse;
  }

  /** Tells the client that the protocol changes. @returns the client's connection, of which nothing was read since */
  switchProtocols(headers: OutgoingHttpHeaders): Socket {
    const socket = this.response.socket!;
    this.head(101, Object.assign(headers, { connection: 'Upgrade', upgrade: 'websocket' }));
    this.response.flushHeaders();
    return socket;
  }

  /** Nobody is there any more: what is still written goes nowhere. */
  forget(): void {
    this.#forgotten = true;
  }

  head(status: number, headers: OutgoingHttpHeaders): void {
    if (this.#forgotten) return;
    const { vary } = headers;
    Object.assign(headers, this.extra);
    // What the backend's answer varies by holds as well.
    if (vary !== undefined && this.extra['vary'] !== undefined) headers['vary'] = [vary, this.extra['vary']].flat().join(', ');
    this.response.writeHead(status, headers);
  }

  /** Sends the head without waiting for a body. */
  flush(): void {
    if (this.#forgotten) return;
    this.response.flushHeaders();
  }

  /** @returns false when the client reads slower than we write: wait for `drain`. */
  write(bytes: Buffer): boolean {
    if (this.#forgotten) return true;
    this.bytes += bytes.length;
    return this.response.write(bytes);
  }

  end(bytes?: Buffer): void {
    if (this.#forgotten) return;
    if (bytes === undefined) {
      this.response.end();
      return;
    }
    this.bytes += bytes.length;
    this.response.end(bytes);
  }

  /** A whole answer in one go. */
  send(status: number, headers: OutgoingHttpHeaders, body: Buffer): void {
    headers['content-length'] = body.length;
    this.head(status, headers);
    this.end(body);
  }

  /** Ends the connection without an end of the body: the client can tell that bytes are missing (RFC 9112, section 8). */
  cut(): void {
    this.response.destroy();
  }
}
