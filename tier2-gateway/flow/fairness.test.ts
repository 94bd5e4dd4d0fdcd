import { getEventListeners } from 'node:events';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Entered, flowRig, settle } from './clock.fixture.ts';
import { DEFAULT_FLOW } from './settings.ts';

const unlimited = { requests: Infinity, bytes: Infinity };
const roomy = { limits: unlimited, flowLimits: unlimited, band: { ...DEFAULT_FLOW.band, limits: unlimited, ttlMs: 1e9 } };

describe('starvation', () => {
  it('has a bound: a band that waits sees at most maxPassed + B − 1 requests of other bands pass', async () => {
    const arrival = fc.record({ priority: fc.constantFrom(-2, -1, 0, 1, 7), burst: fc.integer({ min: 1, max: 12 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(arrival, { minLength: 5, maxLength: 40 }),
        fc.integer({ min: 1, max: 8 }),
        // With no step at which something arrives it would never end.
        fc.array(fc.boolean(), { minLength: 10, maxLength: 60 }).map((steps) => [...steps, true]),
        async (arrivals, maxPassed, pattern) => {
          const waiting = new Map<number, number>();
          const passed = new Map<number, number>();
          const running: Entered[] = [];
          let worst = 0;
          const rig = flowRig({
            capacity: () => 1,
            settings: { ...roomy, maxPassed },
            onOutcome: ({ priority, waitedMs, id }) => {
              if (id === 'first' || waitedMs < 0) return;
              waiting.set(priority, waiting.get(priority)! - 1);
              for (const [other, count] of waiting) {
                if (other !== priority && count > 0) passed.set(other, (passed.get(other) ?? 0) + 1);
                else passed.set(other, 0);
              }
              worst = Math.max(worst, ...passed.values());
            },
          });
          running.push(rig.enter({ id: 'first' }));
          const entered: Entered[] = [];
          let next = 0;
          for (let step = 0; entered.some(({ admission }) => admission === undefined) || next < arrivals.length; step++) {
            if (pattern[step % pattern.length]! && next < arrivals.length) {
              const { priority, burst } = arrivals[next++]!;
              waiting.set(priority, (waiting.get(priority) ?? 0) + burst);
              for (let each = 0; each < burst; each++) entered.push(rig.enter({ priority, flow: `f${each % 3}` }));
            } else {
              await settle();
              for (const request of [...running, ...entered]) request.admission?.release();
              rig.clock.turns();
            }
          }
          expect(worst).toBeLessThanOrEqual(maxPassed + 5 - 1);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('gives a low band its part and no more under a high band that never ends', async () => {
    const rig = flowRig({ capacity: () => 1, settings: { ...roomy, maxPassed: 9 } });
    const first = rig.enter({ id: 'first' });
    const all = [first];
    for (let each = 0; each < 500; each++)
      all.push(rig.enter({ id: `high${each}`, priority: 1 }), rig.enter({ id: `low${each}`, priority: -1 }));
    for (let end = 0; end < 200; end++) {
      await settle();
      for (const request of all) request.admission?.release();
    }
    const low = rig.admitted.filter((id) => id.startsWith('low')).length;
    expect(rig.admitted.length).toBeGreaterThan(200);
    expect(low / (rig.admitted.length - 1)).toBeCloseTo(0.1, 2);
  });

  it('of a flow among many has a bound too: it waits for no more than two of the largest requests of each other flow', async () => {
    const largest = 50;
    const rig = flowRig({ capacity: () => 1, settings: roomy });
    const all = [rig.enter({ id: 'first', flow: 'f0' })];
    for (let flow = 0; flow < 8; flow++) {
      for (let each = 0; each < 100; each++)
        all.push(rig.enter({ id: `f${flow}`, flow: `f${flow}`, tokens: 1 + ((each * 13 + flow * 7) % largest) }));
    }
    const step = async () => {
      await settle();
      for (const request of all) request.admission?.release();
    };
    for (let end = 0; end < 150; end++) await step();
    const before = rig.admitted.length;
    const newcomer = rig.enter({ id: 'new', flow: 'new', tokens: largest });
    while (newcomer.admission === undefined) await step();
    const meanwhile = new Map<string, number>();
    for (const id of rig.admitted.slice(before, rig.admitted.indexOf('new'))) meanwhile.set(id, (meanwhile.get(id) ?? 0) + 1);
    expect(rig.admitted.indexOf('new') - before).toBeLessThanOrEqual(8 * 2);
  });
});

interface Load {
  readonly flow: string;
  readonly weight: number;
  /** Sizes of its requests, over and over. */
  readonly sizes: readonly number[];
}

/** Runs flows that always have requests waiting, and tells the tokens that each was given after each request. */
async function backlog(loads: readonly Load[], requests: number, concurrency: number, used: (tokens: number, turn: number) => number) {
  const weights = new Map(loads.map(({ flow, weight }) => [flow, weight]));
  const served = new Map(loads.map(({ flow }) => [flow, 0]));
  const history: Map<string, number>[] = [];
  const sizes = new Map<string, number>();
  const rig = flowRig({
    capacity: () => concurrency,
    settings: { ...roomy, weightOf: (flow) => weights.get(flow) ?? 1 },
    onOutcome: ({ id, flow }) => {
      if (!sizes.has(id)) return;
      served.set(flow, served.get(flow)! + sizes.get(id)!);
      history.push(new Map(served));
    },
  });
  const running: { readonly entered: Entered; readonly tokens: number }[] = [];
  for (let each = 0; each < concurrency; each++) running.push({ entered: rig.enter({ flow: 'filler', tokens: 1 }), tokens: 1 });
  await settle();
  rig.clock.turns();
  for (let each = 0; each < Math.ceil(requests / loads.length) * 3; each++) {
    for (const { flow, sizes: own } of loads) {
      const tokens = own[each % own.length]!;
      const id = `${flow}/${each}`;
      // The true size is what a flow is served; its estimate is what it asks with.
      sizes.set(id, used(tokens, each));
      running.push({ entered: rig.enter({ id, flow, tokens }), tokens: used(tokens, each) });
    }
  }
  let end = 0;
  while (history.length < requests) {
    await settle();
    // One at a time, in the order of their beginning.
    const at = running.findIndex(({ entered }) => entered.admission !== undefined);
    const [ended] = running.splice(at, 1);
    ended!.entered.admission!.release(ended!.tokens);
    rig.clock.turns();
    if (++end > requests * 4) throw new Error('it does not go on');
  }
  return history;
}

describe('shares', () => {
  it('differ, divided by weight, by no more than the largest request at any moment', async () => {
    const load = fc.record({
      weight: fc.constantFrom(1, 2, 5),
      sizes: fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(load, { minLength: 2, maxLength: 4 }), async (given) => {
        const loads = given.map((each, index) => ({ ...each, flow: `flow${index}` }));
        // Few enough that no flow runs dry.
        const history = await backlog(loads, 40, 1, (tokens) => tokens);
        const bound = Math.max(...loads.map(({ sizes, weight }) => Math.max(...sizes) / weight));
        const count = new Map<string, number>();
        for (const served of history) {
          const shares = loads.map(({ flow, weight }) => served.get(flow)! / weight);
          for (const { flow } of loads) count.set(flow, served.get(flow)!);
          const dry = loads.some(({ flow, sizes }) => served.get(flow)! > total(sizes, 3 * Math.ceil(40 / loads.length) - 1));
          if (dry) return;
          expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(bound * (1 + 1e-9));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('come to within 3 % of the weights though every estimate is wrong', async () => {
    const loads: Load[] = [
      { flow: 'small', weight: 1, sizes: [100, 120, 80] },
      { flow: 'large', weight: 1, sizes: [900, 1300] },
      { flow: 'double', weight: 2, sizes: [400] },
    ];
    // Off by a factor of up to four, otherwise for each flow.
    const history = await backlog(loads, 1200, 8, (tokens, turn) => tokens * (tokens < 200 ? 4 : 0.5 + (turn % 3) / 2));
    const from = history[400]!;
    const to = history.findLast((served) => served.get('small')! < total([400, 480, 320], 1100)) ?? history.at(-1)!;
    const given = loads.map(({ flow, weight }) => (to.get(flow)! - from.get(flow)!) / weight);
    const mean = given.reduce((all, each) => all + each, 0) / given.length;
    expect(given.map((each) => Math.abs(each / mean - 1) < 0.03)).toEqual([true, true, true]);
  });

  it('are not saved up by a flow that was away', async () => {
    const rig = flowRig({ capacity: () => 1, settings: roomy });
    const all = Array.from({ length: 300 }, () => rig.enter({ id: 'busy', flow: 'busy' }));
    const step = async () => {
      await settle();
      for (const request of all) request.admission?.release();
    };
    for (let end = 0; end < 200; end++) await step();
    for (let each = 0; each < 50; each++) all.push(rig.enter({ id: 'back', flow: 'back' }));
    const before = rig.admitted.length;
    while (rig.admitted.length < before + 40) await step();
    expect(rig.admitted.slice(before, before + 40).filter((id) => id === 'back').length).toBeCloseTo(20, -0.5);
  });

  it('are not saved up by a flow that has one request running all the time', async () => {
    const rig = flowRig({ capacity: () => 2, settings: roomy });
    const long = rig.enter({ id: 'long', flow: 'long' });
    const all = Array.from({ length: 300 }, () => rig.enter({ id: 'busy', flow: 'busy' }));
    const step = async () => {
      await settle();
      for (const request of all) request.admission?.release();
      rig.clock.turns();
    };
    while (rig.admitted.length < 200) await step();
    for (let each = 0; each < 50; each++) all.push(rig.enter({ id: 'long', flow: 'long' }));
    const before = rig.admitted.length;
    while (rig.admitted.length < before + 40) await step();
    expect(rig.admitted.slice(before, before + 40).filter((id) => id === 'long').length).toBeCloseTo(20, -0.5);
    expect(long.admission).toBeDefined();
  });

  it('count what a request really used as soon as it has ended', async () => {
    const rig = flowRig({ capacity: () => 2, settings: roomy });
    const [a, b] = [rig.enter({ flow: 'a', tokens: 10 }), rig.enter({ flow: 'b', tokens: 100 })];
    await settle();
    rig.clock.turns();
    rig.enter({ id: 'a', flow: 'a' });
    rig.enter({ id: 'b', flow: 'b' });
    await settle();
    expect([a.admission !== undefined, b.admission !== undefined]).toEqual([true, true]);
    // By the estimates it is the turn of a.
    a.admission!.release(1000);
    expect(rig.admitted.at(-1)).toBe('b');
  });

  it('cannot be gamed by going away after a large request', async () => {
    const rig = flowRig({ capacity: () => 1, settings: roomy });
    const all: Entered[] = [rig.enter({ flow: 'x' })];
    for (let each = 0; each < 100; each++) all.push(rig.enter({ id: 'honest', flow: 'honest', tokens: 10 }));
    all.push(rig.enter({ id: 'huge', flow: 'gamer', tokens: 500 }));
    const step = async () => {
      await settle();
      for (const request of all) request.admission?.release();
    };
    while (!rig.admitted.includes('huge')) await step();
    await step();
    const before = rig.admitted.length;
    all.push(rig.enter({ id: 'again', flow: 'gamer', tokens: 10 }));
    while (!rig.admitted.includes('again')) await step();
    expect(rig.admitted.indexOf('again') - before).toBeGreaterThan(40);
  });
});

/** Of the first `count` requests. */
function total(sizes: readonly number[], count: number): number {
  let sum = 0;
  for (let each = 0; each < count; each++) sum += sizes[each % sizes.length]!;
  return sum;
}

describe('any history', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('enter' as const), flow: fc.nat(3), priority: fc.integer({ min: -1, max: 1 }), size: fc.nat(400), ttl: fc.constantFrom(undefined, 50, 500) }) }, // prettier-ignore
    { weight: 3, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), which: fc.nat() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 300 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('capacity' as const), value: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('endpoints' as const), value: fc.nat(1) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  );

  it('keeps every limit, answers every request once, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
        let capacity = 2;
        let endpoints = 1;
        let grantedAbove = 0;
        const limits = { requests: 8, bytes: 1500 };
        const flowLimits = { requests: 3, bytes: 900 };
        const band = { limits: { requests: 5, bytes: 1000 }, ttlMs: 1000, order: 'edf' as const };
        const rig = flowRig({
          capacity: () => capacity,
          endpoints: () => endpoints,
          settings: { limits, flowLimits, band, emptyPoolTtlMs: 1000, maxPassed: 3 },
          onOutcome: ({ result }) => {
            if (result === 'admitted' && (rig.control.running > capacity || endpoints === 0)) grantedAbove++;
          },
        });
        const requests: { readonly entered: Entered; readonly abort: AbortController; released: boolean }[] = [];
        const signals = new Set<AbortSignal>();
        for (const what of steps) {
          if (what.do === 'enter') {
            const abort = new AbortController();
            signals.add(abort.signal);
            const { flow, priority, size, ttl } = what;
            const entered = rig.enter({
              flow: `f${flow}`,
              priority,
              tokens: size,
              bytes: size,
              signal: abort.signal,
              ...(ttl === undefined ? {} : { ttlMs: ttl }),
            });
            requests.push({ entered, abort, released: false });
          } else if (what.do === 'release') {
            const open = requests.filter(({ entered, released }) => entered.admission !== undefined && !released);
            const chosen = open[what.which % Math.max(1, open.length)];
            if (chosen !== undefined) {
              chosen.released = true;
              chosen.entered.admission!.release(what.which % 700);
            }
          } else if (what.do === 'leave') {
            requests[what.which % Math.max(1, requests.length)]?.abort.abort(new Error('gone'));
          } else if (what.do === 'advance') rig.clock.advance(what.ms);
          else if (what.do === 'turn') rig.clock.turn();
          else {
            if (what.do === 'capacity') capacity = what.value;
            else endpoints = what.value;
            rig.control.onCapacity();
          }
          await settle();
          const stats = rig.control.stats();
          expect(stats.waiting).toBeLessThanOrEqual(limits.requests);
          expect(stats.waitingBytes).toBeLessThanOrEqual(limits.bytes);
          for (const { waiting, bytes } of stats.bands) {
            expect(waiting).toBeLessThanOrEqual(band.limits.requests);
            expect(bytes).toBeLessThanOrEqual(band.limits.bytes);
          }
          const holding = requests.filter(({ entered, released }) => entered.admission !== undefined && !released).length;
          expect(stats.running).toBe(holding);
          expect(stats.waiting).toBe(
            requests.filter(({ entered }) => entered.admission === undefined && entered.error === undefined).length,
          );
          expect(stats.bands.reduce((all, { waiting }) => all + waiting, 0)).toBe(stats.waiting);
        }
        // All that wait expire, all that run end.
        rig.clock.advance(10_000);
        rig.clock.turns();
        await settle();
        for (const request of requests) request.entered.admission?.release();
        rig.clock.advance(10_000);
        rig.clock.turns();
        await settle();
        for (const request of requests) request.entered.admission?.release();
        expect(grantedAbove).toBe(0);
        expect(rig.outcomes).toHaveLength(requests.length);
        expect(new Set(rig.outcomes.map(({ id }) => id)).size).toBe(requests.length);
        expect(rig.control.stats()).toEqual({ running: 0, waiting: 0, waitingBytes: 0, waitingForEndpoints: 0, bands: [] });
        expect(rig.clock.timers).toBe(0);
        for (const signal of signals) expect(listenersOf(signal)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });
});

/** Listeners that wait for the abort of a signal. */
function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length;
}
