// For tests: a WebSocket's two ends, as bytes: what passes through a gateway is nobody's frames to it.
import { createHash } from 'node:crypto';
import http, { type IncomingMessage } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Value of Sec-WebSocket-Accept (RFC 6455, section 4.2.2). */
function accept(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

export interface SocketOrigin {
  readonly port: number;
  /** Heads of requests for WebSocket. */
  readonly opened: IncomingMessage[];
  /** Heads of other requests. */
  readonly plain: IncomingMessage[];
  close(): Promise<void>;
}

/** A server that takes WebSockets. @param use of each connection; by default it says back what it hears, and ends when it is ended */
export async function startSocketOrigin(
  use: (socket: Socket, request: IncomingMessage) => void = (socket) => void socket.pipe(socket),
  more = '',
): Promise<SocketOrigin> {
  const opened: IncomingMessage[] = [];
  const plain: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const server = http.createServer((request, response) => {
    plain.push(request);
    request.resume();
    response.end('plain');
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.on('upgrade', (request, socket: Socket, head: Buffer) => {
    opened.push(request);
    if (head.length > 0) socket.unshift(head);
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Sec-WebSocket-Accept: ${accept(request.headers['sec-websocket-key'] ?? '')}`,
    ];
    socket.write(`${lines.join('\r\n')}\r\n${more}\r\n`);
    use(socket, request);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    opened,
    plain,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

export interface Opening {
  readonly path?: string;
  readonly headers?: readonly string[];
  /** Bytes that are sent with the head. */
  readonly early?: string;
  /** A connection that is there. @default one without TLS, to the port of the URL */
  readonly over?: Socket;
}

/** A client's connection: raw, so that a test sees each byte. */
export class SocketClient {
  readonly socket: Socket;
  text = '';
  readonly closed: Promise<void>;
  ended = false;
  #wake: (() => void) | undefined;

  constructor(url: string, { path = '/', headers = [], early = '', over }: Opening = {}) {
    this.socket = over ?? net.connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      this.#wake?.();
    });
    this.socket.on('end', () => {
      this.ended = true;
      this.#wake?.();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.ended = true;
        this.#wake?.();
        resolve();
      });
    });
    const lines = [
      `GET ${path} HTTP/1.1`,
      'Host: a.example.com',
      'Connection: keep-alive, Upgrade',
      'Upgrade: WebSocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${KEY}`,
      ...headers,
    ];
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n${early}`);
  }

  /** Until what has come contains this. */
  async until(part: string): Promise<void> {
    while (!this.text.includes(part)) {
      if (this.ended) throw new Error(`the connection ended before "${part}": ${this.text}`);
      await this.#next();
    }
  }

  /** Until the other side says nothing more. */
  async untilEnd(): Promise<void> {
    while (!this.ended) await this.#next();
  }

  #next(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

export const ACCEPTED = accept(KEY);
