import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** The answer to the client: a head once, then bytes, then an end or a cut. */
export class Reply {
  readonly response: ServerResponse;
  /** Headers that every answer of this request carries: CORS, request id, asked-for debug headers. */
  readonly extra: Record<string, string> = {};
  bytes = 0;
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

  /** Nobody is there any more: what is still written goes nowhere. */
  forget(): void {
    this.#forgotten = true;
  }

  head(status: number, headers: OutgoingHttpHeaders): void {
    if (this.#forgotten) return;
    this.response.writeHead(status, Object.assign(headers, this.extra));
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
