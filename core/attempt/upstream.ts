import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';

import type { Dispatcher } from 'undici';

import { GatewayError } from '../errors.ts';
import { returnable } from '../http/headers.ts';
import { isHeaderValue, isRequestTarget } from '../http/sendable.ts';
import type { Endpoint } from './backend.ts';
import type { AnswerEdit, AttemptRecord, AttemptWatch, Facts, Outbound, Reading } from './call.ts';
import type { Exchange } from './exchange.ts';
import { connectionFailure, type Failure, retryAfterMs, UnacceptableAnswer } from './failure.ts';
import type { Target } from './plan.ts';
import { ErrorReceiver, EventReceiver, RawReceiver, type Receiver, WholeReceiver } from './receive.ts';

/** Time for a backend to end its connection after the end marker of a stream. */
const LINGER_MS = 1000;
/** A client that takes nothing for so long does not hold a backend any longer. */
const CLIENT_STALL_MS = 300_000;

/** What an attempt is made of. */
export interface UpstreamParts<T extends Target> {
  readonly exchange: Exchange<T>;
  readonly target: T;
  readonly endpoint: Endpoint;
  readonly record: AttemptRecord<T>;
  readonly isRetry: boolean;
  readonly watch: AttemptWatch | undefined;
}

/** One attempt: undici's handler of one request. */
export class Upstream<T extends Target = Target> implements Dispatcher.DispatchHandler {
  readonly exchange: Exchange<T>;
  readonly target: T;
  readonly endpoint: Endpoint;
  readonly record: AttemptRecord<T>;
  readonly isRetry: boolean;
  readonly watch: AttemptWatch | undefined;
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

  constructor({ exchange, target, endpoint, record, isRetry, watch }: UpstreamParts<T>) {
    this.exchange = exchange;
    this.target = target;
    this.endpoint = endpoint;
    this.record = record;
    this.isRetry = isRetry;
    this.watch = watch;
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
    const { method, path, headers, body, upgrade } = outbound;
    const fault = unsendable(outbound);
    if (fault !== undefined) {
      this.exchange.requestAtFault(this, new GatewayError('TK_BAD_REQUEST', fault));
      return;
    }
    this.record.sentAt = performance.now();
    this.endpoint.pool.dispatch({ method, path, headers, body, ...(upgrade && { upgrade }) }, this);
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

  /** The backend has changed the protocol as it was asked to; the connection is no longer of the pool. */
  onRequestUpgrade(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    if (this.#over) {
      socket.destroy();
      return;
    }
    this.record.status = status;
    this.#idle?.refresh();
    const goOn = (edit: AnswerEdit | undefined): void => {
      if (this.#over || headers.upgrade?.toLowerCase() !== 'websocket') {
        socket.destroy();
        this.fail({ reason: 'malformed', message: 'the backend changed to a protocol that was not asked for' });
        return;
      }
      this.#close();
      const answer = returnable(headers);
      this.exchange.call.answerHeaders(this.target, answer);
      edit?.(answer);
      this.exchange.upgraded(this, answer, socket);
    };
    const edit = this.watch?.head?.(status, headers);
    if (edit === undefined) goOn(undefined);
    else void edit.then(goOn, () => goOn(undefined));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#over || status < 200) return;
    this.#idle?.refresh();
    this.record.status = status;
    this.contentLength = headers['content-length'];
    if (status >= 400) {
      const wait = status === 429 || status === 503 || status === 529 ? retryAfterMs(headers, Date.now()) : undefined;
      if (wait !== undefined) this.endpoint.health.coolDown(Date.now(), wait);
    }
    const edit = this.watch?.head?.(status, headers);
    if (edit === undefined) this.#receive(status, headers, undefined);
    else this.#awaitEdit(controller, status, headers, edit);
  }

  /** The backend is not read before it is known what the client gets to see first. */
  #awaitEdit(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    edit: Promise<AnswerEdit | undefined>,
  ): void {
    controller.pause();
    const goOn = (change: AnswerEdit | undefined): void => {
      if (this.#over) return;
      this.#idle?.refresh();
      this.#receive(status, headers, change);
      if (!this.#over && this.#pausedAt === undefined) controller.resume();
    };
    void edit.then(goOn, () => goOn(undefined));
  }

  #receive(status: number, headers: IncomingHttpHeaders, edit: AnswerEdit | undefined): void {
    this.guard(() => {
      const { call } = this.exchange;
      const reading = call.read(this.target, status, headers);
      this.answer = returnable(headers);
      call.answerHeaders(this.target, this.answer);
      edit?.(this.answer);
      this.#receiver = this.#receiverOf(reading, status, headers);
    });
  }

  #receiverOf(reading: Reading, status: number, headers: IncomingHttpHeaders): Receiver {
    const retriable = this.exchange.call.plan.retry.statuses.has(status);
    // An answer of ordinary traffic that no other can follow passes as it is.
    const isLast = retriable && reading.mode === 'raw' && reading.headAtOnce && !this.exchange.mayGoOn;
    if ((retriable && !isLast) || (status >= 400 && reading.mode !== 'raw')) {
      return new ErrorReceiver(this, status, headers);
    }
    if (reading.mode !== 'events' && this.exchange.reply.started)
      throw new UnacceptableAnswer('malformed', 'the backend answered with no stream, and the stream to the client has begun');
    if (reading.mode === 'raw') return new RawReceiver(this, status, reading.headAtOnce);
    if (reading.mode === 'whole') return new WholeReceiver(this, status, headers, reading.accept);
    return new EventReceiver(this, status, headers, reading);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return;
    this.#idle?.refresh();
    const receiver = this.#receiver!;
    const before = receiver.tokens;
    try {
      receiver.data(chunk);
    } catch (error) {
      this.#unacceptable(error);
    }
    if (this.watch !== undefined && receiver.tokens > before) this.watch.tokens(receiver.tokens - before, performance.now());
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

/** Why a request cannot be sent. */
function unsendable({ path, headers }: Outbound): string | undefined {
  if (!isRequestTarget(path)) return 'the path of the request to the backend has a character that no path can have';
  for (let at = 0; at < headers.length; at += 2) {
    if (!isHeaderValue(headers[at + 1]!)) return `the header ${headers[at]} has a character that no header can have`;
  }
  return undefined;
}
