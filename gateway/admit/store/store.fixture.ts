// For tests: charges in few words, and promises or not.
import { sliding, type Window } from '#core/limits/window';

import type { Charge, CounterStore, Decision, Hold } from './store.ts';

export const MINUTE = sliding(60_000);

/** A period of the calendar that runs for a long time. */
export const LONG: Window = { kind: 'calendar', at: () => ({ start: 0, end: 4_000_000_000_000 }) };

export interface Wanted {
  readonly key?: string;
  readonly window?: Window;
  readonly limit?: number;
  readonly amount?: number;
  readonly least?: number;
  readonly shadow?: boolean;
  readonly failureMode?: 'open' | 'closed';
}

/** One unit of a limit of 10 in a minute, all of it or nothing, unless told otherwise. */
export function charge(wanted: Wanted = {}): Charge {
  const { key = 'k', window = MINUTE, limit = 10, amount = 1, least = amount, shadow = false, failureMode = 'closed' } = wanted;
  return { counter: { key, window, limit }, amount, least, shadow, failureMode };
}

/** The hold of a decision that must admit. */
export function admitted(decision: Decision): Hold {
  if (!decision.admitted) throw new Error(`refused by charge ${decision.refusedBy}`);
  return decision.hold;
}

export function refused(decision: Decision): Extract<Decision, { admitted: false }> {
  if (decision.admitted) throw new Error(`admitted ${decision.hold.granted.join(', ')}`);
  return decision;
}

/** Used, reserved and remaining of one count. */
export async function standing(store: CounterStore, wanted: Wanted = {}): Promise<[used: number, reserved: number, remaining: number]> {
  const [state] = await store.states([charge(wanted).counter]);
  return [state!.used, state!.reserved, state!.remaining];
}
