import type { IncomingHttpHeaders } from 'node:http';

import { ForwardProxyFailed } from '../http/forward-proxy.ts';
import type { FailureSort } from './health.ts';

export type FailureReason =
  /** No connection: refused, unreachable, name not found, TLS; or no tunnel through the forward proxy. */
  | 'connect'
  /** The connection ended before the answer's head. */
  | 'reset'
  /** The attempt's or the request's time was up. */
  | 'timeout'
  /** Silence for longer than streamIdleTimeout. */
  | 'idle'
  /** The answer has a status that the retry policy counts as failure. */
  | 'status'
  /** A good status, and a body that the API does not have. */
  | 'malformed'
  /** A good status, and an error event in the stream. */
  | 'stream_error'
  /** The answer ended before it was complete. */
  | 'truncated'
  /** No credential, or an extension refused: nothing was sent. */
  | 'local';

/** An upstream's own error answer, kept for the client in case no other backend does better. */
export interface ErrorAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Why an attempt did not give the answer. The message is ours and may be shown. */
export interface Failure {
  readonly reason: FailureReason;
  readonly message: string;
  readonly answer?: ErrorAnswer;
  /** What was thrown, for the log. */
  readonly cause?: unknown;
}

/** No endpoint could be had for an attempt, for a reason that is more than a message: such as an endpoint picker's own answer. */
export class AttemptFailed extends Error {
  override readonly name = 'AttemptFailed';
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message, { cause: failure.cause });
    this.failure = failure;
  }
}

/** An answer that its reader cannot accept: an attempt's failure, not the request's. */
export class UnacceptableAnswer extends Error {
  readonly reason: 'malformed' | 'stream_error' | 'truncated';

  constructor(reason: 'malformed' | 'stream_error' | 'truncated', message: string) {
    super(message);
    this.name = 'UnacceptableAnswer';
    this.reason = reason;
  }
}

/** How a failure counts against the endpoint; undefined: it does not. */
export function sortOf(failure: Failure): FailureSort | undefined {
  if (failure.reason === 'local') return undefined;
  if (failure.reason === 'connect' || failure.reason === 'reset') return 'local';
  const status = failure.answer?.status;
  if (status !== undefined) return sortOfStatus(status);
  return failure.reason === 'timeout' ? 'gateway' : 'server';
}

/** How an answer of a status that counts as failure counts against the endpoint; undefined: it does not. */
export function sortOfStatus(status: number): FailureSort | undefined {
  // A limit or a credential says nothing about the backend's health: Retry-After cools it down where it asks for that.
  if (status < 500) return undefined;
  return status === 502 || status === 503 || status === 504 ? 'gateway' : 'server';
}

const CONNECT_CODES = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** A failure of the connection, by the error that undici gives. */
export function connectionFailure(error: Error, headSeen: boolean): Failure {
  const code = (error as { code?: unknown }).code;
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED')
    return { reason: 'local', message: 'the request cannot be sent to the backend', cause: error };
  if (error instanceof ForwardProxyFailed)
    return { reason: 'connect', message: `no way to the backend: the forward proxy ${error.fault}`, cause: error };
  if (headSeen) return { reason: 'truncated', message: 'the connection to the backend ended in the middle of the answer', cause: error };
  if (
    typeof code === 'string' &&
    (CONNECT_CODES.has(code) || code.startsWith('ERR_TLS') || code.startsWith('CERT_') || /SELF_SIGNED|UNABLE_TO|DEPTH_ZERO/.test(code))
  ) {
    return { reason: 'connect', message: `no connection to the backend (${code})`, cause: error };
  }
  if (code === 'ERR_NOT_HTTP2')
    return { reason: 'connect', message: 'the backend does not speak HTTP/2 (appProtocol kubernetes.io/h2c)', cause: error };
  if (error.name === 'HTTPParserError' || code === 'UND_ERR_HEADERS_OVERFLOW')
    return { reason: 'malformed', message: 'the backend did not answer in HTTP', cause: error };
  if (error.name === 'AggregateError') return { reason: 'connect', message: 'no connection to the backend', cause: error };
  return {
    reason: 'reset',
    message: `the backend closed the connection before it answered${typeof code === 'string' ? ` (${code})` : ''}`,
    cause: error,
  };
}

const NUMBER = /^\d+(\.\d+)?$/;

/** Milliseconds of a Retry-After or retry-after-ms header (RFC 9110, section 10.2.3), or undefined. */
export function retryAfterMs(headers: IncomingHttpHeaders, now: number): number | undefined {
  const precise = headers['retry-after-ms'];
  if (typeof precise === 'string' && NUMBER.test(precise)) return Number(precise);
  const value = headers['retry-after'];
  if (typeof value !== 'string') return undefined;
  if (NUMBER.test(value)) return Number(value) * 1000;
  // Date.parse takes "-5" and "in 2099" for dates: all three forms of an HTTP date have a time of day.
  const date = /\d\d:\d\d:\d\d/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
