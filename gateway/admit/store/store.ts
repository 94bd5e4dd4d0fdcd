import type { Window } from '#core/limits/window';

/** One count that a request goes to. */
export interface Counter {
  /** Names limit and subject, at most 512 bytes. A store puts its own prefix before it. */
  readonly key: string;
  readonly window: Window;
  /** Whole units in a window, 0 to 2^53 − 1. */
  readonly limit: number;
}

/** What one request sets aside of one count. */
export interface Charge {
  readonly counter: Counter;
  /** Units that are wanted. Where less is left, what is left is set aside, down to {@link least}. */
  readonly amount: number;
  /** Without so many units the request is refused. At most {@link amount}; 0 lets a request through while one unit is left. */
  readonly least: number;
  /** Is counted, and refuses nothing: then all of the amount is set aside. */
  readonly shadow: boolean;
  /** What becomes of the request while the counts cannot be had: it goes on, or is refused. */
  readonly failureMode: 'open' | 'closed';
}

/** How a count stands. */
export interface CounterState {
  readonly limit: number;
  /** Settled units that count now. */
  readonly used: number;
  /** Units set aside by requests under way. */
  readonly reserved: number;
  /** Never below 0. */
  readonly remaining: number;
  /** Milliseconds until something, in a calendar window all, comes free. */
  readonly resetMs: number;
}

/** What a decision set aside, until it is settled or expires. */
export interface Hold {
  /** Units set aside, one for each charge, in their order. */
  readonly granted: readonly number[];
  /**
   * Puts what was used in the place of what was set aside, one number for each charge. In windows that have ended nothing changes any
   * more. Only the first call counts, and a hold that has expired is charged all the same. Never throws: what a store cannot take now it
   * takes later, or tells to its `onLost`.
   */
  settle(used: readonly number[]): void;
}

export type Decision =
  | { readonly admitted: true; readonly hold: Hold; readonly states: readonly CounterState[] }
  | {
      readonly admitted: false;
      /** Index of the charge that did not fit, the one that has to wait longest where there are several. */
      readonly refusedBy: number;
      readonly states: readonly CounterState[];
      /** Milliseconds until the request may fit, as far as it is known; undefined: never (more than the limit is wanted). */
      readonly retryAfterMs: number | undefined;
    };

/** The store cannot be asked. What follows is the rule's failure mode. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}

/** Counts of all limits and budgets. */
export interface CounterStore {
  /**
   * Sets aside units of every count, of all or of none. Answers without a promise where nothing has to be waited for.
   * @throws StoreUnavailable
   */
  reserve(charges: readonly Charge[]): Decision | Promise<Decision>;
  /** How counts stand, for those who look. @throws StoreUnavailable */
  states(counters: readonly Counter[]): readonly CounterState[] | Promise<readonly CounterState[]>;
  close(): Promise<void>;
}
