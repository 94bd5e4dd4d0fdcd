import * as fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { sliding, type Window } from '#core/limits/window';

import { LeasedStore } from '../leases/leased-store.ts';
import { Model, steps } from '../model.fixture.ts';
import { until } from '../redis.fixture.ts';
import { LONG } from '../store.fixture.ts';
import type { Charge, Hold } from '../store.ts';
import { describeReal, ownRedis } from './real.fixture.ts';
import { RedisStore } from './redis-store.ts';

/** Days, as Redis' clock does not move for a test. */
const DAY = sliding(86_400_000);
/** A client whose clock is off asks for another day than Redis has. */
const DAYS: Window = {
  kind: 'calendar',
  at(now) {
    const start = now - (now % 86_400_000);
    return { start, end: start + 86_400_000 };
  },
};

describeReal('against the model', () => {
  const redis = ownRedis();
  let raw: Redis;
  let run = 0;
  beforeAll(() => void (raw = new Redis(redis.process.port)));
  afterAll(() => raw.disconnect());

  const counters = (): Charge['counter'][] => [
    { key: `a${run}`, window: DAY, limit: 20 },
    { key: `b${run}`, window: LONG, limit: 12 },
    { key: `c${run}`, window: DAYS, limit: 15 },
  ];
  const named = (charges: readonly Charge[]): Charge[] =>
    charges.map((charge) => ({ ...charge, counter: { ...charge.counter, key: `${charge.counter.key[0]}${run}` } }));

  /** As if so much time had passed: what is set aside expires. */
  async function expire(ids: readonly string[]): Promise<void> {
    for (const key of await raw.keys('{*:h')) {
      for (const member of await raw.zrange(key, '0', '-1'))
        if (ids.some((id) => member.startsWith(`${id}.`))) await raw.zadd(key, 'XX', '0', member);
    }
  }

  async function members(): Promise<string[]> {
    const ids: string[] = [];
    for (const key of await raw.keys('{*:h')) ids.push(...(await raw.zrange(key, '0', '-1')).map((member) => member.replace(/\..*/, '')));
    return ids;
  }

  test('the Redis store does what the model does, for two replicas with clocks that are hours off', async () => {
    let skew = 0;
    const options = { settings: redis.settings, prefix: 'model', now: () => Date.now() + skew };
    const stores = [new RedisStore(options), new RedisStore({ ...options, now: () => Date.now() - skew })] as const;
    for (const store of stores) expect(await store.connected(5000)).toBe(true);
    await fc.assert(
      fc.asyncProperty(steps(counters(), ['reserve', 'settle', 'expire', 'wait']), async (all) => {
        run++;
        const model = new Model(Date.now());
        const requests: { hold: Hold; id: string }[] = [];
        const known = new Set(await members());
        const did: unknown[] = [];
        const should: unknown[] = [];
        for (const step of all) {
          if (step.kind === 'wait') {
            skew = step.ms * 10_000;
          } else if (step.kind === 'reserve') {
            const charges = named(step.charges);
            await until('all is settled', () => stores.every(({ unsettled }) => unsettled === 0));
            const decision = await stores[step.store]!.reserve(charges);
            did.push(decision.admitted && decision.hold.granted);
            should.push(model.reserve(charges) ?? false);
            did.push(decision.states.map(({ used, reserved }) => [used, reserved]));
            should.push(charges.map((charge) => [model.used(charge), model.reserved(charge)]));
            if (!decision.admitted) continue;
            const id = (await members()).find((other) => !known.has(other))!;
            known.add(id);
            requests.push({ hold: decision.hold, id });
          } else if (requests.length > 0) {
            const request = step.request % requests.length;
            if (step.kind === 'expire') await expire([requests[request]!.id]);
            else requests[request]!.hold.settle(step.used);
            model[step.kind](request, step.used);
          }
        }
        expect(did).toEqual(should);
      }),
      { numRuns: 60, endOnFailure: true },
    );
    for (const store of stores) await store.close();
    for (const key of await raw.keys('*')) expect(await raw.pttl(key)).toBeGreaterThan(0);
  }, 60_000);

  test('leases never grant more than the model has, and nothing is lost', async () => {
    await fc.assert(
      fc.asyncProperty(steps(counters(), ['reserve', 'settle']), async (all) => {
        run++;
        const options = { settings: redis.settings, prefix: 'leases', share: 0.5, horizonMs: 100_000 };
        const stores = [new LeasedStore(options), new LeasedStore(options)] as const;
        for (const store of stores) expect(await store.connected(5000)).toBe(true);
        const model = new Model(Date.now());
        const holds: Hold[] = [];
        const tooMuch: unknown[] = [];
        for (const step of all) {
          if (step.kind === 'reserve') {
            const charges = named(step.charges);
            const decision = await stores[step.store]!.reserve(charges);
            if (!decision.admitted) continue;
            const { granted } = decision.hold;
            charges.forEach(({ shadow, counter, amount }, i) => {
              if (shadow) return;
              const before = charges.slice(0, i).reduce((sum, other, j) => sum + (other.counter.key === counter.key ? granted[j]! : 0), 0);
              // Use beyond what was granted reaches Redis later: it is no grant.
              const left = counter.limit - model.granted(charges[i]!) - before;
              if (granted[i]! > Math.min(amount, Math.max(0, left))) tooMuch.push({ granted: granted[i], amount, left });
            });
            model.admit(charges, granted);
            holds.push(decision.hold);
          } else if (step.kind === 'settle' && holds.length > 0) {
            const request = step.request % holds.length;
            holds[request]!.settle(step.used);
            model.settle(request, step.used);
          }
        }
        expect(tooMuch).toEqual([]);
        for (const [request, hold] of holds.entries()) {
          hold.settle([1, 1, 1]);
          model.settle(request, [1, 1, 1]);
        }
        for (const store of stores) await store.close();
        const reader = new RedisStore({ settings: redis.settings, prefix: 'leases' });
        expect(await reader.connected(5000)).toBe(true);
        const charges = counters().map((counter): Charge => ({ counter, amount: 1, least: 1, shadow: false, failureMode: 'closed' }));
        const states = await reader.states(charges.map(({ counter }) => counter));
        expect(states.map(({ used, reserved }) => [used, reserved])).toEqual(charges.map((charge) => [model.used(charge), 0]));
        await reader.close();
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 60_000);

  const stretch = sliding(500);
  for (const [name, open] of [
    ['Redis', () => new RedisStore({ settings: redis.settings, prefix: 'stretch-redis' })],
    ['leases', () => new LeasedStore({ settings: redis.settings, prefix: 'stretch-leases', share: 0.2 })],
  ] as const) {
    test(`no stretch of a sliding window grants more than the limit: 3 replicas, 30 clients, ${name}`, async () => {
      const stores = [open(), open(), open()];
      for (const store of stores) expect(await store.connected(5000)).toBe(true);
      const granted: { asked: number; answered: number; units: number }[] = [];
      const end = performance.now() + 2500;
      const counter = { key: 'one', window: stretch, limit: 300 };
      await Promise.all(
        Array.from({ length: 30 }, async (_, client) => {
          for (let i = 0; performance.now() < end; i++) {
            const asked = performance.now();
            const decision = await stores[client % 3]!.reserve([
              { counter, amount: 1 + (i % 7), least: 1, shadow: false, failureMode: 'closed' },
            ]);
            const answered = performance.now();
            if (decision.admitted) {
              const [units = 0] = decision.hold.granted;
              granted.push({ asked, answered, units });
              decision.hold.settle([units]);
            }
            await new Promise((resolve) => setTimeout(resolve, i % 5));
          }
        }),
      );
      for (const store of stores) await store.close();
      // Redis decided somewhere between the question and the answer.
      for (const { asked: from } of granted) {
        const sum = granted
          .filter(({ asked, answered }) => asked >= from && answered <= from + 500)
          .reduce((all, { units }) => all + units, 0);
        expect(sum).toBeLessThanOrEqual(300);
      }
      const all = granted.reduce((sum, { units }) => sum + units, 0);
      // The window is used: its units come back within 1.1 of its length.
      expect(all).toBeGreaterThan(900);
    });
  }
});
