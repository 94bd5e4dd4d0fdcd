import type { Duplex } from 'node:stream';

import { GatewayError, toGatewayError } from '../errors.ts';
import type { Endpoint } from './backend.ts';
import type { AttemptRecord, AttemptWatch, Call, Facts, Outcome, Picked } from './call.ts';
import { choose, EXHAUSTED, type Tried } from './choose.ts';
import { AttemptFailed, type Failure, sortOf, sortOfStatus } from './failure.ts';
import type { Target } from './plan.ts';
import type { Reply } from './reply.ts';
import { Tunnel } from './tunnel.ts';
import { Upstream } from './upstream.ts';

const KEEP_ALIVE = Buffer.from(': keep-alive\n\n');
/** Attempts at the only backend of a rule while it cannot be connected to: with their pauses they take half a second. */
const CONNECT_ATTEMPTS = 6;
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
  readonly #tried: Tried<T> = new Map();
  #current: Upstream<T> | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #backoff: NodeJS.Timeout | undefined;
  #keepAlive: NodeJS.Timeout | undefined;
  #picking: AbortController | undefined;
  /** The client has left, and the answer is read on. */
  #drain: NodeJS.Timeout | undefined;
  #tunnel: Tunnel | undefined;
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

  /** The client has left: the upstream is cancelled at once, or when its answer has been read on for long enough; what was used is settled. */
  clientGone(): void {
    // A tunnel sees by itself that a side has gone.
    if (this.#settled || this.#drain !== undefined || this.#tunnel !== undefined) return;
    const { drainMs } = this.call.plan;
    if (drainMs > 0 && this.#current !== undefined) {
      this.reply.forget();
      clearInterval(this.#keepAlive);
      clearTimeout(this.#deadline);
      this.#drain = setTimeout(() => this.#gone(), drainMs);
      this.#current.resume();
      return;
    }
    this.#gone();
  }

  #gone(): void {
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
    upstream.watch?.firstToken(performance.now());
    if (!this.reply.started) this.reply.head(status, headers);
  }

  /** The backend speaks what the client asked for: from now on bytes pass in both directions, until both sides have ended. */
  upgraded(upstream: Upstream<T>, headers: Record<string, string | string[]>, backend: Duplex): void {
    if (this.#settled) {
      backend.destroy();
      return;
    }
    this.committed = true;
    clearTimeout(this.#deadline);
    upstream.endpoint.health.succeeded();
    this.#tunnel = Tunnel.between(this.reply.switchProtocols(headers), backend, ({ sent, received, ...end }) => {
      this.reply.bytes += sent;
      this.reply.received += received;
      this.#finish(end, upstream);
    });
  }

  /** Whether the attempt under way may be followed by another one. */
  get mayGoOn(): boolean {
    const { call, attempts } = this;
    if (!call.replayable()) return false;
    return choose(call.plan, this.#tried, attempts.length, Date.now(), this.#random, attempts.at(-1)?.target) !== undefined;
  }

  /** The answer is whole and with the client. */
  succeeded(upstream: Upstream<T>): void {
    const { record, target, endpoint } = upstream;
    // The last answer there was, passed on as it is: for its backend it is a failure all the same.
    if (record.status !== undefined && this.call.plan.retry.statuses.has(record.status)) {
      const sort = sortOfStatus(record.status);
      if (sort === undefined) endpoint.health.neutral();
      else target.backend.failed(endpoint, sort, Date.now());
    } else endpoint.health.succeeded();
    const drained = this.#drain !== undefined;
    this.#finish({ complete: !drained, clientGone: drained, drained, failure: undefined }, upstream);
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
    if (this.#drain !== undefined) {
      // Nobody waits for another backend.
      this.#finish({ complete: false, clientGone: true, failure: undefined }, upstream);
      return;
    }
    if (!this.committed) {
      this.#release(upstream, failure, false);
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
    const target = choose(call.plan, this.#tried, attempt, now, this.#random, this.attempts.at(-1)?.target) ?? this.#again(last);
    if (target === undefined) {
      this.#refuse(last);
      return;
    }
    const before = this.#tried.get(target) ?? 0;
    this.#tried.set(target, before + 1);
    const { backoffBaseMs, backoffMaxMs, pauseMs = 0 } = call.plan.retry;
    const pause = attempt === 0 ? 0 : pauseMs;
    const fresh = before < (target.tries ?? 1);
    if (fresh && pause === 0) {
      this.#pick(target, now, last);
      return;
    }
    const jitter = fresh ? 0 : this.#random() * Math.min(backoffMaxMs, backoffBaseMs * 2 ** before);
    this.#backoff = setTimeout(() => this.#pick(target, Date.now(), last), pause + jitter);
  }

  /** The endpoint for the next attempt: the backend's choice, or the call's. */
  #pick(target: T, now: number, last: Failure | undefined): void {
    if (this.#settled) return;
    const { call } = this;
    let picked;
    try {
      picked = call.pick?.(target, () => (this.#picking ??= new AbortController()).signal);
    } catch (error) {
      this.#notPicked(target, error);
      return;
    }
    if (picked === undefined) this.#send(target, target.backend.endpoint(now, this.#random), undefined, now);
    else if (picked instanceof Promise) {
      picked.then(
        (later) => this.#picked(target, later, last),
        (error: unknown) => this.#notPicked(target, error),
      );
    } else this.#picked(target, picked, last);
  }

  #picked(target: T, picked: Picked | 'exhausted', last: Failure | undefined): void {
    if (picked !== 'exhausted') {
      if (this.#settled) picked.watch?.ended({ failure: undefined, clientGone: true, facts: undefined });
      else this.#send(target, picked.endpoint, picked.watch, Date.now());
      return;
    }
    if (this.#settled) return;
    this.#tried.set(target, EXHAUSTED);
    this.#next(last);
  }

  /** No endpoint of the target can be had: nothing was sent, and another target may do. */
  #notPicked(target: T, thrown: unknown): void {
    if (this.#settled) return;
    const failure = thrown instanceof AttemptFailed ? thrown.failure : localFailure(toGatewayError(thrown));
    const now = performance.now();
    this.attempts.push({ target, endpoint: undefined, startedAt: now, status: failure.answer?.status, failure, endedAt: now });
    this.#tried.set(target, EXHAUSTED);
    this.#next(failure);
  }

  /**
   * Without a retry policy the only backend of a rule is asked again in two cases. A connection that the backend closed while it lay idle
   * fails as the first request on it is written: once more, as browsers do it (RFC 9110, section 9.2.2: no byte of an answer was seen). And
   * where no connection can be had, which nothing was sent on: behind one address there are several pods as a rule, and of one that has
   * died it takes a second until the Service leads past it.
   */
  #again(last: Failure | undefined): T | undefined {
    const { targets, retry } = this.call.plan;
    if (retry.maxAttempts !== undefined || targets.length !== 1) return undefined;
    const most = last?.reason === 'connect' ? CONNECT_ATTEMPTS : last?.reason === 'reset' ? 2 : 0;
    if (this.attempts.length >= most) return undefined;
    const [only] = targets;
    // A pool that has no endpoint left for this request has none the second time.
    return this.#tried.get(only!) === EXHAUSTED ? undefined : only;
  }

  #mayRetry(failure: Failure): boolean {
    const { retry } = this.call.plan;
    if (failure.reason === 'connect') return retry.onConnectFailure;
    if (failure.reason === 'reset') return retry.onReset;
    if (failure.reason === 'status') return retry.statuses.has(failure.answer!.status);
    return true;
  }

  #send(target: T, endpoint: Endpoint, watch: AttemptWatch | undefined, now: number): void {
    const isRetry = this.attempts.length > 0;
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
    const upstream = new Upstream({ exchange: this, target, endpoint, record, isRetry, watch });
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
    if (thrown instanceof AttemptFailed) {
      this.failed(upstream, thrown.failure);
      return;
    }
    const error = toGatewayError(thrown);
    if (error.status < 500) this.requestAtFault(upstream, error);
    else this.failed(upstream, localFailure(error));
  }

  /** The request itself is at fault: another backend would say the same. */
  requestAtFault(upstream: Upstream<T>, error: GatewayError): void {
    if (this.#settled) return;
    const failure = localFailure(error);
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
    return new GatewayError(last.reason === 'filtered' ? 'TK_FILTERED' : 'TK_UPSTREAM', text);
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
    this.#finish({ complete: false, clientGone: false, failure: last ?? localFailure(error) }, upstream);
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

  #release(upstream: Upstream<T>, failure: Failure | undefined, clientGone: boolean): void {
    if (this.#current === upstream) this.#current = undefined;
    upstream.record.endedAt = performance.now();
    upstream.target.backend.ended(upstream.endpoint, upstream.isRetry);
    upstream.watch?.ended({ failure, clientGone, facts: upstream.facts });
  }

  #finish(end: Pick<Outcome, 'complete' | 'clientGone' | 'drained' | 'failure'>, upstream: Upstream<T> | undefined): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#deadline);
    clearTimeout(this.#backoff);
    clearTimeout(this.#drain);
    clearInterval(this.#keepAlive);
    this.#picking?.abort(new Error('nobody waits for the answer any more'));
    if (upstream !== undefined) this.#release(upstream, end.failure, end.clientGone);
    const status = end.clientGone && !this.reply.started ? 499 : this.reply.status;
    const facts = upstream?.facts ?? NO_FACTS;
    const tokens = upstream?.tokens ?? 0;
    this.call.settle({ ...end, status, attempts: this.attempts, facts, firstTokenAt: this.firstTokenAt, tokens });
  }
}

function localFailure(error: GatewayError): Failure {
  return { reason: 'local', message: error.message, cause: error };
}
