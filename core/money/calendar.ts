import type { Window } from '../limits/window.ts';

/** A stretch of the calendar. */
export type CalendarUnit = 'Second' | 'Minute' | 'Hour' | 'Day' | 'Week' | 'Month' | 'Quarter' | 'Year';

interface Period {
  readonly start: number;
  readonly end: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Of the units that no change of clocks makes longer or shorter. */
const LENGTHS = { Second: 1000, Minute: 60_000, Hour: HOUR_MS } as const;

/** The last moment of a Date: where {@link TOTAL} ends, as stores count in whole milliseconds. */
export const END_OF_TIME = 8.64e15;
/** All time. */
export const TOTAL: Window = fixed({ start: 0, end: END_OF_TIME });

function fixed(period: Period): Window {
  return Object.freeze({ kind: 'calendar', at: () => period });
}

/**
 * Periods of the calendar of a time zone. Days, weeks (from Monday), months, quarters and years begin with the first moment of their first
 * day, whatever the clocks do: a day can have 23 or 25 hours, and one that a zone leaves out is none. Hours have 60 minutes; the one that
 * comes twice when clocks go back counts twice.
 *
 * @param timeZone a valid IANA name
 */
export function calendarWindow(unit: CalendarUnit, timeZone = 'UTC'): Window {
  const zone = new Zone(timeZone);
  // One phase for all hours, so that they follow each other without a gap also where a zone shifts by half an hour.
  const phase = unit === 'Hour' ? zone.offset(Date.now()) % HOUR_MS : 0;
  const find =
    unit === 'Second' || unit === 'Minute' || unit === 'Hour'
      ? (now: number) => evenPeriod(now, LENGTHS[unit], phase)
      : (now: number) => datePeriod(now, unit, zone);
  let last: Period = { start: 0, end: 0 };
  return Object.freeze({
    kind: 'calendar',
    at(now: number): Period {
      // All requests but the first of a period ask for that of the request before.
      if (now < last.start || now >= last.end) last = find(now);
      return last;
    },
  });
}

/** Hours begin where the zone has them today: at a quarter to in Kathmandu, as UTC goes. */
function evenPeriod(now: number, lengthMs: number, phase: number): Period {
  const start = Math.floor((now + phase) / lengthMs) * lengthMs - phase;
  return { start, end: start + lengthMs };
}

function datePeriod(now: number, unit: Exclude<CalendarUnit, keyof typeof LENGTHS>, zone: Zone): Period {
  let step = 0;
  const local = now + zone.offset(now);
  for (;;) {
    const start = zone.firstMoment(boundary(local, unit, step));
    const end = zone.firstMoment(boundary(local, unit, step + 1));
    // Clocks that went back over midnight show the day before once more; it has ended all the same.
    if (now >= end) step++;
    else if (now < start) step--;
    else return { start, end };
  }
}

/** Local time, as if it were UTC, at which a period begins: that of a moment, or so many later. */
function boundary(local: number, unit: Exclude<CalendarUnit, keyof typeof LENGTHS>, later: number): number {
  const date = new Date(local);
  const year = date.getUTCFullYear();
  const month = date.getUTCMonth();
  switch (unit) {
    case 'Day':
      return (Math.floor(local / DAY_MS) + later) * DAY_MS;
    case 'Week':
      // The first day of 1970 was a Thursday.
      return (Math.floor((local / DAY_MS + 3) / 7 + later) * 7 - 3) * DAY_MS;
    case 'Month':
      return Date.UTC(year, month + later);
    case 'Quarter':
      return Date.UTC(year, Math.floor(month / 3 + later) * 3);
    case 'Year':
      return Date.UTC(year + later, 0);
  }
}

/** What a time zone's clocks show. */
class Zone {
  readonly #format: Intl.DateTimeFormat | undefined;

  constructor(timeZone: string) {
    this.#format =
      timeZone === 'UTC'
        ? undefined
        : new Intl.DateTimeFormat('en-US', {
            timeZone,
            calendar: 'gregory',
            numberingSystem: 'latn',
            hourCycle: 'h23',
            year: 'numeric',
            month: 'numeric',
            day: 'numeric',
            hour: 'numeric',
            minute: 'numeric',
            second: 'numeric',
          });
  }

  /** Ms that the clocks are ahead of UTC. */
  offset(time: number): number {
    if (this.#format === undefined) return 0;
    const shown: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(time)) shown[type] = Number(value);
    const local = Date.UTC(shown['year']!, shown['month']! - 1, shown['day'], shown['hour'], shown['minute'], shown['second']);
    return local - Math.floor(time / 1000) * 1000;
  }

  /** The first moment at which the clocks show a time or a later one: not all times are shown, and some are shown twice. */
  firstMoment(local: number): number {
    // No zone is further from UTC than this, and none changes its clocks twice within it.
    const before = local - this.offset(local - 15 * HOUR_MS);
    const after = local - this.offset(local + 15 * HOUR_MS);
    const [first, second] = before < after ? [before, after] : [after, before];
    return first + this.offset(first) >= local ? first : second;
  }
}
