import { expect, test } from 'vitest';

import { Random } from './engine/random.ts';
import { FailurePlan, readFailures } from './failures.ts';

test('a rate is a share of the requests, the same ones for the same seed', () => {
  const runs = [1, 2].map(() => {
    const plan = new FailurePlan();
    plan.set([{ kind: 'error', rate: 0.25 }], 0);
    const random = new Random('seed');
    return Array.from({ length: 2000 }, () => (plan.decide('/', 1, random).kind === 'refuse' ? 'x' : '.')).join('');
  });
  const struck = runs[0]!.replaceAll('.', '').length;
  expect(struck).toBeGreaterThan(430);
  expect(struck).toBeLessThan(570);
  expect(runs[0]).toBe(runs[1]);
});

test('windows count from when the rules are set, and include their start only', () => {
  const plan = new FailurePlan();
  plan.set(
    [
      { kind: 'rate_limit', fromMs: 10, untilMs: 20, retryAfterS: 3 },
      { kind: 'slow', fromMs: 10, untilMs: 20, factor: 3 },
      { kind: 'unready', untilMs: 5 },
    ],
    1000,
  );
  const random = new Random(0);
  const kinds = [1009, 1010, 1019, 1020].map((now) => plan.decide('/', now, random).kind);
  expect(kinds).toEqual(['serve', 'refuse', 'refuse', 'serve']);
  expect([1009, 1010, 1020].map((now) => plan.slowness(now))).toEqual([1, 3, 1]);
  expect([1000, 1004, 1005].map((now) => plan.unready(now))).toEqual([true, true, false]);
});

test('a rule for an endpoint leaves the others alone', () => {
  const plan = new FailurePlan();
  plan.set([{ kind: 'hang', endpoint: '/v1/completions' }], 0);
  const random = new Random(0);
  expect(plan.decide('/v1/completions', 0, random)).toEqual({ kind: 'hang' });
  expect(plan.decide('/v1/chat/completions', 0, random)).toEqual({ kind: 'serve' });
});

test('a crash without a rate comes once', () => {
  const plan = new FailurePlan();
  plan.set([{ kind: 'oom', fromMs: 50, restartMs: 7 }], 100);
  expect(plan.nextCrashAt()).toBe(150);
  expect(plan.crash(149)).toBe(undefined);
  expect(plan.crash(150)).toBe(7);
  expect(plan.nextCrashAt()).toBe(Infinity);
});

test.each([
  ['x', 'failures must be a list'],
  [
    [{ kind: 'eror' }],
    'failures[0].kind must be one of error, rate_limit, hang, reset, slow, oom, unready, not "eror"; did you mean "error"?',
  ],
  [[{ kind: 'error', rate: 2 }], 'failures[0].rate must be a number, from 0 to 1, not 2'],
  [[{ kind: 'error', status: 404 }], 'failures[0].status must be a number, from 500 to 599, not 404'],
  [[{ kind: 'error' }, { kind: 'hang', factr: 2 }], 'failures[1].factr is not a setting of "hang"'],
  [[{ kind: 'slow', rate: 0.5 }], 'failures[0]: "slow" holds for the whole pod: it takes no rate and no endpoint'],
  [[{ kind: 'slow', factr: 2 }], 'failures[0].factr is not a setting of "slow"; did you mean "factor"?'],
])('bad rules are refused with the place: %j', (rules, message) => {
  expect(() => readFailures(rules)).toThrow(message);
});
