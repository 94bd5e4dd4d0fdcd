import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { sliding, type Window } from '#core/limits/window';

import { Model, steps } from '../model.fixture.ts';
import type { Hold } from '../store.ts';
import { MemoryStore } from './memory-store.ts';

const TEN_SECONDS: Window = {
  kind: 'calendar',
  at(now) {
    const start = now - (now % 10_000);
    return { start, end: start + 10_000 };
  },
};
const COUNTERS = [
  { key: 'a', window: sliding(1000), limit: 20 },
  { key: 'b', window: sliding(7001), limit: 12 },
  { key: 'c', window: TEN_SECONDS, limit: 15 },
];
const MAX_HOLD_MS = 3000;

test('the memory store does what the model does', () => {
  fc.assert(
    fc.property(steps(COUNTERS, ['reserve', 'settle', 'wait']), (all) => {
      const model = new Model(1_700_000_000_000);
      const store = new MemoryStore({ now: () => model.now, maxHoldMs: MAX_HOLD_MS });
      const holds: { hold: Hold; born: number }[] = [];
      const did: unknown[] = [];
      const should: unknown[] = [];
      for (const step of all) {
        if (step.kind === 'wait') {
          model.now += step.ms;
          // Holds are looked after once a second, by decisions.
          store.reserve([]);
          model.now += 1000;
          store.reserve([]);
          holds.forEach(({ born }, i) => model.now - born >= MAX_HOLD_MS && model.expire(i));
        } else if (step.kind === 'settle' && holds.length > 0) {
          const request = step.request % holds.length;
          holds[request]!.hold.settle(step.used);
          model.settle(request, step.used);
        } else if (step.kind === 'reserve') {
          const decision = store.reserve(step.charges);
          did.push(decision.admitted && decision.hold.granted);
          should.push(model.reserve(step.charges) ?? false);
          if (decision.admitted) holds.push({ hold: decision.hold, born: model.now });
          did.push(decision.states.map(({ used, reserved }) => [used, reserved]));
          should.push(step.charges.map((charge) => [model.used(charge), model.reserved(charge)]));
        }
      }
      expect(did).toEqual(should);
    }),
    { numRuns: 500 },
  );
});

test('no stretch, wherever it begins, is used beyond the limit', () => {
  const counter = { key: 'a', window: sliding(1000), limit: 20 };
  const request = fc.record({
    after: fc.nat(300),
    amount: fc.integer({ min: 1, max: 8 }),
    part: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(request, { maxLength: 80 }), (requests) => {
      let now = 1_700_000_000_000;
      const store = new MemoryStore({ now: () => now });
      const used: { at: number; units: number }[] = [];
      for (const { after, amount, part } of requests) {
        now += after;
        const decision = store.reserve([{ counter, amount, least: 1, shadow: false, failureMode: 'closed' }]);
        if (!decision.admitted) continue;
        const units = Math.floor(decision.hold.granted[0]! * part);
        decision.hold.settle([units]);
        used.push({ at: now, units });
      }
      for (const { at: from } of used) {
        const inStretch = used.filter(({ at }) => at >= from && at <= from + 1000).reduce((sum, { units }) => sum + units, 0);
        expect(inStretch).toBeLessThanOrEqual(20);
      }
    }),
    { numRuns: 500 },
  );
});
