import { describe, expect, it } from 'vitest';

import { GatewayError } from '#core/errors';

import { type Entered, flowRig, settle } from './clock.fixture.ts';
import { FlowControl } from './flow-control.ts';

/** Status, reason and Retry-After of a refusal. */
function refusal({ error }: Entered): unknown[] {
  if (!(error instanceof GatewayError)) return [error];
  return [error.code, error.status, error.headers['x-llm-d-request-dropped-reason'], error.headers['retry-after']];
}

/** One request runs, so that what comes next waits for its end. */
async function full(rig: ReturnType<typeof flowRig>): Promise<Entered> {
  const first = rig.enter({ id: 'first' });
  await settle();
  rig.clock.turns();
  expect(first.admission).toBeDefined();
  return first;
}

const one = { capacity: () => 1 };

describe('order', () => {
  it('lets a request through at once when there is room', async () => {
    const rig = flowRig();
    const request = rig.enter();
    await settle();
    expect(request.admission?.waitedMs).toBe(0);
    expect(rig.control.stats()).toMatchObject({ running: 1, waiting: 0 });
  });

  it('follows the priority, then the end of the time', async () => {
    const rig = flowRig(one);
    let running = await full(rig);
    const requests = [
      rig.enter({ id: 'low', priority: -1 }),
      rig.enter({ id: 'late', priority: 0 }),
      rig.enter({ id: 'soon', priority: 0, deadlineMs: 2000 }),
      rig.enter({ id: 'high', priority: 10 }),
    ];
    for (let turn = 0; turn < requests.length; turn++) {
      running.admission!.release();
      await settle();
      rig.clock.turns();
      running = requests.find(({ id }) => id === rig.admitted.at(-1))!;
    }
    expect(rig.admitted).toEqual(['first', 'high', 'soon', 'late', 'low']);
  });

  it('is that of arrival where the band says so', async () => {
    const rig = flowRig({ ...one, settings: { bands: new Map([[0, { order: 'fcfs' as const }]]) } });
    const running = await full(rig);
    rig.enter({ id: 'a' });
    rig.enter({ id: 'b', deadlineMs: 2000 });
    running.admission!.release();
    expect(rig.admitted).toEqual(['first', 'a']);
  });

  it('does not wait for a tick: the end of one is the beginning of the next', async () => {
    const rig = flowRig(one);
    const running = await full(rig);
    const next = rig.enter();
    rig.clock.advance(250);
    running.admission!.release();
    // Neither a timer nor a turn of the event loop lies in between.
    expect(rig.admitted).toHaveLength(2);
    await settle();
    expect(next.admission!.waitedMs).toBe(250);
  });

  it('is kept when there is room that nobody told of', async () => {
    let capacity = 1;
    const rig = flowRig({ capacity: () => capacity });
    await full(rig);
    rig.enter({ id: 'waits' });
    capacity = 2;
    rig.enter({ id: 'comes' });
    expect(rig.admitted).toEqual(['first', 'waits']);
  });

  it('begins again when it hears of capacity', async () => {
    let share = 0.5;
    const rig = flowRig({ saturation: () => share });
    await full(rig);
    share = 1;
    const next = rig.enter();
    await settle();
    expect(next.admission).toBeUndefined();
    share = 0.99;
    rig.control.onCapacity();
    await settle();
    expect(next.admission).toBeDefined();
  });
});

describe('room', () => {
  it('is left to one request whatever the saturation: stale numbers stop nothing for ever', async () => {
    for (const share of [1, 5, Number.NaN]) {
      const rig = flowRig({ saturation: () => share });
      const [first, second] = [rig.enter(), rig.enter()];
      await settle();
      rig.clock.turns();
      rig.control.onCapacity();
      await settle();
      expect([first.admission !== undefined, second.admission !== undefined]).toEqual([true, false]);
      first.admission!.release();
      await settle();
      expect(second.admission).toBeDefined();
    }
  });

  it('is none where the capacity is none, or no endpoint', async () => {
    for (const options of [{ capacity: () => 0 }, { endpoints: () => 0 }]) {
      const rig = flowRig(options);
      const request = rig.enter();
      await settle();
      rig.control.onCapacity();
      await settle();
      expect(request.admission).toBeUndefined();
      expect(rig.control.waiting).toBe(1);
    }
  });

  it('is not given twice while the picker has not placed what was let through', async () => {
    // The saturation knows only of requests that the picker placed in the turn after.
    let placed = 0;
    const rig = flowRig({ saturation: () => placed / 10 });
    const requests = Array.from({ length: 50 }, () => rig.enter());
    let most = 0;
    for (let turn = 0; turn < 100; turn++) {
      await settle();
      placed = requests.filter(({ admission }) => admission !== undefined).length;
      most = Math.max(most, rig.control.running);
      rig.clock.turn();
    }
    expect(most).toBe(10);
    expect(rig.control.running).toBe(10);
    expect(rig.control.waiting).toBe(40);
  });
});

describe('refusals', () => {
  it('come with 429 when the time is over and endpoints are there, at that time', async () => {
    const rig = flowRig(one);
    await full(rig);
    const own = rig.enter({ ttlMs: 500 });
    const deadline = rig.enter({ deadlineMs: rig.clock.now + 700 });
    const band = rig.enter();
    rig.clock.advance(499);
    await settle();
    expect(own.error).toBeUndefined();
    rig.clock.advance(1);
    await settle();
    expect(refusal(own)).toEqual(['TK_RATE_LIMITED', 429, 'rejected-ttl-expired', '1']);
    expect(deadline.error).toBeUndefined();
    rig.clock.advance(200);
    await settle();
    expect(refusal(deadline)[2]).toBe('rejected-ttl-expired');
    rig.clock.advance(59_299);
    await settle();
    expect(band.error).toBeUndefined();
    rig.clock.advance(1);
    await settle();
    expect(refusal(band)[2]).toBe('rejected-ttl-expired');
    expect(rig.clock.timers).toBe(0);
  });

  it('come at once when the deadline is over', async () => {
    const rig = flowRig();
    const request = rig.enter({ deadlineMs: 999 });
    await settle();
    expect(refusal(request)).toEqual(['TK_RATE_LIMITED', 429, 'rejected-ttl-expired', '1']);
  });

  it('do not overtake the clock: what has expired is not let through by the end of another one', async () => {
    const rig = flowRig(one);
    const running = await full(rig);
    const request = rig.enter({ ttlMs: 100 });
    // The event loop was busy: the timer has not run yet.
    rig.clock.now += 200;
    running.admission!.release();
    await settle();
    expect(refusal(request)[2]).toBe('rejected-ttl-expired');
  });

  it('come with the time that the queue takes', async () => {
    const rig = flowRig({ ...one, settings: { flowLimits: { requests: 20, bytes: 1e6 } } });
    let running = await full(rig);
    const requests = Array.from({ length: 20 }, () => rig.enter());
    for (let end = 0; end < 5; end++) {
      rig.clock.advance(2000);
      running.admission!.release();
      await settle();
      running = requests.find(({ admission, id }) => admission !== undefined && id === rig.admitted.at(-1))!;
    }
    for (let more = 0; more < 5; more++) rig.enter();
    const refused = rig.enter();
    await settle();
    // 20 wait, one every two seconds.
    expect(refusal(refused)).toEqual(['TK_RATE_LIMITED', 429, 'rejected-saturated', '42']);
  });

  it('end the waiting room of an empty pool with 503, after its own time', async () => {
    let endpoints = 0;
    const rig = flowRig({ endpoints: () => endpoints, settings: { emptyPoolTtlMs: 120_000 } });
    const [first, second] = [rig.enter(), rig.enter({ ttlMs: 1000 })];
    expect(rig.control.stats().waitingForEndpoints).toBe(2);
    rig.clock.advance(1000);
    await settle();
    expect(refusal(second)).toEqual(['TK_NO_BACKEND', 503, 'rejected-no-endpoints', '10']);
    rig.clock.advance(100_000);
    const third = rig.enter();
    rig.clock.advance(19_000);
    await settle();
    expect(refusal(first)[2]).toBe('rejected-no-endpoints');
    endpoints = 1;
    rig.control.onCapacity();
    await settle();
    expect(third.admission?.waitedMs).toBe(19_000);
    expect(rig.control.stats().waitingForEndpoints).toBe(0);
  });

  it('come at once from an empty pool that has no waiting room', async () => {
    const rig = flowRig({ endpoints: () => 0, settings: { emptyPoolTtlMs: 0 } });
    const request = rig.enter();
    await settle();
    expect(refusal(request)).toEqual(['TK_NO_BACKEND', 503, 'rejected-no-endpoints', '10']);
  });

  it('come to all when the gateway stops, and what runs goes on', async () => {
    const rig = flowRig(one);
    const running = await full(rig);
    const waiting = rig.enter();
    rig.control.drain();
    const late = rig.enter();
    await settle();
    expect(refusal(waiting)).toEqual(['TK_DRAINING', 503, 'rejected-shutting-down', '1']);
    expect(refusal(late)).toEqual(['TK_DRAINING', 503, 'rejected-shutting-down', '1']);
    expect(rig.control.running).toBe(1);
    running.admission!.release();
    expect(rig.control.stats()).toMatchObject({ running: 0, waiting: 0, bands: [] });
  });
});

const limits = (requests: number, bytes = 1e9) => ({ requests, bytes });
const band = (own: ReturnType<typeof limits>) => ({ limits: own, ttlMs: 60_000, order: 'edf' as const });

describe('limits', () => {
  it.each([
    ['of a flow', { flowLimits: limits(2) }, [{}, {}, {}], [{ flow: 'other' }]],
    ['of a flow in bytes', { flowLimits: limits(9, 250) }, [{}, {}, {}], [{ bytes: 50 }, { flow: 'other' }]],
    ['of a band', { band: band(limits(2)) }, [{}, { flow: 'g' }, { flow: 'h' }], [{ priority: 1 }]],
    ['of a band in bytes', { band: band(limits(9, 250)) }, [{}, { flow: 'g' }, { flow: 'h' }], [{ flow: 'h', bytes: 50 }]],
    ['of all', { limits: limits(2) }, [{}, { flow: 'g', priority: 1 }, { flow: 'h', priority: 2 }], []],
    ['of all in bytes', { limits: limits(9, 250) }, [{}, { flow: 'g', priority: 1 }, { priority: 2 }], [{ bytes: 50 }]],
    ['of one band', { bands: new Map([[5, { limits: limits(1) }]]) }, [{}, { priority: 5 }, { priority: 5 }], [{}]],
  ])('%s hold', async (_name, settings, requests, more) => {
    const rig = flowRig({ ...one, settings });
    await full(rig);
    const entered = requests.map((request) => rig.enter(request));
    await settle();
    expect(entered.map((each) => refusal(each)[2])).toEqual([undefined, undefined, 'rejected-saturated']);
    const others = more.map((request) => rig.enter(request));
    await settle();
    expect(others.map(({ error }) => error)).toEqual(more.map(() => undefined));
  });

  it('let a request of no limit through when there is room', async () => {
    const rig = flowRig({ settings: { limits: limits(0, 0) } });
    const request = rig.enter({ bytes: 1e9 });
    await settle();
    expect(request.admission).toBeDefined();
  });

  it('give the place of sheddable requests to more important ones: lowest first, the longest flow, its last request', async () => {
    const rig = flowRig({ ...one, settings: { limits: limits(5) } });
    await full(rig);
    rig.enter({ id: 'kept-0' });
    rig.enter({ id: 'kept--1', priority: -1 });
    rig.enter({ id: 'a1', priority: -2, flow: 'a' });
    rig.enter({ id: 'a2', priority: -2, flow: 'a' });
    rig.enter({ id: 'b1', priority: -2, flow: 'b' });
    const newcomers = [rig.enter({ id: 'n1' }), rig.enter({ id: 'n2', priority: -1 })];
    await settle();
    expect(newcomers.map(({ error }) => error)).toEqual([undefined, undefined]);
    const evicted = rig.outcomes.filter(({ result }) => result === 'evicted-queue-pressure').map(({ id }) => id);
    expect(evicted).toEqual(['a2', 'a1']);
    // As high as the lowest, and above it, but what waits is not sheddable.
    const equal = rig.enter({ priority: -2 });
    await settle();
    expect(refusal(equal)[2]).toBe('rejected-saturated');
  });

  it('evict nobody for a request that would not fit all the same', async () => {
    const rig = flowRig({ ...one, settings: { limits: limits(10, 300) } });
    await full(rig);
    const victim = rig.enter({ priority: -1, bytes: 100 });
    rig.enter({ bytes: 100 });
    const large = rig.enter({ bytes: 250 });
    await settle();
    expect([refusal(large)[2], victim.error]).toEqual(['rejected-saturated', undefined]);
    const fitting = rig.enter({ bytes: 200 });
    await settle();
    expect([refusal(victim), fitting.error]).toEqual([['TK_RATE_LIMITED', 429, 'evicted-queue-pressure', '1'], undefined]);
  });

  it('never evict what is not sheddable', async () => {
    const rig = flowRig({ ...one, settings: { limits: limits(1) } });
    await full(rig);
    const waiting = rig.enter({ priority: 0 });
    const high = rig.enter({ priority: 100 });
    await settle();
    expect([waiting.error, refusal(high)[2]]).toEqual([undefined, 'rejected-saturated']);
  });

  it('refuse sheddable requests at once where they may not wait, and only when it is full', async () => {
    let share = 0;
    const rig = flowRig({ saturation: () => share, settings: { sheddableWaits: false } });
    await full(rig);
    // Two in one turn: the second waits for the next turn, which is not the same as being full.
    const early = [rig.enter({ priority: -1 }), rig.enter({ priority: -1 })];
    await settle();
    rig.clock.turns();
    await settle();
    expect(early.map(({ admission }) => admission !== undefined)).toEqual([true, true]);
    share = 1;
    const late = [rig.enter({ priority: -1 }), rig.enter({ priority: 0 })];
    await settle();
    expect(late.map((each) => refusal(each)[2])).toEqual(['rejected-saturated', undefined]);
  });
});

describe('clients that leave', () => {
  it('leave nothing behind', async () => {
    const rig = flowRig(one);
    const running = await full(rig);
    const abort = new AbortController();
    const request = rig.enter({ signal: abort.signal });
    const reason = new Error('gone');
    abort.abort(reason);
    await settle();
    expect(request.error).toBe(reason);
    expect(rig.outcomes.at(-1)?.result).toBe('rejected-context-cancelled');
    running.admission!.release();
    expect(rig.control.stats()).toEqual({ running: 0, waiting: 0, waitingBytes: 0, waitingForEndpoints: 0, bands: [] });
    expect(rig.clock.timers).toBe(0);
  });

  it('before they have come are not let in', async () => {
    const rig = flowRig();
    const request = rig.enter({ signal: AbortSignal.abort(new Error('gone')) });
    await settle();
    expect(request.error).toEqual(new Error('gone'));
    expect(rig.control.running).toBe(0);
  });

  it('after they were let through hold their place until it is released', async () => {
    const rig = flowRig(one);
    const running = await full(rig);
    const abort = new AbortController();
    const request = rig.enter({ signal: abort.signal });
    running.admission!.release();
    abort.abort();
    await settle();
    expect(request.admission).toBeDefined();
    expect(rig.control.running).toBe(1);
    request.admission!.release();
    request.admission!.release();
    expect(rig.control.running).toBe(0);
  });
});

it('survives callbacks that call back in', async () => {
  const holder: { rig?: ReturnType<typeof flowRig> } = {};
  const rig = flowRig({
    ...one,
    settings: { limits: { requests: 2, bytes: 1e6 } },
    onOutcome: ({ id, result }) => {
      if (result === 'admitted' && id === 'drains') holder.rig!.control.drain();
      if (result === 'evicted-queue-pressure') holder.rig!.enter({ id: `again-${id}`, priority: 0 });
    },
  });
  holder.rig = rig;
  const running = await full(rig);
  const requests = [
    rig.enter({ id: 'victim', priority: -1 }),
    rig.enter({ id: 'drains', priority: 5 }),
    rig.enter({ id: 'evicts', priority: 1 }),
  ];
  running.admission!.release();
  await settle();
  expect(requests.map(({ admission }) => admission !== undefined)).toEqual([false, true, false]);
  requests[1]!.admission!.release();
  expect(rig.control.stats()).toEqual({ running: 0, waiting: 0, waitingBytes: 0, waitingForEndpoints: 0, bands: [] });
});

it('works with the clock and the event loop of the system', async () => {
  const control = new FlowControl({ saturation: () => 0, endpoints: () => 1, capacity: () => 2 });
  const request = (id: string, ttlMs = 5000) => control.enter({ id, flow: 'f', priority: 0, tokens: 1, bytes: 1, ttlMs });
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      using _admission = await request(String(index));
      most = Math.max(most, control.running);
      await settle();
    }),
  );
  expect(most).toBe(2);
  using _first = await request('a');
  using _second = await request('b');
  await expect(request('c', 20)).rejects.toMatchObject({ code: 'TK_RATE_LIMITED' });
});
