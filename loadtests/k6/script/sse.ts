/**
 * The one place that knows how k6 reads event streams.
 *
 * k6 itself has no streaming client: `k6/http` gives the body when it is complete. This needs a k6 that was built with a module
 * `k6/x/sse` as k6-modules.d.ts describes it. On stock k6 set SSE=no (the runner does so by itself): streams are then read as a
 * whole, without time to first token and gaps, and clients cannot leave.
 */
import http from 'k6/http';

import type { open, SseResponse } from 'k6/x/sse';

// A module that is asked for and missing ends the run, also within a try: hence the variable.
const sse = __ENV['SSE'] === 'no' ? undefined : (require('k6/x/sse') as { open: typeof open });

export const canStream = sse !== undefined;

export interface StreamRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeoutS: number;
}

export interface StreamEnd {
  /** 0: no answer came. */
  readonly status: number;
  /** Where the answer was no event stream. */
  readonly body: string;
  /** Empty: it ended by itself, or was left. */
  readonly error: string;
  readonly totalMs: number;
}

/**
 * Sends a request and hands on each event.
 * @param each gets the event's data and the milliseconds since the request was sent, undefined on stock k6; false leaves the stream
 */
export function readStream(request: StreamRequest, each: (data: string, atMs: number | undefined) => boolean): StreamEnd {
  const { url, headers, body, timeoutS } = request;
  const timeout = `${timeoutS}s`;
  if (sse !== undefined) {
    return endOf(sse.open(url, { method: 'POST', body, headers, timeout }, ({ data, at }) => each(data, at)));
  }
  const { status, body: text, error, timings } = http.post(url, body, { headers, timeout });
  for (const line of (text ?? '').split(/\r?\n/)) if (line.startsWith('data:')) each(line.slice(5).trimStart(), undefined);
  return { status, body: text ?? '', error, totalMs: timings.duration };
}

function endOf({ status, body, error, timings }: SseResponse): StreamEnd {
  return { status, body, error, totalMs: timings['total'] ?? 0 };
}
