// What becomes of feedback when Phoenix does not do its part: nothing is called stored that it has not confirmed.
import { afterEach, describe, expect, it } from 'vitest';

import { closeAll, startFeedback } from './feedback.fixture.ts';
import type { FakePhoenix } from './phoenix.fixture.ts';

afterEach(closeAll);

const answering = (status: number, body: string): FakePhoenix['instead'] => {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    return true;
  };
};

async function oneCall(options: Parameters<typeof startFeedback>[0] = {}) {
  const started = await startFeedback(options);
  const id = await started.call();
  await started.arrive(1);
  return { ...started, id };
}

it('a span that does not come is not stored, and said so', async () => {
  const { call, judge, counted } = await startFeedback({ patienceMs: 1000 });
  const { status, retryAfter, body } = await judge({ request_id: await call(), score: 1 });
  expect([status, retryAfter, body.error!.code]).toEqual([503, '5', 'TK_FEEDBACK_UNAVAILABLE']);
  expect(body.error!.message).toBe('the trace of the call has not arrived in Phoenix; nothing is stored');
  expect(await counted('late')).toBe(1);
});

const AWAY: readonly (readonly [what: string, instead: FakePhoenix['instead'], message: string])[] = [
  ['hangs', () => true, 'Phoenix did not answer within 300 ms; whether the feedback is stored is not known, and it may be sent again'],
  [
    'stops in the middle of its answer',
    (response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{"data":[');
      return true;
    },
    'Phoenix did not answer within',
  ],
  [
    'cuts the connection',
    (response) => {
      response.destroy();
      return true;
    },
    'Phoenix could not be asked (',
  ],
  ['fails', answering(500, 'canary'), 'Phoenix answered 500'],
  ['is overloaded', answering(503, 'canary'), 'Phoenix answered 503'],
];

const REFUSALS: readonly (readonly [what: string, instead: FakePhoenix['instead'], message: string])[] = [
  ['does not know our key', answering(401, 'Invalid token'), "Phoenix did not accept the gateway's API key (401)"],
  ['is read only', answering(403, 'canary'), "Phoenix did not accept the gateway's API key (403)"],
  ['does not take the body', answering(422, '{"detail":"canary"}'), 'Phoenix answered 422'],
  ['is another server', answering(404, 'Cannot POST /v1/span_annotations'), 'Phoenix answered 404'],
  ['stored nothing', answering(200, '{"data":[]}'), 'Phoenix answered 200 and named no annotation'],
  ['is a page', answering(200, '<html>canary'), 'Phoenix answered 200 with something that is none of its answers'],
];

describe.each([
  ['503', 'unavailable', '5', AWAY],
  ['502', 'refused', null, REFUSALS],
] as const)('%s', (expected, result, retry, cases) => {
  it.each(cases)('where Phoenix %s', async (_, instead, message) => {
    const patienceMs = message.includes('within') ? 300 : 6000;
    const { id, judge, phoenix, counted, gateway } = await oneCall({ patienceMs });
    phoenix.instead = instead;
    const { status, retryAfter, body } = await judge({ request_id: id, score: 1 });
    expect([String(status), retryAfter, body.error!.code]).toEqual([expected, retry, 'TK_FEEDBACK_UNAVAILABLE']);
    expect(body.error!.message).toContain(message);
    expect(JSON.stringify([body, gateway.log])).not.toContain('canary');
    expect(await counted(result)).toBe(1);
    expect(await counted('stored')).toBe(0);
    expect(gateway.accessLog.at(-1)).toMatchObject({ error_type: 'feedback_unavailable' });
  });
});

it('503 where a look-up fails, though the id may be nobody’s', async () => {
  const { judge, phoenix } = await oneCall();
  phoenix.instead = answering(500, '');
  expect(await judge({ request_id: 'elsewhere', score: 1 })).toMatchObject({ status: 503 });
  await phoenix.close();
  expect((await judge({ request_id: 'elsewhere', score: 1 })).body.error!.message).toContain('Phoenix could not be asked (ECONNREFUSED)');
});

it('the operator hears of it once, and when it is over', async () => {
  const { id, judge, phoenix, gateway } = await oneCall();
  phoenix.instead = answering(401, '');
  for (let each = 0; each < 3; each++) await judge({ request_id: id, score: 1 });
  phoenix.instead = () => false;
  for (let each = 0; each < 2; each++) expect((await judge({ request_id: id, score: 1 })).status).toBe(200);
  expect(gateway.log.filter((line) => line.includes('feedback')).map((line) => line.trim())).toEqual([
    `warn feedback does not get to ${phoenix.url}/: Phoenix did not accept the gateway's API key (401)`,
    `info feedback gets to ${phoenix.url}/ again`,
  ]);
});

it('so much is under way and no more; the rest may come again', async () => {
  const { id, judge, phoenix, counted } = await oneCall();
  const waiting: (() => void)[] = [];
  phoenix.instead = (response) => {
    waiting.push(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"data":[{"id":"x"}]}'));
    return true;
  };
  const all = Array.from({ length: 70 }, () => judge({ request_id: id, score: 1 }));
  const told = await Promise.race(all);
  while ((await counted('busy')) < 6) await new Promise((resolve) => setTimeout(resolve, 5));
  expect([told.status, told.retryAfter, told.body.error!.message]).toEqual([503, '1', 'too much feedback is under way; nothing is stored']);
  // A few connections, whatever comes in.
  expect(phoenix.asked.length).toBeLessThanOrEqual(4);
  phoenix.instead = (response) => answering(200, '{"data":[{"id":"x"}]}')(response, 'POST');
  for (const answer of waiting) answer();
  const statuses = (await Promise.all(all)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(64);
  expect(statuses.filter((status) => status === 503)).toHaveLength(6);
  expect(await counted('busy')).toBe(6);
  // None of it is held for ever.
  expect((await judge({ request_id: id, score: 1 })).status).toBe(200);
});

it('an answer of any length is not read to its end', async () => {
  const { judge, phoenix } = await oneCall();
  phoenix.instead = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(1024 * 1024, 32)));
      response.once('drain', more);
    };
    more();
    return true;
  };
  const { status, body } = await judge({ request_id: 'elsewhere', score: 1 });
  expect([status, body.error!.message]).toEqual([502, expect.stringContaining('more than 8388608 bytes')]);
});
