import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { applyEdit } from '../epp/header-edit.ts';
import { startRealPicker } from '../epp/real-picker.fixture.ts';
import { asked, Closers, NEVER, type Rig, type RigOptions } from './external.fixture.ts';

/** Nothing listens there: the pickers decide without asking. */
const PODS = ['127.0.0.2', '127.0.0.3'];
const ENDPOINTS = PODS.map((pod) => `${pod}:18000`);

/** The reference picker refuses a chat without messages. */
const CHAT = asked({ body: Buffer.from(JSON.stringify({ model: 'm', stream: true, messages: [{ role: 'user', content: 'hello' }] })) });

const PICKERS = [
  { name: 'lwepp', variable: 'TIERKIT_LWEPP', flags: [] },
  { name: 'epp', variable: 'TIERKIT_EPP', flags: ['--metrics-endpoint-auth=false', '--tracing=false'] },
] as const;

for (const { name, variable, flags } of PICKERS) {
  // A picker that runs elsewhere, which the variable may name as well, cannot be killed here.
  const binary = process.env[variable]?.includes('/') === true ? process.env[variable] : undefined;
  if (binary === undefined) console.warn(`skipped: the real ${name} chooses for the gateway. ${variable} names its binary`);
  describe.skipIf(binary === undefined && process.env['REQUIRE_REAL'] !== '1')(`the real ${name}`, () => {
    const closers = new Closers();
    let child: ChildProcess;
    let address = '';
    beforeAll(async () => {
      if (binary === undefined) throw new Error(`REQUIRE_REAL is set, and ${variable} names no binary of ${name}`);
      const real = await startRealPicker(binary, flags, PODS);
      closers.add(real.close);
      ({ child, address } = real);
      const deadline = Date.now() + 50_000;
      while (!(await picks(rig()))) {
        if (Date.now() > deadline) throw new Error(`${binary} does not pick within 50 s`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }, 60_000);
    afterAll(() => closers.close());

    const rig = (options: RigOptions = {}): Rig =>
      closers.rig(address, {
        candidates: () => ENDPOINTS,
        endpoints: () => ENDPOINTS,
        ...options,
        epp: { tls: { insecure: true }, ...options.epp },
      });

    it('chooses, hears which pod served, sees the answer, and is killed', async () => {
      const { picker, warnings, policy, ...open } = rig({ failureMode: 'FailOpen' });
      const tickets = await Promise.all(Array.from({ length: 50 }, () => picker.pick(CHAT, NEVER)));
      expect(tickets.map(({ chosenBy }) => chosenBy)).toEqual(tickets.map(() => 'picker'));
      expect(tickets.every(({ ranked }) => ENDPOINTS.includes(ranked[0]!.id))).toBe(true);
      const [first, ...others] = tickets;
      const headers = ['content-type', 'application/json', 'authorization', 'Bearer of-the-pod'];
      const applied = first!.apply({ method: 'POST', path: '/v1/chat/completions', headers, body: null });
      expect(applied.headers.slice(0, 4)).toEqual(headers);
      const edit = await first!.answered(200, ['content-type', 'text/event-stream'], first!.endpoint!);
      const changed = applyEdit([], edit);
      // lwepp sends back what it was told.
      const echo = name === 'lwepp' ? [['x-conformance-test-served-endpoint', first!.endpoint!]] : [];
      expect(changed).toEqual(expect.arrayContaining([['x-went-into-resp-headers', 'true'], ...echo]));
      first!.data(Buffer.from('data: {"choices":[]}\n\ndata: [DONE]\n\n'));
      first!.end();
      expect(warnings).toEqual([]);

      const closed = rig();
      await closed.picker.pick(CHAT, NEVER);
      child.kill('SIGKILL');
      await once(child, 'exit');
      // Those that have their pick go on.
      for (const ticket of others) {
        expect(ticket.moveTo(ENDPOINTS[1]!)).toBe(true);
        void ticket.answered(200, [], ENDPOINTS[1]!);
        ticket.end();
      }
      expect((await picker.pick(CHAT, NEVER)).chosenBy).toBe('own');
      expect([open.owned, policy.inFlight()]).toEqual([0, [1, 0, 0]]);
      await expect(closed.picker.pick(CHAT, NEVER)).rejects.toMatchObject({ status: 503 });
    });
  });
}

async function picks({ picker }: Rig): Promise<boolean> {
  try {
    (await picker.pick(CHAT, NEVER)).end();
    return true;
  } catch {
    return false;
  } finally {
    picker.close();
  }
}
