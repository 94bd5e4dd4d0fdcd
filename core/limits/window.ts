/**
 * A stretch of time in which a limit counts.
 *
 * `sliding`: any stretch of `lengthMs`, counted in slots of a tenth of it. A slot counts as long as any of it lies in the stretch, so
 * no stretch of that length, wherever it begins, admits more than the limit; what was used comes back up to one slot late.
 *
 * `calendar`: from a moment to a moment, such as a month in a time zone; at its end all is free again.
 */
export type Window =
  | { readonly kind: 'sliding'; readonly lengthMs: number }
  | {
      readonly kind: 'calendar';
      /** The period that a moment lies in, both in ms since 1970; the end is not in it. */
      readonly at: (now: number) => { readonly start: number; readonly end: number };
    };

export const SLOTS = 10;

/** Any stretch of a length in ms. */
export function sliding(lengthMs: number): Window {
  return Object.freeze({ kind: 'sliding', lengthMs });
}

/** Months of the calendar, in UTC. */
export const UTC_MONTH: Window = calendar((year, month) => [Date.UTC(year, month), Date.UTC(year, month + 1)]);
/** Years of the calendar, in UTC. */
export const UTC_YEAR: Window = calendar((year) => [Date.UTC(year, 0), Date.UTC(year + 1, 0)]);

function calendar(periodOf: (year: number, month: number) => readonly [start: number, end: number]): Window {
  let last = { start: 0, end: 0 };
  return Object.freeze({
    kind: 'calendar',
    at(now: number) {
      // All requests but the first of a month ask for the period of the request before.
      if (now >= last.start && now < last.end) return last;
      const date = new Date(now);
      const [start, end] = periodOf(date.getUTCFullYear(), date.getUTCMonth());
      last = { start, end };
      return last;
    },
  });
}
