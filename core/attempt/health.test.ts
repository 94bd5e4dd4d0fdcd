import { describe, expect, it } from 'vitest';

import { DEFAULT_HEALTH_CHECK, EndpointHealth, type FailureSort, type PassiveHealthCheck } from './health.ts';

const NOW = 1_000_000;

function health(check: Partial<PassiveHealthCheck> = {}): EndpointHealth {
  return new EndpointHealth({ ...DEFAULT_HEALTH_CHECK, consecutiveFailures: 3, baseEjectionMs: 1000, maxEjectionMs: 3500, ...check });
}

function fail(given: EndpointHealth, times: number, now = NOW, sort: FailureSort = 'server', mayEject = true): void {
  for (let count = 0; count < times; count++) given.failed(sort, now, mayEject);
}

/** Lets the trial after an ejection fail; says how long the next ejection is. */
function failTrial(given: EndpointHealth, now: number): number {
  given.started(now);
  given.failed('server', now, true);
  return given.availableAt() - now;
}

describe('an endpoint', () => {
  it('is out after so many failures in a row, for so long', () => {
    const given = health();
    fail(given, 2);
    expect(given.available(NOW)).toBe(true);
    fail(given, 1);
    expect([given.available(NOW), given.available(NOW + 999), given.available(NOW + 1000)]).toEqual([false, false, true]);
    expect([given.ejected(NOW), given.cooling(NOW)]).toEqual([true, false]);
  });

  it('begins to count anew with a success', () => {
    const given = health();
    for (let turn = 0; turn < 5; turn++) {
      fail(given, 2);
      given.succeeded();
    }
    expect(given.available(NOW)).toBe(true);
  });

  it('counts each sort by itself, where that is asked for', () => {
    const local = health({ consecutiveFailures: 0, consecutiveLocalFailures: 2 });
    fail(local, 10, NOW, 'server');
    fail(local, 1, NOW, 'local');
    fail(local, 1, NOW, 'gateway');
    fail(local, 1, NOW, 'local');
    expect(local.available(NOW)).toBe(true);
    fail(local, 1, NOW, 'local');
    expect(local.available(NOW)).toBe(false);
    const gateway = health({ consecutiveFailures: 0, consecutiveGatewayErrors: 2 });
    fail(gateway, 2, NOW, 'gateway');
    expect(gateway.available(NOW)).toBe(false);
  });

  it('is never out where no limit is set, or none may be ejected', () => {
    const none = health({ consecutiveFailures: 0 });
    fail(none, 100);
    expect(none.available(NOW)).toBe(true);
    const kept = health();
    fail(kept, 100, NOW, 'server', false);
    expect(kept.available(NOW)).toBe(true);
    fail(kept, 1);
    expect(kept.available(NOW)).toBe(false);
  });

  it('is tried by one call at a time after an ejection', () => {
    const given = health();
    fail(given, 3);
    const later = NOW + 1000;
    given.started(later);
    expect(given.available(later)).toBe(false);
    given.succeeded();
    expect(given.available(later)).toBe(true);
    given.started(later);
    expect(given.available(later)).toBe(true);
  });

  it('is out again when the trial fails, with one failure', () => {
    const given = health();
    fail(given, 3);
    expect(failTrial(given, NOW + 1000)).toBe(2000);
    expect(given.available(NOW + 2999)).toBe(false);
    expect(given.available(NOW + 3000)).toBe(true);
  });

  it('lets another call try when the trial says nothing', () => {
    const given = health();
    fail(given, 3);
    given.started(NOW + 1000);
    given.neutral();
    expect(given.available(NOW + 1000)).toBe(true);
  });

  it('is out longer each time, up to the limit, and shorter again after successes', () => {
    const given = health();
    fail(given, 3);
    let now = NOW + 1000;
    for (const expected of [2000, 3000, 3500, 3500]) {
      expect(failTrial(given, now)).toBe(expected);
      now += expected;
    }
    given.started(now);
    for (let count = 0; count < 5; count++) given.succeeded();
    fail(given, 3, now);
    expect(given.availableAt() - now).toBe(1000);
  });

  it('is ejected once by one outage, however many calls were under way', () => {
    const given = health();
    fail(given, 50);
    expect(given.availableAt() - NOW).toBe(1000);
    expect(given.available(NOW + 1000)).toBe(true);
  });

  it('waits as long as it asks for, never longer than five minutes, and never shorter for a second request', () => {
    const given = health();
    given.coolDown(NOW, 2000);
    given.coolDown(NOW, 10);
    expect([given.available(NOW + 1999), given.available(NOW + 2000)]).toEqual([false, true]);
    expect([given.cooling(NOW), given.ejected(NOW)]).toEqual([true, false]);
    given.coolDown(NOW, Number.POSITIVE_INFINITY);
    expect([given.available(NOW + 299_999), given.available(NOW + 300_000)]).toEqual([false, true]);
  });
});
