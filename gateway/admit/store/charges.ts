import { SLOTS, type Window } from '#core/limits/window';

import type { Charge, Counter, CounterState } from './store.ts';

/** Names that are longer would cost every process and Redis memory that nobody counted on. */
const MOST_KEY_BYTES = 512;

/** @throws RangeError for numbers that would spoil a count: it is a fault of the caller, and no one's quota. */
export function checkCharges(charges: readonly Charge[]): void {
  for (const { counter, amount, least } of charges) {
    checkCounter(counter);
    if (!isUnits(amount) || !isUnits(least) || least > amount) {
      throw new RangeError(`count ${counter.key}: ${amount} units, at least ${least}; whole numbers of at least 0 are expected`);
    }
  }
}

export function checkCounter({ key, limit, window }: Counter): void {
  if (!isUnits(limit)) throw new RangeError(`count ${key}: limit ${limit}; a whole number of 0 to 2^53 − 1 is expected`);
  if (key.length > MOST_KEY_BYTES) throw new RangeError(`count ${key.slice(0, 60)}…: its name has more than ${MOST_KEY_BYTES} bytes`);
  if (window.kind === 'sliding' && !(window.lengthMs >= SLOTS)) {
    throw new RangeError(`count ${key}: a window of ${window.lengthMs} ms; at least ${SLOTS} are expected`);
  }
}

function isUnits(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** What a settlement charges: a number that no count could take leaves what was set aside, as settling must not fail. */
export function chargeable(used: number | undefined, granted: number): number {
  if (used === undefined || !(used >= 0)) return granted;
  return Math.min(Math.ceil(used), Number.MAX_SAFE_INTEGER);
}

/**
 * Units to set aside while `left` are left.
 * @returns -1 where the request does not fit
 */
export function grantable({ amount, least, shadow }: Charge, left: number): number {
  if (shadow) return amount;
  return left < Math.max(least, 1) ? -1 : Math.min(amount, left);
}

/** Milliseconds that a slot of a sliding window takes; 0: the window is one of the calendar. */
export function slotLength(window: Window): number {
  return window.kind === 'sliding' ? window.lengthMs / SLOTS : 0;
}

export function stateOf(limit: number, used: number, reserved: number, resetMs: number): CounterState {
  return { limit, used, reserved, remaining: Math.max(0, limit - used - reserved), resetMs };
}
