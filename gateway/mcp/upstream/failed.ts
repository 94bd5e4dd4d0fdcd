import { connectionFailure, type FailureReason } from '#core/attempt/failure';
import type { FailureSort } from '#core/attempt/health';

export type ServerFailure =
  /** No connection: refused, unreachable, name not found, TLS. Nothing was sent. */
  | 'connect'
  /** The connection ended before the answer's head, or before the answer was complete. */
  | 'reset'
  /** No head of an answer in time. */
  | 'timeout'
  /** Silence in the middle of an answer. */
  | 'idle'
  /** A status that is no answer of the protocol; or a redirect, which is not followed. */
  | 'status'
  /** A good status, and what MCP has no such answer for. */
  | 'malformed'
  /** An answer, or one event of a stream, beyond the limit. */
  | 'too_large'
  /** 404 for a request that names a session: it has to be opened anew. */
  | 'session_gone'
  /** The circuit limits of the backend leave no room. Nothing was sent. */
  | 'busy'
  /** A JSON-RPC error instead of the result. */
  | 'refused'
  /** The server speaks only protocol versions of the other era, or none that the gateway knows. */
  | 'other_era'
  /** The caller's own signal. */
  | 'aborted';

export interface ServerFailedOptions {
  readonly status?: number | undefined;
  /** The challenge of a 401 or 403. */
  readonly wwwAuthenticate?: string | undefined;
  /** The server's whole JSON-RPC message with its `error`, where it sent one: modern servers do with 400 and 404. */
  readonly rpcError?: Buffer | undefined;
  /** The protocol versions that the server says it speaks. */
  readonly supported?: readonly string[] | undefined;
  readonly cause?: unknown;
}

/** Why a server gave no answer, or only a part of one. The message is ours and may be shown. */
export class ServerFailed extends Error {
  override readonly name = 'ServerFailed';
  readonly kind: ServerFailure;
  readonly status: number | undefined;
  readonly wwwAuthenticate: string | undefined;
  readonly rpcError: Buffer | undefined;
  readonly supported: readonly string[] | undefined;

  constructor(kind: ServerFailure, message: string, options: ServerFailedOptions = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.status = options.status;
    this.wwwAuthenticate = options.wwwAuthenticate;
    this.rpcError = options.rpcError;
    this.supported = options.supported;
  }
}

const KINDS: Partial<Record<FailureReason, ServerFailure>> = {
  connect: 'connect',
  reset: 'reset',
  truncated: 'reset',
  malformed: 'malformed',
};

/** A failure of the connection, by the error that undici gives. @param status of the head, if there was one. @returns undefined: it is the request that cannot be sent. */
export function connectionFailed(error: Error, status: number | undefined): ServerFailed | undefined {
  const { reason, message, cause } = connectionFailure(error, status !== undefined);
  if (reason === 'local') return undefined;
  return new ServerFailed(KINDS[reason] ?? 'connect', message.replace('the backend', 'the server'), { status, cause });
}

/** How a failure counts against the endpoint; undefined: it does not. Statuses are counted where they are seen. */
export function sortOfFailure(kind: ServerFailure): FailureSort | undefined {
  if (kind === 'connect') return 'local';
  if (kind === 'reset' || kind === 'idle' || kind === 'malformed') return 'server';
  return kind === 'timeout' ? 'gateway' : undefined;
}
