import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type CalendarUnit, calendarWindow, TOTAL } from './calendar.ts';

function period(unit: CalendarUnit, timeZone: string, time: string): [start: string, end: string, hours: number] {
  const window = calendarWindow(unit, timeZone);
  if (window.kind !== 'calendar') throw new Error('no calendar window');
  const { start, end } = window.at(Date.parse(time));
  return [new Date(start).toISOString(), new Date(end).toISOString(), (end - start) / 3_600_000];
}

const Z = ':00.000Z';

it.each<[string, CalendarUnit, string, string, string, string, number]>([
  [
    'a day in Berlin has 23 hours in March',
    'Day',
    'Europe/Berlin',
    '2026-03-29T12:00:00Z',
    `2026-03-28T23:00${Z}`,
    `2026-03-29T22:00${Z}`,
    23,
  ],
  ['and 25 in October', 'Day', 'Europe/Berlin', '2026-10-25T12:00:00Z', `2026-10-24T22:00${Z}`, `2026-10-25T23:00${Z}`, 25],
  ['to its last moment', 'Day', 'Europe/Berlin', '2026-10-25T22:59:59.999Z', `2026-10-24T22:00${Z}`, `2026-10-25T23:00${Z}`, 25],
  [
    'a month in Berlin begins at midnight there',
    'Month',
    'Europe/Berlin',
    '2026-03-31T21:59:59.999Z',
    `2026-02-28T23:00${Z}`,
    `2026-03-31T22:00${Z}`,
    743,
  ],
  ['and not before', 'Month', 'Europe/Berlin', '2026-03-31T22:00:00.000Z', `2026-03-31T22:00${Z}`, `2026-04-30T22:00${Z}`, 720],
  ['a day in New York', 'Day', 'America/New_York', '2026-11-01T04:00:00Z', `2026-11-01T04:00${Z}`, `2026-11-02T05:00${Z}`, 25],
  ['a quarter in New York', 'Quarter', 'America/New_York', '2026-03-08T07:00:00Z', `2026-01-01T05:00${Z}`, `2026-04-01T04:00${Z}`, 2159],
  ['the last quarter', 'Quarter', 'UTC', '2026-12-31T23:59:59Z', `2026-10-01T00:00${Z}`, `2027-01-01T00:00${Z}`, 2208],
  ['a year in New York', 'Year', 'America/New_York', '2027-01-01T04:59:59.999Z', `2026-01-01T05:00${Z}`, `2027-01-01T05:00${Z}`, 8760],
  ['a week begins on Monday', 'Week', 'UTC', '2026-11-29T23:59:59.999Z', `2026-11-23T00:00${Z}`, `2026-11-30T00:00${Z}`, 168],
  ['from its first moment', 'Week', 'UTC', '2026-11-30T00:00:00Z', `2026-11-30T00:00${Z}`, `2026-12-07T00:00${Z}`, 168],
  [
    'a week in Berlin in March is an hour short',
    'Week',
    'Europe/Berlin',
    '2026-03-25T12:00:00Z',
    `2026-03-22T23:00${Z}`,
    `2026-03-29T22:00${Z}`,
    167,
  ],
  ['a day in Kathmandu', 'Day', 'Asia/Kathmandu', '2026-05-01T18:14:59Z', `2026-04-30T18:15${Z}`, `2026-05-01T18:15${Z}`, 24],
  ['an hour in Kathmandu', 'Hour', 'Asia/Kathmandu', '2026-05-01T18:14:59Z', `2026-05-01T17:15${Z}`, `2026-05-01T18:15${Z}`, 1],
  [
    'the hour that comes twice counts twice',
    'Hour',
    'Europe/Berlin',
    '2026-10-25T01:30:00Z',
    `2026-10-25T01:00${Z}`,
    `2026-10-25T02:00${Z}`,
    1,
  ],
  ['a minute', 'Minute', 'Asia/Kathmandu', '2026-05-01T18:14:59Z', `2026-05-01T18:14${Z}`, `2026-05-01T18:15${Z}`, 1 / 60],
  [
    'the day before the one that Apia left out',
    'Day',
    'Pacific/Apia',
    '2011-12-30T09:59:59.999Z',
    `2011-12-29T10:00${Z}`,
    `2011-12-30T10:00${Z}`,
    24,
  ],
  ['and the day behind it', 'Day', 'Pacific/Apia', '2011-12-30T10:00:00Z', `2011-12-30T10:00${Z}`, `2011-12-31T10:00${Z}`, 24],
  ['a month of 30 days in Apia', 'Month', 'Pacific/Apia', '2011-12-15T00:00:00Z', `2011-12-01T10:00${Z}`, `2011-12-31T10:00${Z}`, 720],
  [
    'a day that begins at one, as midnight is left out',
    'Day',
    'America/Sao_Paulo',
    '2018-11-04T12:00:00Z',
    `2018-11-04T03:00${Z}`,
    `2018-11-05T02:00${Z}`,
    23,
  ],
  [
    'a day that begins at one, east of Greenwich',
    'Day',
    'Asia/Beirut',
    '2026-03-29T12:00:00Z',
    `2026-03-28T22:00${Z}`,
    `2026-03-29T21:00${Z}`,
    23,
  ],
  ['a day whose midnight comes twice', 'Day', 'America/Havana', '2026-11-01T12:00:00Z', `2026-11-01T04:00${Z}`, `2026-11-02T05:00${Z}`, 25],
  [
    'a day behind clocks that go back over midnight',
    'Day',
    'America/St_Johns',
    '2010-11-07T03:00:00Z',
    `2010-11-07T02:30${Z}`,
    `2010-11-08T03:30${Z}`,
    25,
  ],
])('%s', (_name, unit, zone, time, start, end, hours) => {
  expect(period(unit, zone, time)).toEqual([start, end, hours]);
});

describe('periods', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Pacific/Apia',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    'America/St_Johns',
    'Africa/Casablanca',
  ];
  const units: CalendarUnit[] = ['Second', 'Minute', 'Hour', 'Day', 'Week', 'Month', 'Quarter', 'Year'];

  it('follow each other without a gap, whatever was asked before', () => {
    const shared = new Map(units.flatMap((unit) => zones.map((zone) => [`${unit} ${zone}`, calendarWindow(unit, zone)])));
    fc.assert(
      fc.property(
        fc.constantFrom(...units),
        fc.constantFrom(...zones),
        fc.integer({ min: 0, max: Date.UTC(2100, 0) }),
        (unit, zone, now) => {
          const window = shared.get(`${unit} ${zone}`)!;
          if (window.kind !== 'calendar') return;
          const { start, end } = window.at(now);
          expect(start <= now && now < end).toBe(true);
          expect(window.at(end).start).toBe(end);
          expect(window.at(end - 1)).toEqual({ start, end });
          expect(window.at(start)).toEqual({ start, end });
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('are looked up once while they last', () => {
    const window = calendarWindow('Month', 'Europe/Berlin');
    if (window.kind !== 'calendar') throw new Error('no calendar window');
    const found = window.at(Date.UTC(2026, 4, 1));
    expect(window.at(Date.UTC(2026, 4, 20))).toBe(found);
  });
});

it('all time never ends', () => {
  if (TOTAL.kind !== 'calendar') throw new Error('no calendar window');
  const { start, end } = TOTAL.at(Date.now());
  expect([start, new Date(end).getUTCFullYear()]).toEqual([0, 275_760]);
});
