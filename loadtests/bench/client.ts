import { connect, type Socket } from 'node:net';

import { MessageReader } from './message-reader.ts';

export interface Answer {
  readonly ms: number;
  readonly stream: boolean;
  /** Server-sent events of the body. */
  readonly events: number;
  /** Whether the stream's last event was `[DONE]`. */
  readonly complete: boolean;
}

/** What a client tells. `done` and `failed` say whether it should go on. */
export interface ClientSink {
  firstBody(ms: number): void;
  /** @param gapMs since the last event of the same stream; undefined: these are its first */
  events(count: number, gapMs: number | undefined): void;
  done(answer: Answer): boolean;
  failed(message: string, inStream: boolean): boolean;
}

export interface ClientOptions {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const DONE = Buffer.from('data: [DONE]\n\n');
const LF = 0x0a;

/** One keep-alive connection that sends the same request again and again, the next one when the answer has ended. */
export class Client {
  readonly #request: Buffer;
  readonly #port: number;
  readonly #sink: ClientSink;
  #socket: Socket | undefined;
  #sentAt = 0;
  #eventAt = 0;
  #status = '';
  #stream = false;
  #bodySeen = false;
  #events = 0;
  #endsWithLf = false;
  #tail: Buffer | undefined;
  #busy = false;

  constructor(options: ClientOptions, sink: ClientSink) {
    const headers = { Host: `127.0.0.1:${options.port}`, 'Content-Type': 'application/json', ...options.headers };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#request = Buffer.from(
      `POST ${options.path} HTTP/1.1\r\n${lines.join('')}Content-Length: ${Buffer.byteLength(options.body)}\r\n\r\n${options.body}`,
    );
    this.#port = options.port;
    this.#sink = sink;
  }

  /** Whether an answer is awaited. */
  get busy(): boolean {
    return this.#busy;
  }

  start(): void {
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true });
    this.#socket = socket;
    const reader = new MessageReader({
      head: (head) => {
        this.#status = head.slice(9, 12);
        this.#stream = /\r\ncontent-type: *text\/event-stream/i.test(head);
      },
      body: (piece) => this.#body(piece),
      end: () => this.#end(),
    });
    let broken: string | undefined;
    socket.on('data', (bytes) => {
      try {
        reader.push(bytes);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    socket.on('error', (error) => {
      broken = error.message;
    });
    socket.on('close', () => {
      const { busy } = this;
      this.#busy = false;
      // A server may close a connection that nobody uses; one that is used, it may not.
      if (!busy && broken === undefined) return;
      const goOn = this.#sink.failed(broken ?? 'the connection closed before the answer ended', busy && this.#stream);
      if (goOn) setTimeout(() => this.start(), 10);
    });
    this.#send();
  }

  #send(): void {
    this.#busy = true;
    this.#stream = this.#bodySeen = this.#endsWithLf = false;
    this.#status = '';
    this.#events = 0;
    this.#tail = undefined;
    this.#sentAt = performance.now();
    this.#socket?.write(this.#request);
  }

  #body(piece: Buffer): void {
    if (!this.#stream) return;
    const now = performance.now();
    if (!this.#bodySeen) {
      this.#bodySeen = true;
      this.#sink.firstBody(now - this.#sentAt);
    }
    const count = this.#countEvents(piece);
    this.#tail =
      piece.length >= DONE.length || this.#tail === undefined ? piece : Buffer.concat([this.#tail, piece]).subarray(-DONE.length);
    if (count === 0) return;
    this.#sink.events(count, this.#events === 0 ? undefined : now - this.#eventAt);
    this.#events += count;
    this.#eventAt = now;
  }

  /** Blank lines of a piece, one of which may have begun in the piece before. */
  #countEvents(piece: Buffer): number {
    let count = this.#endsWithLf && piece[0] === LF ? 1 : 0;
    let at = count;
    for (;;) {
      const found = piece.indexOf('\n\n', at, 'latin1');
      if (found === -1) break;
      count++;
      at = found + 2;
    }
    this.#endsWithLf = at < piece.length && piece[piece.length - 1] === LF;
    return count;
  }

  #end(): void {
    const ms = performance.now() - this.#sentAt;
    this.#busy = false;
    const ok = this.#status === '200';
    const complete = this.#tail?.subarray(-DONE.length).equals(DONE) === true;
    const goOn = ok
      ? this.#sink.done({ ms, stream: this.#stream, events: this.#events, complete })
      : this.#sink.failed(`status ${this.#status}`, this.#stream);
    if (goOn) this.#send();
  }
}
