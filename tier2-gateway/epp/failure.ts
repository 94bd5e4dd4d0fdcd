import { status as GrpcStatus } from '@grpc/grpc-js';
import type { ServiceError } from '@grpc/grpc-js';

/**
 * - `unreachable`: no connection, or it was lost.
 * - `timeout`: the picker did not answer a message in time.
 * - `closed-before-pick`: the picker ended the exchange in good order without naming an endpoint.
 * - `protocol`: an answer that the protocol does not allow, no usable endpoint, or a gRPC error.
 */
export type EppFailureKind = 'unreachable' | 'timeout' | 'closed-before-pick' | 'protocol';

/** Why an endpoint picker did not do its part. A refusal that the picker means (429, 503) is no failure: it is an immediate response. */
export class EppFailure extends Error {
  override readonly name = 'EppFailure';
  readonly kind: EppFailureKind;
  /** Whether the pick was known by then: it holds, and the request goes on without the picker. */
  readonly afterPick: boolean;

  constructor(kind: EppFailureKind, message: string, afterPick = false) {
    super(message);
    this.kind = kind;
    this.afterPick = afterPick;
  }

  /** The same failure, seen after the pick. */
  after(): EppFailure {
    return this.afterPick ? this : new EppFailure(this.kind, this.message, true);
  }
}

/** What a gRPC error that ended the exchange means. */
export function failureOf(error: unknown, address: string): EppFailure {
  if (error instanceof EppFailure) return error;
  const { code, details } = error as Partial<ServiceError>;
  const text = details ?? String(error);
  // CANCELLED from the other side is a stream that was reset, as a picker does that is being stopped.
  if (code === GrpcStatus.UNAVAILABLE || code === GrpcStatus.CANCELLED)
    return new EppFailure('unreachable', `endpoint picker ${address}: ${text}`);
  if (code === GrpcStatus.DEADLINE_EXCEEDED) return new EppFailure('timeout', `endpoint picker ${address}: ${text}`);
  const name = code === undefined ? '' : ` (gRPC status ${GrpcStatus[code]})`;
  return new EppFailure('protocol', `endpoint picker ${address}: ${text}${name}`);
}
