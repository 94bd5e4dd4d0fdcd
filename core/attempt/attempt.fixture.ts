// For tests: backends without sockets, and an exchange whose backend is played by the test.
import { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

import type { Dispatcher } from 'undici';

import type { StreamReader } from '../llm/stream.ts';
import { Backend, type CircuitLimits, DEFAULT_BALANCE, NO_LIMITS } from './backend.ts';
import type { Call, Outcome } from './call.ts';
import { Exchange } from './exchange.ts';
import { DEFAULT_HEALTH_CHECK, type PassiveHealthCheck } from './health.ts';
import { DEFAULT_RETRY, type Plan, type RetryPolicy, type Target } from './plan.ts';
import { Reply } from './reply.ts';

export interface TestBackendOptions {
  readonly endpoints?: number;
  readonly limits?: Partial<CircuitLimits>;
  readonly check?: Partial<PassiveHealthCheck>;
  readonly balance?: ConstructorParameters<typeof Backend>[0]['balance'];
  readonly pool?: Dispatcher;
}

export function backend(name: string, { endpoints = 1, limits, check, balance = DEFAULT_BALANCE, pool }: TestBackendOptions = {}): Backend {
  return new Backend({
    name,
    endpoints: Array.from({ length: endpoints }, (_, index) => ({
      origin: { protocol: 'http', host: `${name}-${index}`, port: 80, tls: undefined } as never,
      hostHeader: name,
      pool: pool as Dispatcher,
    })),
    limits: { ...NO_LIMITS, ...limits },
    balance,
    check: { ...DEFAULT_HEALTH_CHECK, ...check },
  });
}

export function target(name: string, more: Partial<Target> = {}): Target {
  return { id: name, backend: backend(name), weight: 1, priority: 0, ...more };
}

export function plan(targets: readonly Target[], retry: Partial<RetryPolicy> = {}): Plan {
  return {
    targets,
    retry: { ...DEFAULT_RETRY, ...retry },
    requestTimeoutMs: 0,
    requestTimeoutIsTotal: false,
    streamIdleTimeoutMs: 0,
    keepAliveMs: 0,
    drainMs: 0,
    maxAnswerBytes: 1_000_000,
  };
}

/** Numbers from 0 to 1 that are the same in each run (Lehmer's generator). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}

/** What a client got of a stream, and how the exchange saw it. */
export interface Played {
  readonly status: number;
  readonly text: string;
  readonly outcome: Outcome;
}

/** Plays one backend's stream in these chunks to an exchange, without a socket. */
export function play(reader: StreamReader, chunks: readonly Buffer[], end: 'end' | 'error'): Played {
  let handler: Dispatcher.DispatchHandler | undefined;
  const pool = {
    dispatch: (_: unknown, given: Dispatcher.DispatchHandler) => {
      handler = given;
      return true;
    },
  } as unknown as Dispatcher;
  const written: Buffer[] = [];
  const response = Object.assign(new EventEmitter(), {
    headersSent: false,
    statusCode: 0,
    destroyed: false,
    writableFinished: false,
    writeHead(status: number) {
      this.headersSent = true;
      this.statusCode = status;
    },
    write: (bytes: Buffer) => written.push(bytes) > 0,
    end: (bytes?: Buffer) => void (bytes !== undefined && written.push(bytes)),
    destroy: () => undefined,
  });
  let outcome: Outcome | undefined;
  const call: Call = {
    plan: plan([target('only', { backend: backend('only', { pool }) })]),
    stream: true,
    replayable: () => true,
    encode: () => ({ method: 'POST', path: '/', headers: [], body: null }),
    read: () => ({ mode: 'events', reader, leaks: () => false }),
    answerHeaders: () => undefined,
    refuse: (error) => ({ status: error.status, headers: {}, body: Buffer.from(error.message) }),
    errorEvent: (error) => Buffer.from(`event: error\ndata: ${error.message}\n\n`),
    settle: (settled) => {
      if (outcome !== undefined) throw new Error('settled twice');
      outcome = settled;
    },
  };
  new Exchange(call, new Reply(response as unknown as ServerResponse), () => 0).start();
  const headers: IncomingHttpHeaders = { 'content-type': 'text/event-stream' };
  const controller = {
    abort: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
  } as unknown as Dispatcher.DispatchController;
  const played = handler!;
  played.onRequestStart!(controller, {});
  played.onResponseStart!(controller, 200, headers);
  for (const chunk of chunks) played.onResponseData!(controller, chunk);
  if (end === 'end') played.onResponseEnd!(controller, {});
  else played.onResponseError!(controller, Object.assign(new Error('gone'), { code: 'ECONNRESET' }));
  if (outcome === undefined) throw new Error('not settled');
  return { status: response.statusCode, text: Buffer.concat(written).toString('latin1'), outcome };
}
