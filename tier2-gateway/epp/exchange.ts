import type { ClientDuplexStream } from '@grpc/grpc-js';

import { splitChunks } from './chunks.ts';
import { EppFailure, failureOf } from './failure.ts';
import { NO_EDIT, toHeaderMap } from './header-edit.ts';
import type { Header, HeaderEdit } from './header-edit.ts';
import type { BodySendMode, ProcessingMode, ProcessingRequest, ProcessingResponse } from './messages.ts';
import { DESTINATION_SERVED, LB_NAMESPACE, SUBSET, SUBSET_NAMESPACE } from './names.ts';
import { readImmediate, RequestSide } from './request-side.ts';
import type { BodyMode, PickOutcome } from './request-side.ts';
import { ResponseSide } from './response-side.ts';
import type { ResponseHead } from './response-side.ts';
import { toStruct } from './struct.ts';

export type EppCall = ClientDuplexStream<ProcessingRequest, ProcessingResponse>;
export type BodySource = Buffer | Iterable<Buffer> | AsyncIterable<Buffer>;

export interface ExchangeSettings {
  readonly address: string;
  readonly mode: BodyMode;
  readonly responseMode: BodyMode;
  readonly messageTimeoutMs: number;
  readonly maxMessageTimeoutMs: number;
  readonly allowModeOverride: boolean;
  readonly allowPseudoHeaders: readonly string[];
  readonly maxBodyBytes: number;
}

export interface EppRequest {
  /** With the pseudo headers `:method`, `:path`, `:authority`, `:scheme`. */
  readonly headers: readonly Header[];
  /** `ip:port` of the endpoints that may be picked. Absent: any of the pool. Empty: none, which the picker answers with 503. */
  readonly subset?: readonly string[];
  /** The request has no body: `requestBody` is not called. */
  readonly endOfStream?: boolean;
}

/** Bytes of response that the picker may be ahead of the client before it is no longer read. */
const OUTBOX_BYTES = 256 * 1024;

const SEND_MODE: Readonly<Record<BodyMode, BodySendMode>> = {
  'full-duplex': 'FULL_DUPLEX_STREAMED',
  streamed: 'STREAMED',
  buffered: 'BUFFERED',
  none: 'NONE',
};
const BODY_MODE: Readonly<Record<BodySendMode, BodyMode>> = {
  FULL_DUPLEX_STREAMED: 'full-duplex',
  STREAMED: 'streamed',
  BUFFERED: 'buffered',
  BUFFERED_PARTIAL: 'buffered',
  NONE: 'none',
};

/** One HTTP request and its response, shown to an endpoint picker. Made by `EppClient.open`. */
export class EppExchange {
  /** The pick, or the picker's own answer. Rejects with `EppFailure`, or with the reason of `cancel`. */
  readonly picked: Promise<PickOutcome>;
  readonly #settings: ExchangeSettings;
  readonly #call: EppCall;
  readonly #request: RequestSide;
  readonly #response: ResponseSide;
  readonly #pick = Promise.withResolvers<PickOutcome>();
  readonly #original = Promise.withResolvers<Buffer>();
  readonly #headersReply = Promise.withResolvers<void>();
  /** Goes with every message of the request, as Envoy sends it: lwepp reads it with the headers, the reference picker with the last one. */
  readonly #hint: Pick<ProcessingRequest, 'metadataContext'>;
  readonly #writers = new Set<() => void>();
  #pickSettled = false;
  #bodyStarted = false;
  #requestSent = false;
  #connected = false;
  #paused = false;
  #over = false;
  #failure: EppFailure | undefined;
  #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;
  #drain: NodeJS.Timeout | undefined;

  constructor(call: EppCall, request: EppRequest, settings: ExchangeSettings) {
    this.#call = call;
    this.#settings = settings;
    this.#timeoutMs = settings.messageTimeoutMs;
    this.#hint = hintOf(request.subset);
    const bodyExpected = request.endOfStream !== true;
    const { mode, maxBodyBytes } = settings;
    const { headers, subset } = request;
    this.#request = new RequestSide({ mode, bodyExpected, headers, subset, pseudo: settings.allowPseudoHeaders, maxBodyBytes });
    this.#response = new ResponseSide({ mode: settings.responseMode, maxBodyBytes, outboxBytes: OUTBOX_BYTES });
    this.picked = this.#pick.promise;
    // Whoever awaits the pick gets the failure; nobody has to.
    this.picked.catch(() => {});
    if (!bodyExpected) {
      this.#original.resolve(Buffer.alloc(0));
      this.#requestSent = true;
    }
    if (mode === 'none') this.#requestSent = true;
    // An error after the last read is not news.
    call.on('error', () => {});
    void this.#read();
    void this.#write(firstMessage(request, settings));
  }

  /** Why the picker left the exchange too early, if it did. */
  get failure(): EppFailure | undefined {
    return this.#failure;
  }

  /** For `EppClient`: the connection is there, so waiting is now waiting for the picker. */
  connected(): void {
    this.#connected = true;
    this.#rearm();
  }

  /** For `EppClient`: there is no connection. */
  disconnected(failure: EppFailure): void {
    this.#finish(failure, true);
  }

  /**
   * Shows the request body to the picker as fast as it takes it, and resolves with the whole original, also when the picker has
   * failed: a gateway that picks by itself needs it. Rejects only if the source does. Trailers are not shown: the reference pickers do
   * not take them as the end of a body.
   */
  async requestBody(source: BodySource): Promise<Buffer> {
    if (this.#bodyStarted) throw new Error('requestBody: called twice for one request');
    this.#bodyStarted = true;
    try {
      const original = await this.#sendBody(source);
      this.#original.resolve(original);
      return original;
    } catch (error) {
      this.cancel(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
  }

  /** Shows the response headers, and says which endpoint served. A picker that is gone changes nothing. */
  async responseHeaders(status: number, headers: readonly Header[], served?: string, endOfStream = false): Promise<ResponseHead> {
    if (!this.#pickSettled) throw new Error('responseHeaders: the request has no pick yet');
    if (this.#over || this.#response.skipHeaders) {
      if (endOfStream) this.#response.out.end();
      return { kind: 'continue', headers: NO_EDIT, ...(this.#failure === undefined ? {} : { failure: this.#failure }) };
    }
    const echo = served === undefined ? {} : metadata(LB_NAMESPACE, DESTINATION_SERVED, served);
    const shown: Header[] = [[':status', String(status)], ...headers];
    const answer = this.#response.awaitHead(shown, endOfStream);
    await this.#write({ responseHeaders: { headers: toHeaderMap(shown), endOfStream }, ...echo });
    return answer;
  }

  /** Shows a piece of the response body. Resolves when there is room for the next. What goes to the client comes out of `responseChunks`. */
  async responseBody(chunk: Buffer, end: boolean): Promise<void> {
    const response = this.#response;
    if (response.bodyEnded) throw new Error('responseBody: the body has ended');
    response.bodyEnded = end;
    if (this.#bypassed) {
      for (const held of response.held.splice(0)) response.out.push(held);
      response.out.push(chunk);
      if (end) response.out.end();
    } else if (response.mode === 'buffered') {
      response.held.push(chunk);
      if (end) await this.#sendResponse([Buffer.concat(response.held.splice(0))], true);
    } else await this.#sendResponse([...splitChunks(chunk)], end);
    await response.out.room();
    this.#closeIfDone();
  }

  /** Shows the trailers, which end the body (`responseBody` was not told `end`). */
  async responseTrailers(trailers: readonly Header[]): Promise<HeaderEdit> {
    const response = this.#response;
    if (response.bodyEnded) throw new Error('responseTrailers: the body has ended without trailers');
    response.bodyEnded = true;
    if (this.#bypassed) {
      for (const held of response.held.splice(0)) response.out.push(held);
      response.out.end();
      return NO_EDIT;
    }
    if (response.held.length > 0) await this.#sendResponse([Buffer.concat(response.held.splice(0))], false);
    if (this.#over) {
      response.out.end();
      return NO_EDIT;
    }
    const answer = response.awaitTrailers();
    await this.#write({ responseTrailers: { trailers: toHeaderMap(trailers) } });
    return answer;
  }

  /**
   * The response body as the client shall have it. Throws an `EppFailure` if the picker leaves while it rewrites: the body is
   * then incomplete. A reader that stops early cancels the exchange.
   */
  async *responseChunks(): AsyncGenerator<Buffer, void, undefined> {
    let whole = false;
    try {
      yield* this.#response.out.read();
      whole = true;
    } finally {
      if (!whole) this.cancel();
    }
  }

  /** `responseBody` for every chunk of a source, and `responseChunks`, at once. */
  async *rewriteResponse(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
    const pump = async (): Promise<void> => {
      for await (const chunk of source) {
        if (this.#response.out.ended) break;
        await this.responseBody(chunk, false);
      }
      if (!this.#response.bodyEnded) await this.responseBody(Buffer.alloc(0), true);
    };
    const pumped = pump().catch((error: unknown) => {
      this.#response.out.fail(error instanceof Error ? error : new Error(String(error)));
      this.cancel();
    });
    yield* this.responseChunks();
    await pumped;
  }

  /** Ends the exchange in good order: the picker is told that nothing more comes. What is still to come passes as it is. */
  close(): void {
    this.#finish(undefined, false);
  }

  /** The gateway gives up, such as when its client has gone. `picked` rejects with the reason. */
  cancel(reason: Error = new Error('the exchange was cancelled')): void {
    if (!this.#pickSettled) {
      this.#pickSettled = true;
      this.#pick.reject(reason);
    }
    this.#finish(undefined, true);
  }

  async #read(): Promise<void> {
    try {
      for await (const reply of this.#call as AsyncIterable<ProcessingResponse>) {
        if (this.#over) continue;
        this.#onReply(reply);
        if (this.#response.out.full) await this.#reader();
      }
      this.#finish(undefined, true);
    } catch (error) {
      this.#finish(failureOf(error, this.#settings.address), true);
    } finally {
      clearTimeout(this.#drain);
    }
  }

  /** While the client is slower than the picker, nobody waits for the picker. */
  async #reader(): Promise<void> {
    this.#paused = true;
    this.#rearm();
    await this.#response.out.room();
    this.#paused = false;
    this.#rearm();
  }

  #onReply(reply: ProcessingResponse): void {
    this.#connected = true;
    if (reply.overrideMessageTimeout !== undefined) {
      const { seconds = 0, nanos = 0 } = reply.overrideMessageTimeout;
      const asked = seconds * 1000 + nanos / 1_000_000;
      // As in Envoy, such a message says nothing else. It holds for the reply that is due.
      if (asked >= 1) this.#timeoutMs = Math.min(asked, this.#settings.maxMessageTimeoutMs);
      this.#rearm();
      return;
    }
    try {
      this.#dispatch(reply);
    } catch (error) {
      this.#finish(new EppFailure('protocol', `endpoint picker ${this.#settings.address} sent ${(error as Error).message}`), true);
      return;
    }
    this.#timeoutMs = this.#settings.messageTimeoutMs;
    this.#rearm();
    if (!this.#pickSettled && this.#request.complete) this.#settlePick(undefined);
    this.#closeIfDone();
  }

  #dispatch(reply: ProcessingResponse): void {
    if (reply.dynamicMetadata !== undefined) this.#request.onMetadata(reply.dynamicMetadata);
    if (reply.immediateResponse !== undefined) {
      const immediate = readImmediate(reply.immediateResponse);
      if (!this.#pickSettled) {
        this.#pickSettled = true;
        this.#pick.resolve(immediate);
      } else if (!this.#response.onImmediate(immediate)) throw new Error('an immediate response when it was too late for one');
      this.#finish(undefined, true);
    } else if (reply.requestHeaders !== undefined) {
      this.#request.onHeaders(reply.requestHeaders.response);
      if (reply.modeOverride !== undefined) this.#onModeOverride(reply.modeOverride);
      this.#headersReply.resolve();
    } else if (reply.requestBody !== undefined) this.#request.onBody(reply.requestBody.response);
    else if (reply.requestTrailers !== undefined) throw new Error('a reply to request trailers, which are never sent');
    else if (reply.responseHeaders !== undefined) {
      this.#response.onHeaders(reply.responseHeaders.response);
      if (reply.modeOverride !== undefined) this.#onModeOverride(reply.modeOverride);
    } else if (reply.responseBody !== undefined) this.#response.onBody(reply.responseBody.response);
    else if (reply.responseTrailers !== undefined) this.#response.onTrailers(reply.responseTrailers.headerMutation);
  }

  /** The picker chooses what else it wants to see. It comes too late for a body that is on its way. */
  #onModeOverride(override: ProcessingMode): void {
    if (!this.#settings.allowModeOverride) return;
    if (!this.#requestSent && this.#request.mode === 'buffered') this.#request.mode = BODY_MODE[override.requestBodyMode ?? 'NONE'];
    if (this.#response.bodyEnded || this.#response.replies.awaited) return;
    this.#response.mode = BODY_MODE[override.responseBodyMode ?? 'NONE'];
    this.#response.skipHeaders = override.responseHeaderMode === 'SKIP';
  }

  async #sendBody(source: BodySource): Promise<Buffer> {
    if (this.#request.mode === 'none' || this.#request.mode === 'buffered') {
      const original = await gather(source);
      // Envoy sends a buffered body once the headers are answered. The reference pickers wait for the body before they answer, so only
      // a picker that may say that it does not want the body is waited for.
      if (this.#request.mode === 'buffered' && this.#settings.allowModeOverride) await this.#headersReply.promise;
      await this.#sendWhole(original);
      return original;
    }
    const chunks: Buffer[] = [];
    let last: Buffer | undefined;
    for await (const chunk of Buffer.isBuffer(source) ? [source] : source) {
      chunks.push(chunk);
      for (const piece of splitChunks(chunk)) {
        if (last !== undefined) await this.#sendPiece(last, false);
        last = piece;
      }
    }
    await this.#sendPiece(last ?? Buffer.alloc(0), true);
    return Buffer.isBuffer(source) ? source : Buffer.concat(chunks);
  }

  async #sendWhole(original: Buffer): Promise<void> {
    const { mode } = this.#request;
    if (mode !== 'none' && !this.#request.bodyReplaced) {
      const pieces = mode === 'buffered' ? [original] : [...splitChunks(original)];
      for (const [index, piece] of pieces.entries()) await this.#sendPiece(piece, index === pieces.length - 1);
    }
    this.#requestSent = true;
  }

  async #sendPiece(body: Buffer, endOfStream: boolean): Promise<void> {
    if (this.#over || this.#request.bodyReplaced) return;
    this.#request.replies.sent(body);
    if (endOfStream) {
      this.#requestSent = true;
      this.#request.replies.sentEnd();
    }
    await this.#write({ requestBody: { body, endOfStream }, ...this.#hint });
  }

  async #sendResponse(pieces: readonly Buffer[], end: boolean): Promise<void> {
    for (const [index, body] of pieces.entries()) {
      const last = index === pieces.length - 1;
      if (this.#over) {
        this.#response.out.push(body);
        if (last && end) this.#response.out.end();
        continue;
      }
      this.#response.replies.sent(body);
      if (last && end) this.#response.replies.sentEnd();
      await this.#write({ responseBody: { body, endOfStream: last && end } });
    }
  }

  /** Resolves when the message is on its way, or when the exchange is over. */
  async #write(message: ProcessingRequest): Promise<void> {
    if (this.#over) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#writers.delete(done);
        resolve();
      };
      this.#writers.add(done);
      this.#rearm();
      this.#call.write(message, done);
    });
    this.#rearm();
  }

  get #bypassed(): boolean {
    return this.#over || this.#response.mode === 'none';
  }

  /** It is the picker's turn: to take a message, or to answer one. */
  get #awaited(): boolean {
    if (this.#writers.size > 0) return true;
    if (this.#pickSettled) return this.#response.awaited;
    const waits = this.#request.mode === 'buffered' && this.#settings.allowModeOverride && !this.#request.headersReplied;
    return this.#requestSent || waits;
  }

  #rearm(): void {
    clearTimeout(this.#timer);
    if (this.#over || this.#paused || !this.#connected || !this.#awaited) return;
    const ms = this.#timeoutMs;
    this.#timer = setTimeout(() => {
      this.#finish(new EppFailure('timeout', `endpoint picker ${this.#settings.address} did not answer within ${ms} ms`), true);
    }, ms);
  }

  #closeIfDone(): void {
    const { mode, bodyEnded, complete, skipHeaders, out } = this.#response;
    const unseen = mode === 'none' && bodyEnded && (this.#response.started || skipHeaders) && out.ended;
    if (!this.#over && this.#pickSettled && (complete || (unseen && !this.#response.awaited))) this.close();
  }

  #settlePick(failure: EppFailure | undefined): void {
    this.#pickSettled = true;
    const list = this.#request.endpoints();
    if (list.endpoints.length === 0) {
      const said = list.ignored.length === 0 ? 'no endpoint' : `no valid endpoint (${list.ignored.join(', ')})`;
      const reason = failure ?? new EppFailure('protocol', `endpoint picker ${this.#settings.address} named ${said}`);
      this.#failure = reason;
      this.#pick.reject(reason);
      this.#finish(reason, true);
      return;
    }
    // The pick may be known before the client has sent all of its body.
    void this.#original.promise.then((original) => this.#pick.resolve(this.#request.picked(list, original, failure)));
  }

  /** The picker's part is over: cleanly, or with a failure. What is undecided is decided without it. */
  #finish(failure: EppFailure | undefined, hangUp: boolean): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    if (!this.#pickSettled) this.#settleWithoutReply(failure);
    else if (failure !== undefined) this.#failure ??= failure.after();
    this.#failure = this.#response.abandon(this.#failure) ?? this.#failure;
    this.#headersReply.resolve();
    for (const done of this.#writers) done();
    if (hangUp) this.#call.cancel();
    else {
      this.#call.end();
      this.#drain = setTimeout(() => this.#call.cancel(), this.#settings.messageTimeoutMs).unref();
    }
  }

  #settleWithoutReply(failure: EppFailure | undefined): void {
    const known = this.#request.headersReplied && this.#request.endpoints().endpoints.length > 0;
    const { address } = this.#settings;
    if (!known) {
      this.#failure = failure ?? new EppFailure('closed-before-pick', `endpoint picker ${address} ended the exchange without a pick`);
      this.#pickSettled = true;
      this.#pick.reject(this.#failure);
      return;
    }
    // A clean end is the picker's right, unless it has begun to send the body and not finished.
    const cut = new EppFailure('protocol', `endpoint picker ${address} ended the exchange in the middle of the request body`, true);
    this.#failure = failure?.after() ?? (this.#request.replies.partial ? cut : undefined);
    this.#settlePick(this.#failure);
  }
}

function firstMessage(request: EppRequest, settings: ExchangeSettings): ProcessingRequest {
  // Without a body to come, any picker decides on the headers; one that waits for a body would wait for ever.
  const endOfStream = request.endOfStream === true || settings.mode === 'none';
  return {
    requestHeaders: { headers: toHeaderMap(request.headers), endOfStream },
    ...hintOf(request.subset),
    protocolConfig: {
      requestBodyMode: SEND_MODE[settings.mode],
      responseBodyMode: SEND_MODE[settings.responseMode],
      sendBodyWithoutWaitingForHeaderResponse:
        settings.mode === 'streamed' || (settings.mode === 'buffered' && !settings.allowModeOverride),
    },
  };
}

function hintOf(subset: readonly string[] | undefined): Pick<ProcessingRequest, 'metadataContext'> {
  return subset === undefined ? {} : metadata(SUBSET_NAMESPACE, SUBSET, subset);
}

function metadata(namespace: string, key: string, value: string | readonly string[]): Pick<ProcessingRequest, 'metadataContext'> {
  return { metadataContext: { filterMetadata: { [namespace]: toStruct({ [key]: value }) } } };
}

async function gather(source: BodySource): Promise<Buffer> {
  if (Buffer.isBuffer(source)) return source;
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}
