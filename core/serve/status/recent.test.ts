import type { IncomingMessage, ServerResponse } from 'node:http';

import { describe, expect, test } from 'vitest';

import type { AttemptRecord, Outcome } from '../../attempt/call.ts';
import { ANYONE } from '../../identify/identity.ts';
import { GatewayRequest } from '../request.ts';
import type { Snapshot } from '../snapshot.ts';
import { RecentRequests } from './recent.ts';

const CANARY = 'CANARY-not-to-be-kept';

function requestOf(id: string, change: Partial<GatewayRequest> = {}): GatewayRequest {
  const raw = {
    method: 'POST',
    headers: { 'x-request-id': id, authorization: CANARY, cookie: CANARY, 'x-note': CANARY },
  } as unknown as IncomingMessage;
  const response = { statusCode: 200, headersSent: true } as ServerResponse;
  const request = new GatewayRequest(raw, response, `/v1/chat?key=${CANARY}`, {} as Snapshot);
  return Object.assign(request, { path: '/v1/chat', ...change });
}

function outcomeOf(attempts: readonly object[], change: Partial<Outcome> = {}): Outcome {
  return {
    status: 200,
    complete: true,
    clientGone: false,
    failure: undefined,
    attempts: attempts as AttemptRecord[],
    facts: { usage: undefined, model: undefined },
    firstTokenAt: undefined,
    tokens: 0,
    ...change,
  };
}

describe('the last requests', () => {
  test('are so many, the oldest first, and each has its number', () => {
    const recent = new RecentRequests(3);
    expect(recent.since(0)).toEqual([]);
    for (const id of ['a', 'b', 'c', 'd', 'e']) recent.add(requestOf(id));
    expect(recent.last).toBe(5);
    expect(recent.since(0).map(({ id, sequence }) => [id, sequence])).toEqual([
      ['c', 3],
      ['d', 4],
      ['e', 5],
    ]);
    expect(recent.since(4).map(({ id }) => id)).toEqual(['e']);
    expect(recent.since(5)).toEqual([]);
    expect(recent.since(99)).toEqual([]);
  });

  test('hold no long text, no more than 16 attempts, and nothing of a header, a query or an answer of a backend', () => {
    const recent = new RecentRequests();
    const long = 'm'.repeat(100_000);
    const answer = { status: 503, headers: { 'x-note': CANARY }, body: Buffer.from(CANARY) };
    const attempt = (index: number) => ({
      target: { backend: { name: `b${index}` } },
      endpoint: { origin: { host: '10.0.0.1', port: 80, tls: undefined }, pool: CANARY },
      startedAt: performance.now(),
      endedAt: undefined,
      status: 503,
      failure: { reason: 'status', message: long, answer, cause: new Error(CANARY) },
    });
    const attempts = Array.from({ length: 40 }, (_, index) => attempt(index));
    recent.add(requestOf('a', { model: long, path: `/${long}`, identity: { ...ANYONE, clientId: long }, outcome: outcomeOf(attempts) }));
    const [kept] = recent.since(0);
    expect(kept!.attempts).toHaveLength(16);
    expect(kept!.model).toHaveLength(256);
    expect(kept!.attempts[0]).toMatchObject({ backend: 'b0', failure: 'status', status: 503, endMs: undefined });
    const text = JSON.stringify(kept);
    expect(text).not.toContain(CANARY);
    expect(text.length).toBeLessThan(16 * 500 + 2000);
  });

  test('tell when each stage began, from the beginning of the request', () => {
    const recent = new RecentRequests();
    const request = requestOf('a');
    const { startedAt } = request;
    const attempt = { target: { backend: { name: 'b' } }, endpoint: undefined, startedAt: startedAt + 5, endedAt: startedAt + 40 };
    recent.add(Object.assign(request, { routedAt: startedAt + 2, outcome: outcomeOf([attempt], { firstTokenAt: startedAt + 30 }) }));
    const [kept] = recent.since(0);
    expect(kept!.routedMs).toBeCloseTo(2);
    expect(kept!.firstTokenMs).toBeCloseTo(30);
    expect(kept!.attempts[0]!.startMs).toBeCloseTo(5);
    expect(kept!.attempts[0]!.endMs).toBeCloseTo(40);
  });
});
