import { GatewayError } from '#core/errors';

/** Why a request was not let through, in the words of llm-d's endpoint picker. */
export type DropReason =
  | 'rejected-saturated'
  | 'rejected-no-endpoints'
  | 'rejected-ttl-expired'
  | 'rejected-context-cancelled'
  | 'rejected-shutting-down'
  | 'evicted-queue-pressure';

export const DROP_REASON_HEADER = 'x-llm-d-request-dropped-reason';

/** A cancelled request has no answer: nobody is there to read it. */
export type Answered = Exclude<DropReason, 'rejected-context-cancelled'>;

const TEXTS: Readonly<Record<Answered, string>> = {
  'rejected-saturated': 'the model servers are busy, and as many requests wait as may',
  'rejected-no-endpoints': 'no model server came up in time',
  'rejected-ttl-expired': 'the model servers are busy, and the time to wait for them is over',
  'rejected-shutting-down': 'the gateway is about to stop',
  'evicted-queue-pressure': 'the request gave way to a more important one',
};

/**
 * 429 where others are served, 503 where nobody is.
 * @param retryAfterS whole seconds
 */
export function dropped(reason: Answered, retryAfterS: number): GatewayError {
  const code =
    reason === 'rejected-no-endpoints' ? 'TK_NO_BACKEND' : reason === 'rejected-shutting-down' ? 'TK_DRAINING' : 'TK_RATE_LIMITED';
  return new GatewayError(code, TEXTS[reason], { headers: { 'retry-after': String(retryAfterS), [DROP_REASON_HEADER]: reason } });
}
