import type { Reply } from '#core/attempt/reply';

const COMMENT = Buffer.from(': \n\n');

/**
 * The answer to a client of MCP: one JSON message, or a stream of events. Which of the two it is shows with the first message: whoever has
 * only one gets it as JSON.
 */
export class ClientReply {
  readonly #reply: Reply;
  readonly #headers: Readonly<Record<string, string>>;
  #heartbeat: NodeJS.Timeout | undefined;
  #later: NodeJS.Timeout | undefined;

  /** @param headers of either kind of answer */
  constructor(reply: Reply, headers: Readonly<Record<string, string>> = {}) {
    this.#reply = reply;
    this.#headers = headers;
  }

  get begun(): boolean {
    return this.#reply.started;
  }

  json(status: number, body: Buffer, headers: Readonly<Record<string, string>> = {}): void {
    clearTimeout(this.#later);
    this.#reply.send(status, { 'content-type': 'application/json', ...this.#headers, ...headers }, body);
  }

  empty(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.#reply.send(status, { ...this.#headers, ...headers }, Buffer.alloc(0));
  }

  /** Begins the stream when nothing has been said for so long. Until then a lone answer can still be JSON with a status of its own. */
  beginLater(heartbeatMs: number): void {
    if (this.begun || heartbeatMs === 0) return;
    this.#later ??= setTimeout(() => this.begin(heartbeatMs), heartbeatMs).unref();
  }

  /** @param heartbeatMs comments in silence, so that nothing between takes the stream for dead; 0: none */
  begin(heartbeatMs: number): void {
    clearTimeout(this.#later);
    if (this.begun) return;
    const stream = { 'content-type': 'text/event-stream', 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' };
    this.#reply.head(200, { ...stream, ...this.#headers });
    this.#reply.flush();
    if (heartbeatMs > 0) this.#heartbeat = setInterval(() => this.#reply.write(COMMENT), heartbeatMs).unref();
  }

  /** @param data one JSON-RPC message; @returns once the client takes more */
  event(data: Buffer, id?: string): Promise<void> | undefined {
    if (this.#reply.response.destroyed) return undefined;
    this.#heartbeat?.refresh();
    const head = id === undefined ? '' : `id: ${id}\n`;
    const wrote = this.#reply.write(Buffer.concat([Buffer.from(`${head}data: `), oneLine(data), Buffer.from('\n\n')]));
    return wrote ? undefined : this.#drained();
  }

  /** So that a client knows from the beginning where it can take the stream up again. */
  mark(id: string | undefined, retryMs: number | undefined): void {
    const lines = [...(id === undefined ? [] : [`id: ${id}`]), ...(retryMs === undefined ? [] : [`retry: ${retryMs}`]), 'data: '];
    this.#reply.write(Buffer.from(`${lines.join('\n')}\n\n`));
  }

  /** The last message: an event of the stream, or all there is. */
  async last(status: number, message: Buffer): Promise<void> {
    if (!this.begun) return this.json(status, message);
    await this.event(message);
    this.end();
  }

  end(): void {
    clearInterval(this.#heartbeat);
    this.#reply.end();
  }

  /** The request is over, whatever became of it. */
  release(): void {
    clearTimeout(this.#later);
    clearInterval(this.#heartbeat);
  }

  /** The stream is not whole, and the client can tell. */
  cut(): void {
    clearTimeout(this.#later);
    clearInterval(this.#heartbeat);
    this.#reply.cut();
  }

  #drained(): Promise<void> {
    const { response } = this.#reply;
    return new Promise((resolve) => {
      const done = (): void => {
        response.off('drain', done).off('close', done);
        resolve();
      };
      response.on('drain', done).on('close', done);
    });
  }
}

/** In JSON a line end is never a part of a text, and in an event it would be the end of the data. */
function oneLine(json: Buffer): Buffer {
  return json.includes('\n') || json.includes('\r') ? Buffer.from(json.toString().replaceAll(/[\n\r]/g, ' ')) : json;
}
