import { afterEach, describe, expect, it } from 'vitest';

import { GatewayError } from '#core/errors';

import { answering, fakePicker, lweppDialect, pickReply } from '../epp/picker.fixture.ts';
import type { ProcessingRequest } from '../epp/messages.ts';
import { Clock } from '../picker/pool.fixture.ts';
import type { PickAnswer } from '../epp/served-pick.ts';
import { asked, BODY, Closers, NEVER, ONE, POOL, relayTo, TWO, type Rig } from './external.fixture.ts';
import type { ExternalTicket } from './external.ts';

const closers = new Closers();
afterEach(() => closers.close());

const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Who chose, or the status that the client gets. */
async function outcome({ picker }: Rig): Promise<string | number> {
  return picker.pick(asked(), NEVER).then(
    (ticket) => {
      ticket.end();
      return ticket.chosenBy;
    },
    (error: unknown) => (error instanceof GatewayError ? error.status : String(error)),
  );
}

const MODES = [
  ['FailClose', 503, 504],
  ['FailOpen', 'own', 'own'],
] as const;

for (const [failureMode, refused, late] of MODES) {
  describe(`in ${failureMode}`, () => {
    it('a picker that is killed before, during and after picks, and comes back', async () => {
      const held = Promise.withResolvers<void>();
      let asks = 0;
      const server = await closers.server({
        picker: async (): Promise<PickAnswer> => {
          if (++asks === 2) await held.promise;
          return { endpoints: [TWO, ONE] };
        },
      });
      const relay = await relayTo(server.address);
      const rig = closers.rig(relay.address, { failureMode });
      const kept = await rig.picker.pick(asked(), NEVER);
      const during = outcome(rig);
      await expect.poll(() => asks).toBe(2);
      relay.cut();
      expect(await during).toBe(refused);
      held.resolve();
      // After: the pick stands, and the request can be sent, moved, and ended.
      expect(kept.apply({ method: 'POST', path: '/', headers: [], body: BODY }).body).toBe(BODY);
      expect(kept.moveTo(ONE, 'connect')).toBe(true);
      expect(await kept.answered(200, [], ONE)).toEqual({ changes: [], refused: [] });
      kept.end();
      // Before: nobody listens any more.
      expect(await outcome(rig)).toBe(refused);
      expect(await outcome(rig)).toBe(refused);
      expect(rig.warnings.filter((text) => text.includes(`failureMode ${failureMode}`))).toHaveLength(1);
      expect(rig.owned).toBe(failureMode === 'FailOpen' ? 3 : 0);
    });

    it('a picker that is back is used again, and that is told', async () => {
      const gone = await fakePicker(() => {});
      gone.kill();
      const rig = closers.rig(gone.address, { failureMode });
      expect(await outcome(rig)).toBe(refused);
      await closers.server({ port: Number(gone.address.split(':')[1]) });
      await expect.poll(() => outcome(rig), { timeout: 10_000, interval: 100 }).toBe('picker');
      expect(rig.warnings).toHaveLength(2);
      expect(rig.warnings[1]).toMatch(/^the endpoint picker answers again, after [\d.]+ s and \d+ picks without it$/);
    });

    it('a picker that hangs is given up in time', async () => {
      const hanging = await fakePicker((call) => call.resume());
      closers.add(() => hanging.kill());
      const rig = closers.rig(hanging.address, { failureMode, epp: { messageTimeoutMs: 100 } });
      const start = performance.now();
      expect(await outcome(rig)).toBe(late);
      expect(performance.now() - start).toBeGreaterThan(90);
      expect(rig.warnings[0]).toContain('did not answer within 100 ms');
    });

    it('a node that is lost, once the Service leads to another one', async () => {
      const clock = new Clock();
      const relay = await relayTo((await closers.server()).address);
      closers.add(() => relay.cut());
      const rig = closers.rig(relay.address, { failureMode, clock, epp: { messageTimeoutMs: 100 } });
      expect(await outcome(rig)).toBe('picker');
      relay.lose();
      // Nothing says that the connection is dead.
      for (let pick = 0; pick < 3; pick++) expect(await outcome(rig)).toBe(late);
      clock.at += 1000;
      expect(await outcome(rig)).toBe('picker');
    });

    it('a node that goes silent', async () => {
      const relay = await relayTo((await closers.server()).address);
      closers.add(() => relay.cut());
      const rig = closers.rig(relay.address, { failureMode, epp: { messageTimeoutMs: 100 } });
      expect(await outcome(rig)).toBe('picker');
      relay.silence();
      expect(await outcome(rig)).toBe(late);
    });

    it('a picker that ends the exchange, names nothing, or only what the pool does not have', async () => {
      const ending = await fakePicker((call) => {
        call.on('data', () => call.end());
      });
      const nothing = await answering(lweppDialect(''));
      const elsewhere = await answering(lweppDialect('10.9.9.9:8000,169.254.169.254:80'));
      for (const server of [ending, nothing, elsewhere]) {
        closers.add(() => server.kill());
        const rig = closers.rig(server.address, { failureMode });
        expect(await outcome(rig)).toBe(refused);
        expect(rig.warnings).toHaveLength(1);
      }
    });

    it('does not leave the exchange of a useless pick open', async () => {
      let ended = 0;
      const elsewhere = await fakePicker((call) => {
        call.on('data', (message: ProcessingRequest) => {
          for (const reply of lweppDialect('10.9.9.9:8000')(message)) call.write(reply);
        });
        call.on('cancelled', () => ended++);
      });
      closers.add(() => elsewhere.kill());
      expect(await outcome(closers.rig(elsewhere.address, { failureMode }))).toBe(refused);
      await expect.poll(() => ended).toBe(1);
    });

    it('a connection that was closed', async () => {
      const rig = closers.rig((await closers.server()).address, { failureMode });
      expect(await outcome(rig)).toBe('picker');
      rig.picker.close();
      expect(await outcome(rig)).toBe(refused);
    });

    it('keeps the pick of a picker that dies over the body', async () => {
      const dying = await fakePicker((call) => {
        call.on('data', () => {
          call.write(pickReply(TWO, [['x-picked', '1']]));
          setTimeout(() => dying.kill(), 20);
        });
      });
      const rig = closers.rig(dying.address, { failureMode });
      const ticket = await rig.picker.pick(asked(), NEVER);
      expect([ticket.chosenBy, ticket.endpoint]).toEqual(['picker', TWO]);
      const applied = ticket.apply({ method: 'POST', path: '/', headers: [], body: BODY });
      expect(applied).toEqual({ method: 'POST', path: '/', headers: ['x-picked', '1'], body: BODY });
      ticket.end();
      expect(rig.warnings).toEqual([expect.stringContaining('its pick holds')]);
    });

    it('200 requests at once, while the picker is killed: each gets one outcome', async () => {
      const server = await closers.server({
        picker: async () => {
          await after(Math.random() * 60);
          return { endpoints: [TWO] };
        },
      });
      const relay = await relayTo(server.address);
      const rig = closers.rig(relay.address, { failureMode });
      const outcomes = Promise.all(Array.from({ length: 200 }, () => outcome(rig)));
      await after(60);
      relay.cut();
      const counts = Map.groupBy(await outcomes, (result) => result);
      expect([...counts.keys()].every((key) => key === 'picker' || key === refused)).toBe(true);
      expect((counts.get('picker')?.length ?? 0) + (counts.get(refused)?.length ?? 0)).toBe(200);
      expect(counts.get(refused)?.length ?? 0).toBeGreaterThan(0);
      expect(rig.warnings.filter((text) => text.includes('failureMode'))).toHaveLength(1);
    });
  });
}

describe('FailOpen', () => {
  it('gives the gateway’s own choice, unchanged', async () => {
    const gone = await fakePicker(() => {});
    gone.kill();
    const rig = closers.rig(gone.address, { failureMode: 'FailOpen' });
    const ticket = await rig.picker.pick(asked(), NEVER);
    expect(ticket.ranked.map(({ id }) => id).sort()).toEqual(POOL);
    expect(rig.policy.inFlight()).toEqual([1, 0, 0]);
    expect(ticket.moveTo(TWO)).toBe(true);
    expect([ticket.endpoint, rig.policy.inFlight()]).toEqual([TWO, [0, 1, 0]]);
    const outbound = { method: 'POST', path: '/', headers: ['a', '1'], body: BODY };
    expect(ticket.apply(outbound)).toBe(outbound);
    expect(await ticket.answered(200, [], TWO)).toEqual({ changes: [], refused: [] });
    ticket.data(BODY);
    ticket.end();
    expect(rig.policy.inFlight()).toEqual([0, 0, 0]);
  });

  it('does not make every request wait for a picker that hangs', async () => {
    let asks = 0;
    const hanging = await fakePicker((call) => {
      asks++;
      call.resume();
    });
    closers.add(() => hanging.kill());
    const rig = closers.rig(hanging.address, { failureMode: 'FailOpen', epp: { messageTimeoutMs: 100 } });
    for (let pick = 0; pick < 10; pick++) expect(await outcome(rig)).toBe('own');
    expect(asks).toBe(3);
    expect(rig.warnings).toHaveLength(1);
  });
});

describe('FailClose', () => {
  it('tells the client nothing of the inside, and the log everything', async () => {
    const gone = await fakePicker(() => {});
    gone.kill();
    const rig = closers.rig(gone.address);
    const error = await rig.picker.pick(asked(), NEVER).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'TK_NO_BACKEND', status: 503, headers: { 'retry-after': '1' } });
    expect((error as Error).message).not.toContain('127.0.0.1');
    expect(rig.warnings[0]).toContain(gone.address);
  });
});

describe('a client that leaves', () => {
  it('cancels the exchange at once, in both failure modes', async () => {
    const cancelled: string[] = [];
    const server = await closers.server({
      picker: async ({ signal }) => {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        cancelled.push('seen');
        return { endpoints: [ONE] };
      },
    });
    for (const failureMode of ['FailOpen', 'FailClose'] as const) {
      const rig = closers.rig(server.address, { failureMode, epp: { messageTimeoutMs: 60_000 } });
      const controller = new AbortController();
      const reason = new Error('client has gone');
      const picking: Promise<ExternalTicket> = rig.picker.pick(asked(), controller.signal);
      setTimeout(() => controller.abort(reason), 100);
      await expect(picking).rejects.toBe(reason);
      await expect.poll(() => cancelled.splice(0)).toEqual(['seen']);
      await expect(rig.picker.pick(asked(), controller.signal)).rejects.toBe(reason);
      expect([rig.owned, rig.warnings]).toEqual([0, []]);
    }
  });
});
