import { setTimeout as sleep } from 'node:timers/promises';

import { isHeaderValue } from '#core/http/sendable';

import { callServer, type ServerCall } from './call.ts';
import { ServerFailed } from './failed.ts';
import type { ServerMessage } from './inbox.ts';
import type { McpServer } from './server.ts';

const BASE_MS = 1000;
const MOST_MS = 30_000;
/** Node's timers hold no more. */
const LONGEST_WAIT_MS = 2 ** 31 - 1;

export interface FollowOptions extends Pick<
  ServerCall,
  'sessionId' | 'protocolVersion' | 'headers' | 'headMs' | 'idleMs' | 'maxBytes' | 'signal' | 'watch'
> {
  /** Where a stream that broke off goes on from. @default the server's own stream, from now on */
  readonly lastEventId?: string | undefined;
  /** What the server said about the wait before that. The first wait is the caller's own. */
  readonly retryMs?: number | undefined;
  /** Before the first time that a stream is taken up again; doubled each time that one brought nothing. @default 1000 */
  readonly baseMs?: number;
  readonly random?: () => number;
}

/**
 * The messages of a stream that GET opens: the server's own, or one that broke off (`lastEventId`). It is taken up again behind the last
 * message that was read, after the wait that the server asks for (`retry`) and no less than an own, growing one. It ends when the signal does, and
 * where the server has no stream of its own (405). Who waits for a message and wants no more aborts the signal: `return()` would wait, too.
 *
 * @throws ServerFailed where trying again is of no use: the session is gone, a credential is missing, the answer is none of MCP
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#resumability-and-redelivery
 */
export async function* follow(server: McpServer, options: FollowOptions): AsyncGenerator<ServerMessage, void, undefined> {
  const { signal, baseMs = BASE_MS, random = Math.random, ...call } = options;
  let { lastEventId, retryMs } = options;
  let fruitless = 0;
  while (!signal.aborted) {
    fruitless++;
    try {
      const answer = await callServer(server, { ...call, method: 'GET', lastEventId, signal });
      if (answer.status === 405) return;
      const { cursor } = answer;
      try {
        for await (const message of answer.messages) {
          fruitless = 0;
          yield message;
        }
      } finally {
        lastEventId = resumable(cursor.lastEventId) ?? lastEventId;
        retryMs = cursor.retryMs ?? retryMs;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!isWorthAnother(error)) throw error;
    }
    const backOff = Math.min(MOST_MS, baseMs * 2 ** Math.min(fruitless, 16)) * (0.5 + random() / 2);
    // `retry` is to be respected: it may be more than our own, and where the stream did its work also less.
    const wait = retryMs === undefined ? backOff : fruitless > 1 ? Math.max(retryMs, backOff) : retryMs;
    await sleep(Math.min(wait, LONGEST_WAIT_MS), undefined, { signal }).catch(() => undefined);
  }
}

/** An id that no header can carry is no place to go on from. */
function resumable(eventId: string | undefined): string | undefined {
  return eventId !== undefined && isHeaderValue(Buffer.from(eventId).toString('latin1')) ? eventId : undefined;
}

/** 409: the server has not noticed yet that the stream before has ended. */
const PASSING: ReadonlySet<number> = new Set([408, 409, 425, 429, 500, 502, 503, 504]);

function isWorthAnother(error: unknown): boolean {
  if (!(error instanceof ServerFailed)) return false;
  if (error.kind === 'status') return error.status !== undefined && PASSING.has(error.status);
  return error.kind === 'connect' || error.kind === 'reset' || error.kind === 'timeout' || error.kind === 'idle' || error.kind === 'busy';
}
