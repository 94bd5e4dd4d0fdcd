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
