import type { ServerResponse } from 'node:http';

import { errorBytes, metaOf, paramsOf, readMessage, type RpcMessage } from '../wire/message.ts';
import { RpcError, SERVER_UNREACHABLE } from '../wire/rpc-error.ts';
import { type Channel, MAX_LINE_BYTES } from './channel.ts';

/** Time of silence in which an answer is still plain JSON, and between two comments of a stream. */
const HEARTBEAT_MS = 15_000;
/** Messages that wait for somebody to hear them. */
const MOST_QUEUED = 256;
/** What a server may say by itself: whoever listens to it all the time hears it first. */
const OF_NO_REQUEST = /^notifications\/(?:(?:tools|prompts|resources)\/list_changed|resources\/updated)$/;

export interface SessionEvents {
  /** The server has ended. @param why undefined: it was stopped */
  ended(session: LocalSession, why: string | undefined): void;
  /** The server wrote something that is no message. */
  nonsense(): void;
}

/** One client's session with a server, which has a process or a connection of its own. */
export class LocalSession {
  readonly id: string;
  readonly #channel: Channel;
  readonly #server: string;
  readonly #events: SessionEvents;
  /** Requests without an answer, the newest last, by the JSON text of their ids. */
  readonly #waiting = new Map<string, Exchange>();
  #listener: Exchange | undefined;
  #queued: Buffer[] = [];
  #isOpen = false;
  /** Unix milliseconds of the last message from the client. */
  usedAt = Date.now();

  constructor(id: string, server: string, channel: Channel, events: SessionEvents) {
    this.id = id;
    this.#server = server;
    this.#channel = channel;
    this.#events = events;
    channel.listen({ line: (line) => this.#heard(line), ended: (why) => this.#ended(why) });
  }

  /** Nobody waits for an answer. */
  get isQuiet(): boolean {
    return this.#waiting.size === 0;
  }

  get isListenedTo(): boolean {
    return this.#listener !== undefined;
  }

  /** Hands a request on; its answer ends the response. @throws RpcError */
  request(message: RpcMessage, body: Buffer, response: ServerResponse): void {
    const id = message.id!;
    if (this.#waiting.has(id)) throw new RpcError(-32600, 'A request with this id is under way', { httpStatus: 400, id });
    this.usedAt = Date.now();
    response.setHeader('mcp-session-id', this.id);
    const exchange = new Exchange(response, this.#channel, metaOf(message)?.slice('progressToken')?.toString());
    this.#waiting.set(id, exchange);
    // That a client has gone cancels nothing: it says so where it means it.
    response.once('close', () => {
      if (this.#waiting.get(id) === exchange) this.#waiting.delete(id);
    });
    this.#channel.write(body);
    this.#tellQueued(exchange);
  }

  /** Hands on what has no answer. */
  tell(body: Buffer): void {
    this.usedAt = Date.now();
    this.#channel.write(body);
  }

  /** The response gets what the server says by itself. One that listened before is ended. */
  listen(response: ServerResponse): void {
    this.usedAt = Date.now();
    this.#listener?.end();
    const exchange = new Exchange(response, this.#channel, undefined);
    this.#listener = exchange;
    response.once('close', () => {
      if (this.#listener === exchange) this.#listener = undefined;
    });
    exchange.begin();
    this.#tellQueued(exchange);
  }

  stop(): Promise<void> {
    return this.#channel.stop();
  }

  #heard(line: Buffer): void {
    let message: RpcMessage;
    let progress: string | undefined;
    try {
      message = readMessage(line, { maxBytes: MAX_LINE_BYTES });
      if (message.method === 'notifications/progress') progress = paramsOf(message)?.slice('progressToken')?.toString();
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      this.#events.nonsense();
      return;
    }
    if (message.kind !== 'response') return this.#said(message, line, progress);
    const exchange = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (exchange === undefined) return;
    this.#waiting.delete(message.id!);
    exchange.answer(line);
    if (message.scan.has('result')) this.#isOpen = true;
    // Its client was told that there is no session.
    else if (!this.#isOpen) void this.stop();
  }

  /** Standard output does not say which request a message belongs to: the newest one is as good as any other where no token tells. */
  #said(message: RpcMessage, line: Buffer, progress: string | undefined): void {
    const waiting = [...this.#waiting.values()];
    const owner = progress === undefined ? undefined : waiting.find(({ progressToken }) => progressToken === progress);
    const newest = waiting.at(-1);
    const first = OF_NO_REQUEST.test(message.method ?? '') ? (this.#listener ?? newest) : (owner ?? newest ?? this.#listener);
    if (first !== undefined) return first.tell(line);
    if (this.#queued.length < MOST_QUEUED) this.#queued.push(line);
    else if (message.kind === 'request')
      this.#channel.write(errorBytes(message.id, new RpcError(SERVER_UNREACHABLE, 'No client listens to this session')));
  }

  #tellQueued(exchange: Exchange): void {
    for (const line of this.#queued.splice(0)) exchange.tell(line);
  }

  #ended(why: string | undefined): void {
    const text = `The MCP server ${this.#server} has ended`;
    for (const [id, exchange] of this.#waiting) exchange.fail(errorBytes(id, new RpcError(SERVER_UNREACHABLE, text)));
    this.#waiting.clear();
    this.#listener?.end();
    this.#events.ended(this, why);
  }
}

/** One HTTP request and what it is answered with: JSON where the answer is the first that comes, else a stream. */
class Exchange {
  readonly progressToken: string | undefined;
  readonly #response: ServerResponse;
  readonly #channel: Channel;
  readonly #heartbeat: NodeJS.Timeout;

  constructor(response: ServerResponse, channel: Channel, progressToken: string | undefined) {
    this.#response = response;
    this.#channel = channel;
    this.progressToken = progressToken;
    this.#heartbeat = setInterval(() => {
      this.begin();
      response.write(':\n\n');
    }, HEARTBEAT_MS);
    response.once('close', () => clearInterval(this.#heartbeat));
  }

  begin(): void {
    if (this.#response.headersSent) return;
    this.#response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).flushHeaders();
  }

  tell(line: Buffer): void {
    this.begin();
    if (this.#response.write(Buffer.concat([DATA, line, END]))) return;
    // One slow reader is the session's only client.
    this.#channel.pause();
    const on = (): void => {
      this.#response.off('drain', on).off('close', on);
      this.#channel.resume();
    };
    this.#response.on('drain', on).on('close', on);
  }

  answer(line: Buffer): void {
    if (this.#response.headersSent) this.#response.end(Buffer.concat([DATA, line, END]));
    else this.#response.writeHead(200, { 'content-type': 'application/json', 'content-length': line.length }).end(line);
  }

  /** A stream that breaks off is the only way to say that no answer comes. */
  fail(error: Buffer): void {
    if (this.#response.headersSent) this.#response.destroy();
    else this.#response.writeHead(502, { 'content-type': 'application/json' }).end(error);
  }

  end(): void {
    this.#response.end();
  }
}

const DATA = Buffer.from('data: ');
const END = Buffer.from('\n\n');
