import type { Readable } from 'node:stream';

import { request } from 'undici';

import { SseEventTooLarge, SseScanner } from '#core/http/sse';

import { errorBytes, readMessage } from '../wire/message.ts';
import { RpcError, SERVER_UNREACHABLE } from '../wire/rpc-error.ts';
import { type Channel, type ChannelEvents, MAX_LINE_BYTES } from './channel.ts';
import type { SseServer } from './config.ts';

/** Time for a server to say where it takes messages. */
const ENDPOINT_MS = 10_000;
/** Time for it to take one. */
const POST_MS = 60_000;
/** Messages that wait for the address. */
const MOST_WAITING = 256;

/**
 * A connection to a server of the transport of 2024-11-05: it says everything on one stream of events, the address first at which it takes
 * what it is told. A stream that breaks off ends the session.
 *
 * @see https://modelcontextprotocol.io/specification/2024-11-05/basic/transports#http-with-sse
 */
export class SseChannel implements Channel {
  readonly #server: SseServer;
  readonly #gone = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #waiting: Buffer[] = [];
  #sending = Promise.resolve();
  #events: ChannelEvents | undefined;
  #early: Buffer[] = [];
  #stream: Readable | undefined;
  #isPaused = false;
  #endpoint: URL | undefined;
  #why: string | undefined;
  #isOver = false;

  constructor(server: SseServer) {
    this.#server = server;
    this.#timer = setTimeout(() => this.#over('it did not say where it takes messages'), ENDPOINT_MS);
    void this.#read();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  listen(events: ChannelEvents): void {
    this.#events = events;
    for (const line of this.#early.splice(0)) events.line(line);
    if (this.#isOver) events.ended(this.#why);
  }

  write(message: Buffer): void {
    if (this.#endpoint !== undefined) this.#send(this.#endpoint, message);
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(message);
    else this.#over('it was told too much before it said where it takes messages');
  }

  pause(): void {
    this.#isPaused = true;
    this.#stream?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#stream?.resume();
  }

  stop(): Promise<void> {
    this.#over(undefined);
    return Promise.resolve();
  }

  async #read(): Promise<void> {
    const { url, headers } = this.#server;
    try {
      const {
        statusCode,
        headers: head,
        body,
      } = await request(url, {
        headers: { ...headers, accept: 'text/event-stream' },
        signal: this.#gone.signal,
        // It may be quiet for hours.
        bodyTimeout: 0,
      });
      this.#stream = body;
      const type = String(head['content-type']).split(';', 1)[0]!.trim().toLowerCase();
      if (statusCode !== 200 || type !== 'text/event-stream')
        return this.#over(statusCode === 200 ? 'it did not answer with a stream of events' : `it answered with status ${statusCode}`);
      if (this.#isPaused) body.pause();
      const scanner = new SseScanner({ maxEventBytes: MAX_LINE_BYTES, onEvent: (_raw, event) => this.#heard(event.type, event.data) });
      for await (const chunk of body) scanner.push(chunk as Buffer);
      this.#over('its stream ended');
    } catch (error) {
      if (error instanceof SseEventTooLarge) this.#over('it sent an event that is too long');
      else this.#over(`its stream broke off (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`);
    }
  }

  #heard(type: string, data: Buffer | undefined): void {
    if (this.#isOver || data === undefined) return;
    // The buffer is the scanner's.
    if (type === 'message') this.#say(Buffer.from(data));
    else if (type === 'endpoint') this.#found(data.toString());
  }

  #found(text: string): void {
    const endpoint = URL.parse(text, this.#server.url.href);
    // Its key is for one origin.
    if (endpoint?.origin !== this.#server.url.origin) return this.#over('it takes messages at another origin, which is not followed');
    clearTimeout(this.#timer);
    this.#endpoint = endpoint;
    for (const message of this.#waiting.splice(0)) this.#send(endpoint, message);
  }

  /** One after the other: over two connections they could change places, and what follows `initialized` may not come before it. */
  #send(endpoint: URL, message: Buffer): void {
    this.#sending = this.#sending.then(() => this.#post(endpoint, message));
  }

  /** Never rejects. */
  async #post(endpoint: URL, message: Buffer): Promise<void> {
    if (this.#isOver) return;
    try {
      const { statusCode, body } = await request(endpoint, {
        method: 'POST',
        headers: { ...this.#server.headers, 'content-type': 'application/json' },
        body: message,
        signal: AbortSignal.any([this.#gone.signal, AbortSignal.timeout(POST_MS)]),
      });
      await body.dump();
      if (statusCode === 404) this.#over('it has forgotten the session');
      else if (statusCode < 200 || statusCode >= 300) this.#failed(message, `status ${statusCode}`);
    } catch (error) {
      this.#failed(message, (error as NodeJS.ErrnoException).code ?? 'unknown reason');
    }
  }

  /** Who waits for an answer has to hear that none comes. */
  #failed(message: Buffer, why: string): void {
    if (this.#isOver) return;
    const { kind, id } = readMessage(message);
    const text = `MCP server ${this.#server.name}: it did not take the message (${why})`;
    if (kind === 'request') this.#say(errorBytes(id, new RpcError(SERVER_UNREACHABLE, text)));
  }

  #say(line: Buffer): void {
    if (this.#events === undefined) this.#early.push(line);
    else this.#events.line(line);
  }

  #over(why: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#why = why;
    clearTimeout(this.#timer);
    this.#gone.abort();
    this.#events?.ended(why);
  }
}
