import type { IncomingHttpHeaders } from 'node:http';

import type { Dispatcher } from 'undici';

import type { Endpoint } from '#core/attempt/backend';
import { GatewayError } from '#core/errors';
import { retryAfterMs, sortOfStatus } from '#core/attempt/failure';
import { SseEventTooLarge, SseScanner } from '#core/http/sse';
import { JsonSyntaxError, type JsonObjectScan, scanObject } from '#core/json/scan';

import type { ServerAnswer, ServerCall } from './call.ts';
import { connectionFailed, ServerFailed, sortOfFailure } from './failed.ts';
import { arrivedOf, Inbox } from './inbox.ts';
import type { McpServer } from './server.ts';

/** Schemas of tools nest deeply; no reader of ours goes down without end. */
const MAX_DEPTH = 256;
/** Of an error's body so much is read. */
const MAX_ERROR_BYTES = 64 * 1024;
/** Time for a server to end a stream that nobody reads any more. */
const LINGER_MS = 1000;
// 2025-11-25, "Session Management": visible ASCII.
const SESSION_ID = /^[\u0021-\u007e]+$/;

/** How the body of an answer is read. */
type Body = 'none' | 'json' | 'events' | 'error';

export interface AnswerParts {
  readonly server: McpServer;
  readonly endpoint: Endpoint;
  readonly call: ServerCall;
  readonly settled: { readonly resolve: (answer: ServerAnswer) => void; readonly reject: (failure: unknown) => void };
}

/** One call to a server: undici's handler of one request. Its endpoint hears of it exactly once more. */
export class AnswerReader implements Dispatcher.DispatchHandler {
  readonly #server: McpServer;
  readonly #endpoint: Endpoint;
  readonly #call: ServerCall;
  readonly #settled: AnswerParts['settled'];
  readonly #inbox = new Inbox({
    drained: () => this.#resume(),
    left: () => this.#leave(),
    stepped: (cursor) => this.#call.stepped?.(cursor),
  });
  readonly #onAbort = (): void => this.#abort();
  #controller: Dispatcher.DispatchController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #body: Body | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #scanner: SseScanner | undefined;
  #paused = false;
  /** The endpoint has been told that the call went well. */
  #proven = false;
  #left = false;
  /** Another request can go on where this answer ends. */
  #resumable = false;
  #over = false;

  constructor({ server, endpoint, call, settled }: AnswerParts) {
    this.#server = server;
    this.#endpoint = endpoint;
    this.#call = call;
    this.#settled = settled;
  }

  /** Sends it. The backend has been told that a call starts. */
  dispatch(outbound: { readonly method: 'POST' | 'GET' | 'DELETE'; readonly path: string; readonly headers: string[] }): void {
    const { signal, headMs, body = null } = this.#call;
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (headMs > 0) this.#timer = setTimeout(() => this.#silent(), headMs);
    this.#endpoint.pool.dispatch({ ...outbound, body }, this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('cancelled'));
    else this.#call.toll?.sent();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#over || status < 200) return;
    this.#status = status;
    this.#headers = headers;
    this.#call.watch?.answered(status);
    this.#guard(() => {
      this.#await(this.#call.idleMs);
      this.#body = this.#bodyOf();
      if (this.#body !== 'error') this.#answer();
    });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over || this.#left) return;
    this.#timer?.refresh();
    this.#guard(() => this.#data(chunk));
  }

  onResponseEnd(): void {
    if (this.#over) return;
    if (this.#left) this.#close();
    else this.#guard(() => this.#end());
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#over) return;
    const failure = connectionFailed(error, this.#status || undefined);
    if (!this.#left && failure !== undefined) return this.#fail(failure);
    this.#neutral();
    this.#finish(new GatewayError('TK_BAD_REQUEST', 'the request cannot be sent to the MCP server', { cause: error }));
  }

  /** @throws ServerFailed where the head says that no answer of the protocol follows */
  #bodyOf(): Body {
    const status = this.#status;
    const { method } = this.#call;
    if (status >= 300 && status < 400) throw this.#failed('status', `the server redirects (${status}), which is not followed`);
    if (status === 405 && method !== 'POST') return 'none';
    const coding = this.#headers['content-encoding'] ?? 'identity';
    if (status >= 400) return 'error';
    if (coding !== 'identity')
      throw this.#failed('malformed', `the server compressed its answer (${nameOf(coding)}), though it was asked not to`);
    const type = typeOf(this.#headers);
    if (type === EVENT_STREAM && method !== 'DELETE') return 'events';
    if (status === 202 || status === 204 || method === 'DELETE' || this.#headers['content-length'] === '0') return 'none';
    if (method === 'GET') throw this.#failed('malformed', 'the server answered GET with something other than text/event-stream');
    if (type === 'application/json') {
      if (Number(this.#headers['content-length'] ?? 0) > this.#call.maxBytes) throw this.#tooLarge();
      return 'json';
    }
    if (type === undefined) return 'json';
    throw this.#failed('malformed', `the server answered with content type ${nameOf(type)}`);
  }

  #answer(): void {
    const sessionId = this.#headers['mcp-session-id'];
    if (sessionId !== undefined && (typeof sessionId !== 'string' || !SESSION_ID.test(sessionId)))
      throw this.#failed('malformed', 'the server gave the session an id that is not one of visible ASCII characters');
    if (this.#body === 'events') {
      this.#scanner = new SseScanner({ maxEventBytes: this.#call.maxBytes, onEvent: (_raw, event) => this.#event(arrivedOf(event)) });
      // Such a stream can be quiet for hours: an endpoint on trial would be on trial for as long.
      if (this.#call.method === 'GET') this.#good();
    }
    if (this.#body === 'none') {
      this.#good();
      this.#inbox.end();
      this.#linger();
    }
    const { cursor } = this.#inbox;
    const messages = this.#inbox.messages();
    this.#settled.resolve({
      status: this.#status,
      headers: this.#headers,
      ...(sessionId !== undefined && { sessionId }),
      messages,
      cursor,
    });
  }

  #data(chunk: Buffer): void {
    if (this.#scanner !== undefined) {
      this.#scanner.push(chunk);
      if (this.#inbox.full) this.#pause();
      return;
    }
    this.#bytes += chunk.length;
    if (this.#body === 'error' && this.#bytes > MAX_ERROR_BYTES) throw this.#refusal(undefined);
    if (this.#body === 'json' && this.#bytes > this.#call.maxBytes) throw this.#tooLarge();
    this.#chunks.push(chunk);
  }

  #event(arrived: ReturnType<typeof arrivedOf>): void {
    if (arrived === undefined || this.#over) return;
    this.#resumable ||= arrived.eventId !== undefined;
    if (arrived.data !== undefined) {
      this.#check(arrived.data);
      this.#good();
    }
    this.#inbox.push(arrived);
  }

  #end(): void {
    if (this.#scanner?.end().incomplete === true) throw this.#failed('reset', 'the answer of the server ended in the middle of an event');
    const whole = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    if (this.#body === 'error') throw this.#refusal(whole);
    // A server that says 200 where it should say 202 has still said nothing.
    if (this.#body === 'json' && whole.length > 0) {
      this.#check(whole);
      this.#inbox.push({ data: whole, eventId: undefined, retryMs: undefined });
    }
    this.#good();
    this.#close();
    this.#inbox.end();
  }

  /** @throws ServerFailed */
  #check(data: Buffer): void {
    const message = objectIn(data);
    if (message === undefined) throw this.#failed('malformed', 'the server sent a message that is not one JSON object');
    this.#call.watch?.said(message);
  }

  /** What a status of 400 and more means. */
  #refusal(body: Buffer | undefined): ServerFailed {
    const status = this.#status;
    const rpcError = body !== undefined && objectIn(body)?.type('error') === 'object' ? body : undefined;
    const challenge = this.#headers['www-authenticate'];
    const options = {
      wwwAuthenticate: status === 401 || status === 403 ? [challenge ?? []].flat().join(', ') || undefined : undefined,
      rpcError,
    };
    if (status === 404 && this.#call.sessionId !== undefined)
      return this.#failed('session_gone', 'the server does not know the session any more', options);
    return this.#failed('status', `the server answered with status ${status}`, options);
  }

  #tooLarge(): ServerFailed {
    return this.#failed('too_large', `the answer of the server is larger than ${this.#call.maxBytes} bytes`);
  }

  #failed(
    kind: ServerFailed['kind'],
    message: string,
    options: { wwwAuthenticate?: string | undefined; rpcError?: Buffer | undefined } = {},
  ): ServerFailed {
    return new ServerFailed(kind, message, { ...options, status: this.#status });
  }

  /** Runs a step of reading the answer; what it throws is this call's failure. */
  #guard(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof ServerFailed) this.#fail(error);
      else if (error instanceof SseEventTooLarge)
        this.#fail(this.#failed('too_large', `an event of the server is larger than ${error.maxEventBytes} bytes`));
      else this.#fail(new ServerFailed('malformed', 'the answer of the server could not be read', { status: this.#status, cause: error }));
    }
  }

  #silent(): void {
    const { headMs, idleMs } = this.#call;
    if (this.#status === 0) this.#fail(new ServerFailed('timeout', `the server did not answer within ${headMs} ms`));
    else if (this.#body === 'error') this.#fail(this.#refusal(undefined));
    else this.#fail(this.#failed('idle', `the server was silent for ${idleMs} ms`));
  }

  #await(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = ms > 0 ? setTimeout(() => this.#silent(), ms) : undefined;
  }

  #pause(): void {
    if (this.#paused || this.#over) return;
    this.#paused = true;
    this.#await(0);
    this.#controller?.pause();
  }

  #resume(): void {
    if (!this.#paused || this.#over || this.#left) return;
    this.#paused = false;
    this.#await(this.#call.idleMs);
    this.#controller?.resume();
  }

  /** The reader has what it wanted. A server that has sent the response ends the stream next, and the connection can serve again. */
  #leave(): void {
    if (this.#over || this.#left) return;
    this.#neutral();
    if (this.#call.method === 'GET') this.#cut();
    else this.#linger();
  }

  /** What still comes is read and dropped, for a while. */
  #linger(): void {
    this.#left = true;
    this.#paused = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#cut(), LINGER_MS);
    this.#controller?.resume();
  }

  #cut(): void {
    this.#close();
    this.#controller?.abort(new Error('the reader has left'));
  }

  #abort(): void {
    if (this.#over) return;
    const failure = new ServerFailed('aborted', 'the call was given up', { cause: this.#call.signal.reason });
    this.#neutral();
    this.#finish(failure);
    this.#inbox.abort(failure);
  }

  #fail(failure: ServerFailed): void {
    if (this.#over) return;
    this.#count(failure);
    this.#finish(failure);
    this.#inbox.end(failure);
  }

  #finish(failure: ServerFailed | GatewayError): void {
    if (failure instanceof ServerFailed) this.#call.watch?.over(failure, this.#resumable);
    this.#close();
    if (failure instanceof ServerFailed) this.#call.toll?.failed(failure);
    this.#settled.reject(failure);
    this.#controller?.abort(new Error(failure.message));
  }

  /** What the failure says about the endpoint. */
  #count(failure: ServerFailed): void {
    const isStatus = failure.kind === 'status' || failure.kind === 'session_gone';
    if (isStatus && this.#status !== 429 && sortOfStatus(this.#status) === undefined) return this.#good();
    const sort = isStatus ? sortOfStatus(this.#status) : sortOfFailure(failure.kind);
    if (sort === undefined) this.#neutral();
    else this.#server.backend.failed(this.#endpoint, sort, Date.now());
    const wait = isStatus && COOLING.has(this.#status) ? retryAfterMs(this.#headers, Date.now()) : undefined;
    if (wait !== undefined) this.#endpoint.health.coolDown(Date.now(), wait);
  }

  #good(): void {
    if (this.#proven) return;
    this.#proven = true;
    this.#endpoint.health.succeeded();
  }

  #neutral(): void {
    if (!this.#proven) this.#endpoint.health.neutral();
  }

  #close(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#call.signal.removeEventListener('abort', this.#onAbort);
    this.#call.watch?.over(undefined, this.#resumable);
    this.#server.backend.ended(this.#endpoint, false);
  }
}

const EVENT_STREAM = 'text/event-stream';
/** Statuses with which a server may ask to wait. */
const COOLING: ReadonlySet<number> = new Set([429, 503, 529]);

/** Whether there may be messages before the response. */
export function isEventStream(headers: IncomingHttpHeaders): boolean {
  return typeOf(headers) === EVENT_STREAM;
}

/** The content type without its parameters. */
function typeOf(headers: IncomingHttpHeaders): string | undefined {
  return headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase() || undefined;
}

/** A server's word as it may stand in a message of ours. */
function nameOf(word: string): string {
  return /^[\w.+/-]{1,60}$/.test(word) ? word : 'an odd one';
}

function objectIn(bytes: Buffer): JsonObjectScan | undefined {
  try {
    return scanObject(bytes, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (error instanceof JsonSyntaxError) return undefined;
    throw error;
  }
}
