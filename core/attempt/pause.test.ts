import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';

import type { Dispatcher } from 'undici';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { backend, plan, target } from './attempt.fixture.ts';
import type { Call } from './call.ts';
import { Exchange } from './exchange.ts';
import type { RetryPolicy } from './plan.ts';
import { Reply } from './reply.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Starts an exchange with backends that cannot be connected to. @returns the backends as they are asked, and how it ended */
function failing(names: readonly string[], retry: Partial<RetryPolicy>) {
  const asked: string[] = [];
  const pool = (name: string): Dispatcher =>
    ({
      dispatch: (_: unknown, handler: Dispatcher.DispatchHandler) => {
        asked.push(name);
        handler.onResponseError!(undefined as never, Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }));
        return true;
      },
    }) as unknown as Dispatcher;
  const response = Object.assign(new EventEmitter(), {
    destroyed: false,
    headersSent: false,
    statusCode: 0,
    writeHead(status: number) {
      this.headersSent = true;
      this.statusCode = status;
    },
    end: () => undefined,
  });
  const call: Call = {
    plan: plan(
      names.map((name) => target(name, { backend: backend(name, { pool: pool(name) }) })),
      retry,
    ),
    stream: false,
    replayable: () => true,
    encode: () => ({ method: 'GET', path: '/', headers: [], body: null }),
    read: () => ({ mode: 'raw', headAtOnce: true }),
    answerHeaders: () => undefined,
    refuse: (error) => ({ status: error.status, headers: {}, body: Buffer.alloc(0) }),
    errorEvent: () => Buffer.alloc(0),
    settle: () => undefined,
  };
  new Exchange(call, new Reply(response as unknown as ServerResponse), () => 0).start();
  return { asked, response };
}

it('no further attempt is made before the pause has passed, at whichever backend', () => {
  const { asked, response } = failing(['a', 'b'], { maxAttempts: 3, pauseMs: 100, backoffBaseMs: 100 });
  for (const count of [1, 2, 3]) {
    expect(asked).toHaveLength(count);
    vi.advanceTimersByTime(99);
    expect(asked).toHaveLength(count);
    vi.advanceTimersByTime(1);
  }
  expect([new Set(asked).size, response.statusCode]).toEqual([2, 502]);
});

it('without a pause another backend is asked at once, and the same one after the jitter', () => {
  const { asked } = failing(['a', 'b'], { maxAttempts: 3, backoffBaseMs: 100 });
  expect(asked).toHaveLength(2);
  vi.advanceTimersByTime(0);
  expect(asked).toHaveLength(3);
});
