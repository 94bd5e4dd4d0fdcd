import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

interface Use {
  /** Answers that are not with the system yet. */
  answers: number;
  /** Bytes that had come when nothing was going on; undefined: something was. */
  quietAt: number | undefined;
}

/**
 * The connections of an HTTP/1.1 server that nothing is going on with. In place of Node's own `closeIdleConnections`, which takes a connection
 * for idle once its answer has been written, and so cuts an answer that a slow client has not got yet; and one whose next request has come and
 * has not been read, because the process is busy.
 */
export class IdleConnections {
  /** Connections that nothing came on: a client may have opened them to have them at hand. With whether they were so the last time. */
  readonly #unused = new Map<Socket, boolean>();
  readonly #used = new Map<Socket, Use>();
  readonly #answered: (this: ServerResponse) => void;

  constructor() {
    const used = this.#used;
    this.#answered = function answered() {
      const use = used.get(this.req.socket);
      if (use !== undefined) use.answers--;
    };
  }

  /** A connection as it came. */
  opened(socket: Socket): void {
    this.#unused.set(socket, false);
    socket.once('close', () => this.#unused.delete(socket));
  }

  /** HTTP/1.1 is spoken on it; with TLS, inside. */
  speaks(socket: Socket): void {
    this.#unused.delete(socket);
    this.#used.set(socket, { answers: 0, quietAt: undefined });
    socket.once('close', () => this.#used.delete(socket));
  }

  /** A request has come. */
  asked(response: ServerResponse): void {
    const use = this.#used.get(response.req.socket);
    if (use === undefined) return;
    use.answers++;
    use.quietAt = undefined;
    response.once('close', this.#answered);
  }

  /** It speaks something else from now on. */
  left(socket: Socket): void {
    this.#used.delete(socket);
  }

  /**
   * Closes what was idle the last time as well, and nothing has come for since. Between two calls the event loop has to come round to what
   * the system has received.
   */
  close(): void {
    for (const [socket, wasUnused] of this.#unused) {
      if (socket.bytesRead > 0) this.#unused.delete(socket);
      else if (wasUnused) socket.destroy();
      else this.#unused.set(socket, true);
    }
    for (const [socket, use] of this.#used) {
      if (use.answers > 0) continue;
      if (use.quietAt === socket.bytesRead) socket.destroy();
      else use.quietAt = socket.bytesRead;
    }
  }
}
