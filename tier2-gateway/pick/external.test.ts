import { afterEach, describe, expect, it } from 'vitest';

import { AttemptFailed } from '#core/attempt/failure';

import { answering, llmdDialect, lweppDialect, perCall, pickReply } from '../epp/picker.fixture.ts';
import type { EppServerOptions } from '../epp/server.ts';
import type { PickRequest } from '../epp/served-pick.ts';
import { asked, BODY, Closers, NEVER, ONE, POOL, THREE, TWO } from './external.fixture.ts';
import type { ExternalTicket } from './external.ts';

const closers = new Closers();
afterEach(() => closers.close());

const ids = (ticket: ExternalTicket): string[] => ticket.ranked.map(({ id }) => id);

/** A server that keeps the requests it was asked about. */
async function keeping(options: Partial<EppServerOptions> = {}): Promise<{ address: string; seen: PickRequest[] }> {
  const seen: PickRequest[] = [];
  const server = await closers.server({
    ...options,
    picker: async (request) => {
      seen.push(request);
      return options.picker?.(request) ?? { endpoints: request.subset ?? [TWO, ONE] };
    },
  });
  return { ...server, seen };
}

describe('a pick', () => {
  for (const mode of ['full-duplex', 'streamed', 'buffered', 'headers-only'] as const) {
    it(`gives the ordered list, mode ${mode}`, async () => {
      const { address, seen } = await keeping();
      const { picker, warnings, ...rig } = closers.rig(address, { epp: { mode } });
      const ticket = await picker.pick(asked({ headers: ['x-a', '1', 'host', 'elsewhere', 'x-a', '2'] }), NEVER);
      expect(ids(ticket)).toEqual([TWO, ONE]);
      expect(ticket.chosenBy).toBe('picker');
      expect(ticket.endpoint).toBe(TWO);
      expect(seen[0]?.headers).toEqual([
        [':method', 'POST'],
        [':path', '/v1/chat/completions'],
        [':authority', 'models.test'],
        [':scheme', 'http'],
        ['x-a', '1'],
        ['x-a', '2'],
      ]);
      expect(seen[0]?.body?.toString()).toBe(mode === 'headers-only' ? undefined : BODY.toString());
      expect(seen[0]?.subset).toBeUndefined();
      ticket.fail('aborted');
      expect([rig.owned, warnings]).toEqual([0, []]);
    });
  }

  it('of a request without a body, and of one with an empty body', async () => {
    const { address } = await keeping();
    const { picker } = closers.rig(address);
    for (const body of [undefined, Buffer.alloc(0)]) {
      const ticket = await picker.pick(asked({ method: 'GET', body }), NEVER);
      expect(ids(ticket)).toEqual([TWO, ONE]);
      const outbound = { method: 'GET', path: '/v1/models', headers: [], body: null };
      expect(ticket.apply(outbound)).toBe(outbound);
      ticket.end();
    }
  });

  it('falls back along the list, and knows what the pool has', async () => {
    const { address } = await keeping();
    let pool: readonly string[] = POOL;
    const { picker } = closers.rig(address, { endpoints: () => pool });
    const ticket = await picker.pick(asked(), NEVER);
    expect([ticket.moveTo(ONE, 'connect'), ticket.endpoint]).toEqual([true, ONE]);
    pool = [TWO];
    expect([ticket.moveTo(ONE), ticket.endpoint]).toEqual([false, undefined]);
    expect(ticket.moveTo(TWO)).toBe(true);
    ticket.end();
    expect([ticket.moveTo(TWO), ticket.endpoint]).toEqual([false, undefined]);
  });

  it('hints at the candidates when they are not the whole pool, or the request may go to some only', async () => {
    const { address, seen } = await keeping();
    let candidates: readonly string[] = [ONE, THREE];
    const { picker } = closers.rig(address, { candidates: () => candidates });
    const some = await picker.pick(asked(), NEVER);
    expect(ids(some)).toEqual([ONE, THREE]);
    const request = asked();
    await picker.pick({ ...request, pick: { ...request.pick, subset: ['10.0.0.3'] } }, NEVER);
    candidates = [];
    await expect(picker.pick(asked(), NEVER)).rejects.toMatchObject({ failure: { answer: { status: 503 } } });
    expect(seen.map(({ subset }) => subset)).toEqual([[ONE, THREE], [THREE]]);
  });

  it('skips what the pool does not have, and puts last what may no longer be picked', async () => {
    const server = await answering(lweppDialect(`10.9.9.9:8000,${ONE},junk,${THREE},${TWO}`));
    let candidates = POOL;
    const { picker, warnings } = closers.rig(server.address, { candidates: () => candidates });
    closers.add(() => server.kill());
    const picking = picker.pick(asked(), NEVER);
    candidates = [TWO, THREE];
    expect(ids(await picking)).toEqual([THREE, TWO, ONE]);
    expect(warnings).toEqual(['the endpoint picker named endpoints that may not serve: junk, 10.9.9.9:8000']);
  });

  it('takes the picker’s scores where it has one for each', async () => {
    const { address } = await keeping({ picker: async () => ({ endpoints: [TWO, ONE], scores: { [ONE]: 0.25, [TWO]: 0.75 } }) });
    const { picker } = closers.rig(address);
    expect((await picker.pick(asked(), NEVER)).ranked.map(({ score }) => score)).toEqual([0.75, 0.25]);
    const partly = await keeping({ picker: async () => ({ endpoints: [TWO, ONE], scores: { [ONE]: 0.25 } }) });
    const other = await closers.rig(partly.address).picker.pick(asked(), NEVER);
    expect(other.ranked[0]!.score).toBeGreaterThan(other.ranked[1]!.score);
  });

  it('changes headers and body of every attempt', async () => {
    const server = await perCall(llmdDialect(`${TWO},${ONE}`, (body) => Buffer.from(body.toString().replace('"m"', '"real-model"'))));
    closers.add(() => server.kill());
    const { picker, warnings } = closers.rig(server.address);
    const ticket = await picker.pick(asked(), NEVER);
    for (const attempt of ['first', 'second']) {
      const headers = ['content-type', 'application/json', 'x-kept', attempt, 'authorization', 'Bearer of-the-pod', 'content-length', '27'];
      const applied = ticket.apply({ method: 'POST', path: '/v1/chat/completions', headers, body: BODY });
      // The picker sent every header back as it was shown.
      expect(applied.headers).toEqual(headers.slice(0, 6));
      expect(applied.body).toEqual(Buffer.from('{"model":"real-model","messages":[]}'));
    }
    expect(warnings).toEqual([]);
  });

  it('sets and removes headers, and says which it may not', async () => {
    const server = await answering((message) => {
      const named = pickReply(ONE, [
        ['x-route', 'prefill'],
        ['authorization', 'Bearer forged'],
        ['host', 'evil'],
      ]);
      named.requestHeaders!.response!.headerMutation!.removeHeaders = ['x-kept'];
      if (message.requestHeaders !== undefined) return [named];
      return message.requestBody === undefined ? [] : [{ requestBody: { response: {} } }];
    });
    closers.add(() => server.kill());
    const { picker, warnings } = closers.rig(server.address);
    const ticket = await picker.pick(asked(), NEVER);
    const applied = ticket.apply({
      method: 'POST',
      path: '/',
      headers: ['host', 'pod', 'x-kept', '1', 'authorization', 'pod'],
      body: BODY,
    });
    expect(applied).toEqual({
      method: 'POST',
      path: '/',
      headers: ['host', 'pod', 'authorization', 'pod', 'x-route', 'prefill'],
      body: BODY,
    });
    expect(applied.body).toBe(BODY);
    expect(warnings).toEqual(['the endpoint picker may not change the headers host, authorization']);
  });

  it('passes an answer of the picker on as it is, in both failure modes', async () => {
    const headers = [
      ['retry-after', '7'],
      ['x-llm-d-request-dropped-reason', 'rejected-saturated'],
      ['__proto__', 'odd'],
      ['set-cookie', 'a=1'],
      ['x-bell', 'a\u0007b'],
    ] as const;
    const { address } = await keeping({
      picker: async () => ({ immediate: { status: 429, headers, body: Buffer.from('{"full":true}') } }),
    });
    for (const failureMode of ['FailOpen', 'FailClose'] as const) {
      const rig = closers.rig(address, { failureMode });
      const error = await rig.picker.pick(asked(), NEVER).catch((thrown: unknown) => thrown);
      if (!(error instanceof AttemptFailed)) throw new Error(`not AttemptFailed: ${String(error)}`);
      expect(error.failure.reason).toBe('status');
      const answer = error.failure.answer!;
      expect([answer.status, answer.body.toString()]).toEqual([429, '{"full":true}']);
      expect(Object.entries(answer.headers)).toEqual([...headers.slice(0, 3).map((header) => [...header]), ['set-cookie', ['a=1']]]);
      expect([rig.owned, rig.warnings]).toEqual([0, []]);
    }
  });

  it('keeps the gateway’s own accounts of what the picker chose', async () => {
    const { address } = await keeping();
    const rig = closers.rig(address, {
      follow: (request, endpoints) => rig.policy.pick({ ...request, subset: endpoints }),
    });
    const first = await rig.picker.pick(asked(), NEVER);
    const second = await rig.picker.pick(asked(), NEVER);
    expect(rig.policy.inFlight()).toEqual([0, 2, 0]);
    second.moveTo(ONE, 'connect');
    expect(rig.policy.inFlight()).toEqual([1, 1, 0]);
    first.end();
    second.fail('timeout');
    second.end();
    expect(rig.policy.inFlight()).toEqual([0, 0, 0]);
  });

  it('of 200 requests at once: each gets its own', async () => {
    const { address } = await keeping({
      picker: async ({ body, headers }) => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
        const number = headers.find(([name]) => name === 'x-number')![1];
        if (Number(number) % 10 === 9) return { immediate: { status: 429, body: Buffer.from(number) } };
        return {
          endpoints: [POOL[Number(number) % 3]!],
          body: Buffer.concat([body!, Buffer.from(number)]),
          setHeaders: [['x-seen', number]],
        };
      },
    });
    const { picker, warnings } = closers.rig(address);
    const results = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const picked = await picker.pick(asked({ headers: ['x-number', String(index)] }), NEVER).catch((error: unknown) => error);
        if (picked instanceof AttemptFailed) return picked.failure.answer!.body.toString();
        const ticket = picked as ExternalTicket;
        const outbound = ticket.apply({ method: 'POST', path: '/', headers: [], body: BODY });
        void ticket.answered(200, [], ticket.endpoint!);
        ticket.data(Buffer.from('answer'));
        ticket.end();
        return `${ticket.ranked[0]!.id} ${outbound.headers.join('=')} ${(outbound.body as Buffer).toString()}`;
      }),
    );
    const expected = Array.from({ length: 200 }, (_, index) =>
      index % 10 === 9 ? String(index) : `${POOL[index % 3]} x-seen=${index} ${BODY.toString()}${index}`,
    );
    expect(results).toEqual(expected);
    expect(warnings).toEqual([]);
  });
});
