// For tests: what a store must do, as plainly as it can be said. Every request that was admitted is kept, and sums are made anew each time.
import * as fc from 'fast-check';

import { SLOTS, type Window } from '#core/limits/window';

import type { Charge } from './store.ts';

interface Entry {
  readonly key: string;
  readonly window: Window;
  readonly at: number;
  readonly granted: number;
  /** Undefined: not settled. */
  used: number | undefined;
  expired: boolean;
}

export class Model {
  now: number;
  readonly #entries: Entry[][] = [];

  constructor(now: number) {
    this.now = now;
  }

  /** @returns what each charge gets, or undefined: refused */
  reserve(charges: readonly Charge[]): number[] | undefined {
    const granted: number[] = [];
    for (const [i, { counter, amount, least, shadow }] of charges.entries()) {
      const before = charges.slice(0, i).reduce((sum, other, j) => sum + (other.counter.key === counter.key ? granted[j]! : 0), 0);
      const left = Math.max(0, counter.limit - this.used(charges[i]!) - this.reserved(charges[i]!) - before);
      if (!shadow && left < Math.max(least, 1)) return undefined;
      granted.push(shadow ? amount : Math.min(amount, left));
    }
    this.admit(charges, granted);
    return granted;
  }

  /** A request that was admitted, however that was decided. */
  admit(charges: readonly Charge[], granted: readonly number[]): void {
    this.#entries.push(
      charges.map(({ counter: { key, window } }, i) => ({
        key,
        window,
        at: this.now,
        granted: granted[i]!,
        used: undefined,
        expired: false,
      })),
    );
  }

  settle(request: number, used: readonly number[]): void {
    this.#entries[request]!.forEach((entry, i) => (entry.used ??= used[i]!));
  }

  expire(request: number): void {
    for (const entry of this.#entries[request]!) entry.expired = true;
  }

  used(charge: Charge): number {
    return this.#sum(charge, ({ used }) => used ?? 0);
  }

  reserved(charge: Charge): number {
    return this.#sum(charge, ({ used, expired, granted }) => (used !== undefined || expired ? 0 : granted));
  }

  /** Units that were granted and are not known to be unused. */
  granted(charge: Charge): number {
    return this.#sum(charge, ({ used, granted }) => Math.min(used ?? granted, granted));
  }

  #sum({ counter }: Charge, units: (entry: Entry) => number): number {
    return this.#entries
      .flat()
      .filter(({ key, window, at }) => key === counter.key && this.#counts(window, at))
      .reduce((sum, entry) => sum + units(entry), 0);
  }

  #counts(window: Window, at: number): boolean {
    if (window.kind === 'calendar') return window.at(at).start === window.at(this.now).start;
    const slotMs = window.lengthMs / SLOTS;
    return Math.floor(this.now / slotMs) - Math.floor(at / slotMs) <= SLOTS;
  }
}

export type Step =
  | { readonly kind: 'reserve'; readonly charges: readonly Charge[]; readonly store: number }
  | { readonly kind: 'settle' | 'expire'; readonly request: number; readonly used: readonly number[] }
  | { readonly kind: 'wait'; readonly ms: number };

/** Steps over some counts. Requests are chosen among those that were admitted, also ones that are settled. */
export function steps(counters: readonly Charge['counter'][], kinds: readonly Step['kind'][]): fc.Arbitrary<Step[]> {
  const units = fc.integer({ min: 0, max: 8 });
  const chargeOf = fc
    .record({ counter: fc.constantFrom(...counters), amount: units, least: units, shadow: fc.boolean(), rarely: fc.nat(4) })
    .map(({ counter, amount, least, shadow, rarely }): Charge => ({
      counter,
      amount,
      least: Math.min(least, amount),
      shadow: shadow && rarely === 0,
      failureMode: 'closed',
    }));
  const chosen = { request: fc.nat(), used: fc.array(fc.integer({ min: 0, max: 10 }), { minLength: 3, maxLength: 3 }) };
  const all = {
    reserve: {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('reserve' as const),
        charges: fc.array(chargeOf, { minLength: 1, maxLength: 3 }),
        store: fc.nat(1),
      }),
    },
    settle: { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle' as const), ...chosen }) },
    expire: { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const), ...chosen }) },
    wait: { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.oneof(fc.nat(900), fc.nat(20_000)) }) },
  };
  return fc.array(fc.oneof(...kinds.map((kind) => all[kind] as fc.WeightedArbitrary<Step>)), { minLength: 1, maxLength: 60 });
}
