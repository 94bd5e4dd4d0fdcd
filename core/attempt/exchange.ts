import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

import type { Dispatcher } from 'undici';

import { GatewayError, toGatewayError } from '../errors.ts';
import { returnable } from '../http/headers.ts';
import type { StreamReader } from '../llm/stream.ts';
import type { Usage } from '../llm/usage.ts';
import type { Endpoint } from './backend.ts';
import { choose, type Tried } from './choose.ts';
import { connectionFailure, type Failure, retryAfterMs, sortOf, UnacceptableAnswer } from './failure.ts';
import type { Plan, Target } from './plan.ts';
import { ErrorReceiver, EventReceiver, RawReceiver, type Receiver, WholeReceiver } from './receive.ts';
import type { Reply } from './reply.ts';

/** What is sent to a backend. */
export interface Outbound {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  /** Flat: name, value, … */
  readonly headers: string[];
  readonly body: Buffer | Readable | null;
}

/** How an answer is read: whole and checked, event by event, or as bytes that are nobody's business. */
export type Reading =
  | { readonly mode: 'whole'; readonly accept: (body: Buffer, headers: IncomingHttpHeaders) => Facts }
  | {
      readonly mode: 'events';
      readonly reader: StreamReader;
      /** Whether a text holds a secret of the gateway: an error event that does is not passed on. */
      readonly leaks: (text: Buffer) => boolean;
    }
  | { readonly mode: 'raw' };

/** What an answer says of itself. */
export interface Facts {
  readonly usage: Usage | undefined;
  readonly model: string | undefined;
}

export interface AttemptRecord<T extends Target = Target> {
  readonly target: T;
  readonly endpoint: Endpoint;
  readonly startedAt: number;
  status: number | undefined;
  failure: Failure | undefined;
  endedAt: number | undefined;
}

/** How a request ended. */
export interface Outcome<T extends Target = Target> {
  /** Status that the client got; 499 when it left before it got one. */
  readonly status: number;
  /** Whether the client got a whole answer. */
  readonly complete: boolean;
  readonly clientGone: boolean;
  readonly failure: Failure | undefined;
  readonly attempts: readonly AttemptRecord<T>[];
  readonly facts: Facts;
  /** `performance.now()` of the first content, where there was any. */
  readonly firstTokenAt: number | undefined;
  /** Content events of a stream. */
  readonly tokens: number;
}

/** The parts of an exchange that the tier decides. */
export interface Call<T extends Target = Target> {
  readonly plan: Plan<T>;
  /** Whether the client asked for a stream. */
  readonly stream: boolean;
  /** Whether the body can be sent again. */
  readonly replayable: () => boolean;
  /** The request for one backend, built from the original one. Throws a GatewayError that is this backend's failure or, with a status below 500, the request's end. */
  encode(target: T, endpoint: Endpoint, attempt: number): Outbound | Promise<Outbound>;
  read(target: T, status: number, headers: IncomingHttpHeaders): Reading;
  /** Changes the headers of the answer, in place. */
  answerHeaders(target: T, headers: Record<string, string | string[]>): void;
  /** The answer to the client when no backend gave one. */
  refuse(
    error: GatewayError,
    last: Failure | undefined,
    target: T | undefined,
  ): { status: number; headers: Record<string, string | string[]>; body: Buffer };
  /** The event that ends a stream that broke. */
  errorEvent(error: GatewayError): Buffer;
  /** Called once, after the last byte. */
  settle(outcome: Outcome<T>): void;
}

const KEEP_ALIVE = Buffer.from(': keep-alive\n\n');
/** Time for a backend to end its connection after the end marker of a stream. */
const LINGER_MS = 1000;
/** A client that takes nothing for so long does not hold a backend any longer. */
const CLIENT_STALL_MS = 300_000;
const NO_FACTS: Facts = { usage: undefined, model: undefined };

/**
 * One client request and its attempts: chooses, sends, and moves on while no token has reached the client. After
 * that it says how the stream ended. Settles exactly once, and cancels the upstream when the client has gone.
 */
export class Exchange<T extends Target = Target> {
  readonly call: Call<T>;
  readonly reply: Reply;
  readonly attempts: AttemptRecord<T>[] = [];
  /** From the first token on no other backend can answer. */
  committed = false;
  firstTokenAt: number | undefined;

  readonly #random: () => number;
  readonly #startedAt = performance.now();
  readonly #tried: Tried<T> = new Map();
  #current: Upstream<T> | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #backoff: NodeJS.Timeout | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #settled = false;

  constructor(call: Call<T>, reply: Reply, random: () => number = Math.random) {
    this.call = call;
    this.reply = reply;
    this.#random = random;
  }

  start(): void {
    const { plan, stream } = this.call;
    // It may have left while it was identified or admitted: then no 'close' comes any more.
    if (this.reply.response.destroyed) {
      this.clientGone();
      return;
    }
    this.reply.response.on('close', () => {
      if (!this.reply.response.writableFinished) this.clientGone();
    });
    this.reply.response.on('drain', () => this.#current?.resume());
    if (plan.requestTimeoutMs > 0) {
      this.#deadline = setTimeout(() => this.#timeUp(), plan.requestTimeoutMs);
    }
    if (stream && plan.keepAliveMs > 0) this.#keepAlive = setInterval(() => this.#comment(), plan.keepAliveMs);
    this.#next(undefined);
  }

  /** The client has left: the upstream is cancelled at once, and what was used is settled. */
  clientGone(): void {
    if (this.#settled) return;
    const upstream = this.#current;
    upstream?.cancel();
    upstream?.endpoint.health.neutral();
    this.#finish({ complete: false, clientGone: true, failure: undefined }, upstream);
  }

  /** The client is there and does not read: it is let go, and the backend with it. */
  clientStalled(): void {
    this.reply.cut();
    this.clientGone();
  }

  /** The first content is there: from now on this backend answers. */
  commit(upstream: Upstream<T>, status: number, headers: Record<string, string | string[]>): void {
    this.committed = true;
    this.firstTokenAt ??= performance.now();
    clearInterval(this.#keepAlive);
    if (!this.call.plan.requestTimeoutIsTotal) clearTimeout(this.#deadline);
    upstream.answered();
    if (!this.reply.started) this.reply.head(status, headers);
  }

  /** The answer is whole and with the client. */
  succeeded(upstream: Upstream<T>): void {
    upstream.endpoint.health.succeeded();
    this.#finish({ complete: true, clientGone: false, failure: undefined }, upstream);
  }

  /** An attempt failed: the next one, or the end. */
  failed(upstream: Upstream<T>, failure: Failure): void {
    if (this.#settled || this.#current !== upstream) return;
    const { record, target, endpoint } = upstream;
    record.failure = failure;
    upstream.cancel();
    const sort = sortOf(failure);
    if (sort === undefined) endpoint.health.neutral();
    else target.backend.failed(endpoint, sort, Date.now());
    if (!this.committed) {
      this.#release(upstream);
      this.#next(failure);
      return;
    }
    if (upstream.errorPassed) {
      // The backend's own error event is already with the client.
      this.reply.end();
    } else if (upstream.isEvents) {
      this.reply.end(this.call.errorEvent(new GatewayError('TK_UPSTREAM', `the stream broke off: ${failure.message}`)));
    } else {
      this.reply.cut();
    }
    this.#finish({ complete: false, clientGone: false, failure }, upstream);
  }

  #next(last: Failure | undefined): void {
    const { call } = this;
    const attempt = this.attempts.length;
    const now = Date.now();
    if (attempt > 0 && !(this.#mayRetry(last!) && call.replayable())) {
      this.#refuse(last);
      return;
    }
    const target = choose(call.plan, this.#tried, attempt, now, this.#random) ?? this.#again(last);
    if (target === undefined) {
      this.#refuse(last);
      return;
    }
    const before = this.#tried.get(target) ?? 0;
    this.#tried.set(target, before + 1);
    if (before === 0) {
      this.#send(target, now);
      return;
    }
    const { backoffBaseMs, backoffMaxMs } = call.plan.retry;
    const wait = this.#random() * Math.min(backoffMaxMs, backoffBaseMs * 2 ** before);
    this.#backoff = setTimeout(() => this.#send(target, Date.now()), wait);
  }

  /**
   * A connection that the backend closed while it lay idle fails as the first request on it is written. Without a retry policy
   * the only backend of a rule is asked once more, as browsers do it (RFC 9110, section 9.2.2: no byte of an answer was seen).
   */
  #again(last: Failure | undefined): T | undefined {
    const { targets, retry } = this.call.plan;
    if (retry.maxAttempts !== undefined || last?.reason !== 'reset' || this.attempts.length !== 1 || targets.length !== 1) return undefined;
    return targets[0];
  }

  #mayRetry(failure: Failure): boolean {
    const { retry } = this.call.plan;
    if (failure.reason === 'connect') return retry.onConnectFailure;
    if (failure.reason === 'reset') return retry.onReset;
    if (failure.reason === 'status') return retry.statuses.has(failure.answer!.status);
    return true;
  }

  #send(target: T, now: number): void {
    if (this.#settled) return;
    const isRetry = this.attempts.length > 0;
    const endpoint = target.backend.endpoint(now, this.#random);
    const record: AttemptRecord<T> = {
      target,
      endpoint,
      startedAt: performance.now(),
      status: undefined,
      failure: undefined,
      endedAt: undefined,
    };
    this.attempts.push(record);
    target.backend.started(endpoint, now, isRetry);
    const upstream = new Upstream(this, target, endpoint, record, isRetry);
    this.#current = upstream;
    let outbound;
    try {
      outbound = this.call.encode(target, endpoint, this.attempts.length);
    } catch (error) {
      this.#notSent(upstream, error);
      return;
    }
    if (!(outbound instanceof Promise)) {
      upstream.dispatch(outbound);
      return;
    }
    outbound.then(
      (ready) => upstream.dispatch(ready),
      (error: unknown) => this.#notSent(upstream, error),
    );
  }

  #notSent(upstream: Upstream<T>, thrown: unknown): void {
    if (this.#settled) return;
    const error = toGatewayError(thrown);
    if (error.status < 500) this.requestAtFault(upstream, error);
    else this.failed(upstream, { reason: 'local', message: error.message, cause: error });
  }

  /** The request itself is at fault: another backend would say the same. */
  requestAtFault(upstream: Upstream<T>, error: GatewayError): void {
    if (this.#settled) return;
    const failure: Failure = { reason: 'local', message: error.message, cause: error };
    upstream.record.failure = failure;
    upstream.cancel();
    upstream.endpoint.health.neutral();
    if (this.committed) {
      this.reply.cut();
      this.#finish({ complete: false, clientGone: false, failure }, upstream);
      return;
    }
    this.#answerError(error, failure, upstream);
  }

  #refuse(last: Failure | undefined): void {
    this.#answerError(this.#errorOf(last), last, undefined);
  }

  #errorOf(last: Failure | undefined): GatewayError {
    if (last === undefined)
      return new GatewayError('TK_NO_BACKEND', 'every backend of this route is at its limit of parallel requests', {
        headers: { 'retry-after': '1' },
      });
    const tried = this.attempts.length;
    const text = tried > 1 ? `${tried} attempts failed, the last one: ${last.message}` : last.message;
    if (last.reason === 'local' && last.cause instanceof GatewayError) return last.cause;
    if (last.reason === 'timeout' || last.reason === 'idle') return new GatewayError('TK_TIMEOUT', text);
    return new GatewayError('TK_UPSTREAM', text);
  }

  #answerError(error: GatewayError, last: Failure | undefined, upstream: Upstream<T> | undefined): void {
    const target = this.attempts.at(-1)?.target;
    if (this.reply.started) {
      // Keep-alive comments have taken the status: the error can only be an event.
      this.reply.end(this.call.errorEvent(error));
    } else {
      const { status, headers, body } = this.call.refuse(error, last, target);
      this.reply.send(status, headers, body);
    }
    this.#finish(
      { complete: false, clientGone: false, failure: last ?? { reason: 'local', message: error.message, cause: error } },
      upstream,
    );
  }

  #timeUp(): void {
    const upstream = this.#current;
    const failure: Failure = { reason: 'timeout', message: `no complete answer within ${this.call.plan.requestTimeoutMs} ms` };
    if (this.committed && upstream !== undefined) {
      this.failed(upstream, failure);
      return;
    }
    if (upstream !== undefined) {
      upstream.record.failure = failure;
      upstream.cancel();
      upstream.target.backend.failed(upstream.endpoint, 'gateway', Date.now());
    }
    this.#answerError(this.#errorOf(failure), failure, upstream);
  }

  #comment(): void {
    if (this.committed) return;
    if (!this.reply.started) this.reply.head(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
    this.reply.write(KEEP_ALIVE);
  }

  #release(upstream: Upstream<T>): void {
    if (this.#current === upstream) this.#current = undefined;
    upstream.record.endedAt = performance.now();
    upstream.target.backend.ended(upstream.endpoint, upstream.isRetry);
  }

  #finish(end: Pick<Outcome, 'complete' | 'clientGone' | 'failure'>, upstream: Upstream<T> | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#backoff);
    clearInterval(this.#keepAlive);
    if (upstream !== undefined) this.#release(upstream);
    const status = end.clientGone && !this.reply.started ? 499 : this.reply.status;
    const facts = upstream?.facts ?? NO_FACTS;
    const tokens = upstream?.tokens ?? 0;
    this.call.settle({ ...end, status, attempts: this.attempts, facts, firstTokenAt: this.firstTokenAt, tokens });
  }

  /** Milliseconds since the exchange began. */
  get age(): number {
    return performance.now() - this.#startedAt;
  }
}

/** One attempt: undici's handler of one request. */
export class Upstream<T extends Target = Target> implements Dispatcher.DispatchHandler {
  readonly exchange: Exchange<T>;
  readonly target: T;
  readonly endpoint: Endpoint;
  readonly record: AttemptRecord<T>;
  readonly isRetry: boolean;
  /** Headers of the answer, ready for the client. */
  answer: Record<string, string | string[]> = {};
  contentLength: string | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #receiver: Receiver | undefined;
  #idle: NodeJS.Timeout | undefined;
  #tryTimer: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #pausedAt: number | undefined;
  #over = false;

  constructor(exchange: Exchange<T>, target: T, endpoint: Endpoint, record: AttemptRecord<T>, isRetry: boolean) {
    this.exchange = exchange;
    this.target = target;
    this.endpoint = endpoint;
    this.record = record;
    this.isRetry = isRetry;
  }

  get isEvents(): boolean {
    return this.#receiver instanceof EventReceiver;
  }

  /** Whether the client has the backend's own error event. */
  get errorPassed(): boolean {
    return this.#receiver instanceof EventReceiver && this.#receiver.errorPassed;
  }

  get facts(): Facts | undefined {
    return this.#receiver?.facts;
  }

  get tokens(): number {
    return this.#receiver?.tokens ?? 0;
  }

  dispatch(outbound: Outbound): void {
    if (this.#over) return;
    const { plan } = this.exchange.call;
    if (plan.streamIdleTimeoutMs > 0) this.#idle = setTimeout(() => this.#silent(), plan.streamIdleTimeoutMs);
    const { perTryTimeoutMs } = plan.retry;
    if (perTryTimeoutMs !== undefined) this.#tryTimer = setTimeout(() => this.#slow(perTryTimeoutMs), perTryTimeoutMs);
    const { method, path, headers, body } = outbound;
    const fault = unsendable(outbound);
    if (fault !== undefined) {
      this.exchange.requestAtFault(this, new GatewayError('TK_BAD_REQUEST', fault));
      return;
    }
    this.endpoint.pool.dispatch({ method, path, headers, body }, this);
  }

  /** The first token is there: the attempt's own time limit has done its work. */
  answered(): void {
    clearTimeout(this.#tryTimer);
  }

  /** The client has taken what there was. */
  resume(): void {
    if (this.#pausedAt === undefined || this.#over) return;
    this.#pausedAt = undefined;
    this.#idle?.refresh();
    this.#receiver?.resume?.();
    this.#controller?.resume();
  }

  /** The client reads slower than the backend writes. */
  pause(): void {
    this.#pausedAt ??= performance.now();
    this.#receiver?.pause?.();
    this.#controller?.pause();
  }

  /** Ends the request at the backend; nothing is heard of it afterwards. */
  cancel(): void {
    if (this.#over) return;
    this.#close();
    this.#receiver?.close();
    this.#controller?.abort(new Error('cancelled'));
  }

  /** @param early the answer is whole and its connection still open: a backend that does not end it is cut off. */
  complete(early = false): void {
    if (this.#over) return;
    this.#close();
    this.#receiver?.close();
    if (early) {
      this.#linger = setTimeout(() => this.#controller?.abort(new Error('the answer was complete')), LINGER_MS);
      // What follows the end marker is read and dropped, also where the client is slow: so the connection can serve again.
      this.#controller?.resume();
    }
    this.exchange.succeeded(this);
  }

  fail(failure: Failure): void {
    if (this.#over) return;
    this.exchange.failed(this, failure);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('cancelled'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#over || status < 200) return;
    this.#idle?.refresh();
    const { call } = this.exchange;
    this.record.status = status;
    this.contentLength = headers['content-length'];
    if (status >= 400) {
      const wait = status === 429 || status === 503 || status === 529 ? retryAfterMs(headers, Date.now()) : undefined;
      if (wait !== undefined) this.endpoint.health.coolDown(Date.now(), wait);
    }
    this.guard(() => {
      const reading = call.read(this.target, status, headers);
      this.answer = returnable(headers);
      call.answerHeaders(this.target, this.answer);
      this.#receiver = this.#receiverOf(reading, status, headers);
    });
  }

  #receiverOf(reading: Reading, status: number, headers: IncomingHttpHeaders): Receiver {
    const retriable = this.exchange.call.plan.retry.statuses.has(status);
    if (retriable || (status >= 400 && reading.mode !== 'raw')) {
      return new ErrorReceiver(this, status, headers);
    }
    if (reading.mode !== 'events' && this.exchange.reply.started)
      throw new UnacceptableAnswer('malformed', 'the backend answered with no stream, and the stream to the client has begun');
    if (reading.mode === 'raw') return new RawReceiver(this, status);
    if (reading.mode === 'whole') return new WholeReceiver(this, status, headers, reading.accept);
    return new EventReceiver(this, status, headers, reading);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#idle?.refresh();
    try {
      this.#receiver!.data(chunk);
    } catch (error) {
      this.#unacceptable(error);
    }
  }

  onResponseEnd(): void {
    clearTimeout(this.#linger);
    this.guard(() => this.#receiver!.end());
  }

  /** Runs a step of reading the answer; what it throws is this attempt's failure. */
  guard(step: () => void): void {
    if (this.#over) return;
    try {
      step();
    } catch (error) {
      this.#unacceptable(error);
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    clearTimeout(this.#linger);
    if (this.#over) return;
    if (error instanceof GatewayError) this.exchange.requestAtFault(this, error);
    else this.fail(connectionFailure(error, this.#receiver !== undefined));
  }

  #unacceptable(error: unknown): void {
    if (error instanceof UnacceptableAnswer) this.fail({ reason: error.reason, message: error.message });
    else this.fail({ reason: 'malformed', message: 'the answer of the backend could not be read', cause: error });
  }

  #silent(): void {
    if (this.#pausedAt !== undefined) {
      // It is the client that is silent: the backend is not even listened to.
      if (performance.now() - this.#pausedAt >= CLIENT_STALL_MS) this.exchange.clientStalled();
      else this.#idle?.refresh();
      return;
    }
    this.fail({ reason: 'idle', message: `the backend was silent for ${this.exchange.call.plan.streamIdleTimeoutMs} ms` });
  }

  #slow(ms: number): void {
    this.fail({ reason: 'timeout', message: `no token from the backend within ${ms} ms` });
  }

  #close(): void {
    this.#over = true;
    clearTimeout(this.#idle);
    clearTimeout(this.#tryTimer);
  }
}

// RFC 9110, section 5.5: what a field value may hold; a request target has no space and no control.
// oxlint-disable-next-line no-control-regex -- controls are what it looks for
const NOT_IN_VALUE = /[^\t\u0020-\u007e\u0080-\u00ff]/;
const NOT_IN_PATH = /[^\u0021-\u00ff]/;

/**
 * Why a request cannot be sent. undici would find it as well, but a pool's connection that refused a request so never takes
 * another one (seen with undici 7.30).
 */
function unsendable({ path, headers }: Outbound): string | undefined {
  if (NOT_IN_PATH.test(path)) return 'the path of the request to the backend has a character that no path can have';
  for (let at = 0; at < headers.length; at += 2) {
    if (NOT_IN_VALUE.test(headers[at + 1]!)) return `the header ${headers[at]} has a character that no header can have`;
  }
  return undefined;
}
