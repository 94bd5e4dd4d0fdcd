import { afterEach, describe, expect, it } from 'vitest';

import { applyEdit } from '../epp/header-edit.ts';
import { fakePicker, llmdDialect, lweppDialect, perCall, pickReply, Seen } from '../epp/picker.fixture.ts';
import type { ProcessingRequest } from '../epp/messages.ts';
import { asked, Closers, NEVER, relayTo, TWO, type RigOptions } from './external.fixture.ts';
import type { ExternalPicker, ExternalTicket } from './external.ts';

const closers = new Closers();
afterEach(() => closers.close());

interface Watched {
  readonly picker: ExternalPicker;
  readonly warnings: string[];
  readonly seen: Seen['answers'];
  readonly ends: Seen['ends'];
  readonly cut: () => void;
}

/** A rig whose server keeps the answers that it is shown. */
async function watched(options: RigOptions = {}): Promise<Watched> {
  const seen = new Seen();
  const server = await closers.server({ picker: async () => ({ endpoints: [TWO], watch: seen.watch() }) });
  const relay = await relayTo(server.address);
  closers.add(() => relay.cut());
  return { ...closers.rig(relay.address, options), seen: seen.answers, ends: seen.ends, cut: () => relay.cut() };
}

const events = Array.from({ length: 50 }, (_, index) => `data: {"n":${index}}\n\n`);

function stream(ticket: ExternalTicket): void {
  void ticket.answered(200, ['content-type', 'text/event-stream'], TWO);
  for (const event of events) ticket.data(Buffer.from(event));
}

describe('the answer', () => {
  for (const mode of ['full-duplex', 'streamed', 'buffered', 'headers-only'] as const) {
    it(`is shown with the served echo, mode ${mode}`, async () => {
      const { picker, seen, ends, warnings } = await watched({ epp: { mode } });
      const ticket = await picker.pick(asked(), NEVER);
      stream(ticket);
      ticket.end();
      await expect.poll(() => ends).toEqual(['complete']);
      const body = mode === 'full-duplex' || mode === 'streamed' ? events.join('') : '';
      const info = { served: TWO, status: 200, headers: [['content-type', 'text/event-stream']] };
      await expect.poll(() => seen).toEqual([{ info, body }]);
      expect(warnings).toEqual([]);
    });
  }

  it('is shown as it comes', async () => {
    const { picker, seen } = await watched();
    const ticket = await picker.pick(asked(), NEVER);
    await ticket.answered(200, [], TWO);
    await expect.poll(() => seen.length).toBe(1);
    ticket.end();
  });

  it('is told once: the first call counts', async () => {
    const { picker, seen, ends } = await watched();
    const ticket = await picker.pick(asked(), NEVER);
    await Promise.all([ticket.answered(200, [], TWO), ticket.answered(500, [], 'other')]);
    ticket.end();
    await expect.poll(() => ends).toEqual(['complete']);
    expect(seen.map(({ info }) => info.status)).toEqual([200]);
  });

  it('that fails, or whose client leaves, is over for the picker at once', async () => {
    const { picker, ends, seen, warnings } = await watched();
    for (const reason of ['reset', 'aborted'] as const) {
      const ticket = await picker.pick(asked(), NEVER);
      stream(ticket);
      await expect.poll(() => seen.length).toBeGreaterThan(0);
      ticket.fail(reason);
      ticket.data(Buffer.from('late'));
      await expect.poll(() => ends.splice(0)).toEqual(['aborted']);
      expect(
        seen
          .splice(0)
          .map(({ body }) => body)
          .join(''),
      ).not.toContain('late');
    }
    // No answer at all.
    (await picker.pick(asked(), NEVER)).fail('connect');
    await expect.poll(() => ends).toEqual(['aborted']);
    // A caller that knows how it ended, and did not show it.
    ends.length = 0;
    (await picker.pick(asked(), NEVER)).end();
    await expect.poll(() => ends).toEqual(['aborted']);
    expect(warnings).toEqual([]);
  });

  it('goes on when the pick’s signal aborts later: the attempt machinery does that at every end', async () => {
    const { picker, ends, seen } = await watched();
    const controller = new AbortController();
    const ticket = await picker.pick(asked(), controller.signal);
    stream(ticket);
    controller.abort(new Error('done'));
    ticket.end();
    await expect.poll(() => ends).toEqual(['complete']);
    await expect.poll(() => seen[0]?.body).toBe(events.join(''));
  });

  it('can have its headers changed', async () => {
    const picker = await perCall(llmdDialect(TWO));
    closers.add(() => picker.kill());
    const ticket = await closers.rig(picker.address).picker.pick(asked(), NEVER);
    const edit = await ticket.answered(200, ['content-type', 'application/json'], TWO);
    expect(applyEdit([['content-type', 'application/json']], edit)).toContainEqual(['x-went-into-resp-headers', 'true']);
    ticket.data(Buffer.from('{}'));
    ticket.end();
  });

  it('is shown no more to a picker that is killed in the middle, which is told once for all of them', async () => {
    const { picker, seen, warnings, cut } = await watched();
    const tickets = await Promise.all(Array.from({ length: 20 }, () => picker.pick(asked(), NEVER)));
    for (const ticket of tickets) stream(ticket);
    await expect.poll(() => seen.length).toBe(20);
    cut();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const ticket of tickets) {
      for (const event of events) ticket.data(Buffer.from(event));
      expect(ticket.ranked).toHaveLength(1);
      ticket.end();
    }
    await expect.poll(() => warnings.length).toBe(1);
    expect(warnings[0]).toMatch(/its pick holds, and the answer goes on without it$/);
  });

  it('does not wait for a picker that died before it', async () => {
    const { picker, warnings, cut } = await watched();
    const ticket = await picker.pick(asked(), NEVER);
    cut();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await ticket.answered(200, [], TWO)).toEqual({ changes: [], refused: [] });
    ticket.data(Buffer.from('x'));
    ticket.end();
    expect(warnings).toHaveLength(1);
  });

  it('is not kept for a picker that does not read', async () => {
    // It picks, takes the headers of the answer, and then nothing.
    const picker = await fakePicker((call) => {
      call.on('data', (message: ProcessingRequest) => {
        if (message.requestHeaders !== undefined) call.write(pickReply(TWO));
        if (message.requestBody !== undefined) call.write({ requestBody: { response: {} } });
        if (message.responseHeaders !== undefined) {
          call.write({ responseHeaders: { response: {} } });
          call.pause();
        }
      });
      call.on('cancelled', () => cancelled.push(1));
    });
    const cancelled: number[] = [];
    closers.add(() => picker.kill());
    const { warnings, ...rig } = closers.rig(picker.address, { maxBehindBytes: 1_000_000 });
    const ticket = await rig.picker.pick(asked(), NEVER);
    await ticket.answered(200, [], TWO);
    for (let count = 0; count < 20; count++) {
      ticket.data(Buffer.alloc(100_000, 'x'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect.poll(() => cancelled).toEqual([1]);
    expect(warnings).toEqual(['the endpoint picker is more than 1000000 bytes behind an answer: it is shown no more of it']);
    ticket.end();
  });

  it('may be far longer than what a picker may be behind, when it keeps up', async () => {
    const { picker, seen, ends, warnings } = await watched({ maxBehindBytes: 1_000_000 });
    const ticket = await picker.pick(asked(), NEVER);
    await ticket.answered(200, [], TWO);
    for (let count = 0; count < 30; count++) {
      ticket.data(Buffer.alloc(100_000, 'x'));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    ticket.end();
    await expect.poll(() => ends).toEqual(['complete']);
    await expect.poll(() => seen[0]?.body.length).toBe(3_000_000);
    expect(warnings).toEqual([]);
  });

  it('ends for a picker that does not answer its headers, within the time limit', async () => {
    const cancelled: number[] = [];
    const picker = await fakePicker((call) => {
      call.on('data', (message: ProcessingRequest) => {
        if (message.responseHeaders === undefined) for (const reply of lweppDialect(TWO)(message)) call.write(reply);
      });
      call.on('cancelled', () => cancelled.push(1));
    });
    closers.add(() => picker.kill());
    const { warnings, ...rig } = closers.rig(picker.address, { epp: { messageTimeoutMs: 100 } });
    const ticket = await rig.picker.pick(asked(), NEVER);
    const edit = ticket.answered(200, [], TWO);
    for (const event of events) ticket.data(Buffer.from(event));
    ticket.end();
    expect(await edit).toEqual({ changes: [], refused: [] });
    await expect.poll(() => cancelled).toEqual([1]);
    await expect.poll(() => warnings).toEqual([expect.stringContaining('did not answer within 100 ms; its pick holds')]);
  });

  it('is not waited for when a picker has left several heads without a reply', async () => {
    let silent = true;
    const silentPicker = await fakePicker((call) => {
      const dialect = lweppDialect(TWO);
      call.on('data', (message: ProcessingRequest) => {
        if (message.responseHeaders === undefined || !silent) for (const reply of dialect(message)) call.write(reply);
      });
      call.on('end', () => call.end());
    });
    closers.add(() => silentPicker.kill());
    let time = 0;
    const clock = { now: () => time };
    const { picker } = closers.rig(silentPicker.address, { epp: { messageTimeoutMs: 100, responseMode: 'none' }, ...clock });
    const waits = async (): Promise<boolean> => {
      const ticket = await picker.pick(asked(), NEVER);
      const { editsAnswer } = ticket;
      await ticket.answered(200, [], TWO);
      ticket.end();
      return editsAnswer;
    };
    const seen: boolean[] = [];
    for (let index = 0; index < 5; index++) seen.push(await waits());
    expect(seen).toEqual([true, true, true, false, false]);
    time = 1000;
    silent = false;
    expect([await waits(), await waits()]).toEqual([true, true]);
  });
});
