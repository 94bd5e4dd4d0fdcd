import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { sliding, UTC_MONTH, UTC_YEAR, type Window } from './window.ts';

const period = (window: Window, time: string): [string, string] => {
  if (window.kind !== 'calendar') throw new Error('no calendar window');
  const { start, end } = window.at(Date.parse(time));
  return [new Date(start).toISOString(), new Date(end).toISOString()];
};

it('a sliding window has its length and no more', () => {
  expect(sliding(60_000)).toEqual({ kind: 'sliding', lengthMs: 60_000 });
});

describe('a calendar window', () => {
  it.each<[string, Window, string, [string, string]]>([
    ['month', UTC_MONTH, '2028-02-29T23:59:59.999Z', ['2028-02-01T00:00:00.000Z', '2028-03-01T00:00:00.000Z']],
    ['month from its first moment', UTC_MONTH, '2028-03-01T00:00:00.000Z', ['2028-03-01T00:00:00.000Z', '2028-04-01T00:00:00.000Z']],
    ['month at the end of a year', UTC_MONTH, '2027-12-31T12:00:00Z', ['2027-12-01T00:00:00.000Z', '2028-01-01T00:00:00.000Z']],
    ['year', UTC_YEAR, '2028-12-31T23:59:59.999Z', ['2028-01-01T00:00:00.000Z', '2029-01-01T00:00:00.000Z']],
    ['year from its first moment', UTC_YEAR, '2029-01-01T00:00:00.000Z', ['2029-01-01T00:00:00.000Z', '2030-01-01T00:00:00.000Z']],
  ])('%s', (_name, window, time, expected) => {
    expect(period(window, time)).toEqual(expected);
  });

  it('has the moment in its period, whatever was asked before', () => {
    const moment = fc.integer({ min: 0, max: Date.UTC(2100, 0) });
    fc.assert(
      fc.property(fc.constantFrom(UTC_MONTH, UTC_YEAR), moment, (window, now) => {
        if (window.kind !== 'calendar') return;
        const { start, end } = window.at(now);
        expect(start <= now && now < end).toBe(true);
        expect(window.at(end).start).toBe(end);
        expect(window.at(end - 1).start).toBe(start);
      }),
    );
  });
});
