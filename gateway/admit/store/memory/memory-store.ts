import { chargeable, checkCharges, checkCounter, grantable, slotLength, stateOf } from '../charges.ts';
import { type Charge, type Counter, type CounterState, type CounterStore, type Decision, type Hold, StoreUnavailable } from '../store.ts';
import { COUNTED, CountTable } from './count-table.ts';

export interface MemoryStoreOptions {
  /** Counts that are kept at once; further ones are unavailable until idle ones have gone. @default 2,000,000 */
  readonly maxCounters?: number;
  /** A hold that nobody settles comes back after so long. @default 24 hours */
  readonly maxHoldMs?: number;
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number;
}

/** A count in a file: what is used, by slot. Periods of the calendar are one slot, their start. */
export interface SavedCount {
  readonly key: string;
  /** Milliseconds a slot takes; 0: a period of the calendar. */
  readonly slotMs: number;
  /** Where the period ends; 0 for a sliding window. */
  readonly end: number;
  readonly used: readonly (readonly [slot: number, units: number])[];
}

/** Which of the two tables a count lies in. */
const SLIDING = 0;
const CALENDAR = 1;
const TABLE_BIT = 1;

/** How often holds that nobody settled are looked for. */
const HOLD_SWEEP_MS = 1000;
/** Counts that a decision looks at to forget idle ones: more than it can add, so that a full walk is always ahead of the growth. */
const SWEEP_STEPS = 2;

/**
 * Counts in this process. Decisions are exact: no stretch (sliding) and no period (calendar) grants more than the limit; what is used beyond
 * what was granted is charged, and can exceed it. A count is forgotten once nothing in it counts any more, by a walk of a few counts with each
 * decision. A key is always used with one window: with another one its count starts anew.
 *
 * About 300 bytes a count, its name of 60 bytes included.
 */
export class MemoryStore implements CounterStore {
  readonly #refs = new Map<string, number>();
  readonly #tables = [new CountTable(COUNTED), new CountTable(1)] as const;
  readonly #names: readonly (string | undefined)[][] = [[], []];
  readonly #hands = [0, 0];
  readonly #running = new Set<MemoryHold>();
  readonly #maxCounters: number;
  readonly #maxHoldMs: number;
  readonly #now: () => number;
  #nextHoldSweep = 0;
  #nextFullSweep = 0;

  constructor({ maxCounters = 2_000_000, maxHoldMs = 24 * 3_600_000, now = Date.now }: MemoryStoreOptions = {}) {
    this.#maxCounters = maxCounters;
    this.#maxHoldMs = maxHoldMs;
    this.#now = now;
  }

  /** Counts that are kept. */
  get size(): number {
    return this.#refs.size;
  }

  reserve(charges: readonly Charge[]): Decision {
    checkCharges(charges);
    const now = this.#now();
    this.#sweep(now, SWEEP_STEPS * charges.length);
    const { length } = charges;
    const refs: number[] = [];
    const slots: number[] = [];
    for (let i = 0; i < length; i++) {
      const { counter } = charges[i]!;
      const ref = this.#refOf(counter, now);
      refs.push(ref);
      slots.push(this.#advance(ref, counter, now));
    }
    const granted: number[] = [];
    let refusedBy = -1;
    let longestWait = -1;
    for (let i = 0; i < length; i++) {
      const charge = charges[i]!;
      const ref = refs[i]!;
      const table = this.#tables[ref & TABLE_BIT]!;
      const row = ref >> 1;
      const units = grantable(charge, charge.counter.limit - table.used(row) - table.reserved(row));
      granted.push(Math.max(units, 0));
      if (units >= 0) {
        table.add(row, slots[i]!, 0, units);
        continue;
      }
      const wait = this.#waitFor(ref, charge, now);
      if (wait > longestWait) {
        longestWait = wait;
        refusedBy = i;
      }
    }
    if (refusedBy === -1) {
      const hold = new MemoryHold(this, charges, granted, refs, slots, now);
      this.#running.add(hold);
      return { admitted: true, hold, states: this.#statesOf(charges, refs, now) };
    }
    for (let i = 0; i < length; i++) this.#tables[refs[i]! & TABLE_BIT]!.add(refs[i]! >> 1, slots[i]!, 0, -granted[i]!);
    const retryAfterMs = longestWait === Infinity ? undefined : longestWait;
    return { admitted: false, refusedBy, retryAfterMs, states: this.#statesOf(charges, refs, now) };
  }

  states(counters: readonly Counter[]): CounterState[] {
    const now = this.#now();
    return counters.map((counter) => {
      checkCounter(counter);
      const ref = this.#refs.get(counter.key);
      if (ref === undefined) return stateOf(counter.limit, 0, 0, 0);
      this.#advance(ref, counter, now);
      return this.#state(ref, counter.limit, now);
    });
  }

  async close(): Promise<void> {}

  /** Called by a hold, once. */
  settle(hold: MemoryHold, used: readonly number[]): void {
    this.#running.delete(hold);
    this.#replace(hold, used);
  }

  /** All that is used, for a file. */
  *saved(): Generator<SavedCount> {
    for (const [key, ref] of this.#refs) {
      const table = this.#tables[ref & TABLE_BIT]!;
      const span = table.span(ref >> 1);
      const used = table.usedSlots(ref >> 1);
      if (used.length === 0) continue;
      yield (ref & TABLE_BIT) === CALENDAR ? { key, slotMs: 0, end: span, used } : { key, slotMs: span, end: 0, used };
    }
  }

  /** Takes up what a file says, as far as it still counts. */
  restore({ key, slotMs, end, used }: SavedCount): void {
    const now = this.#now();
    const last = used.at(-1);
    if (last === undefined || this.#refs.has(key)) return;
    if (slotMs === 0 ? now >= end : Math.abs(Math.floor(now / slotMs) - last[0]) >= COUNTED) return;
    const ref = this.#claim(key, slotMs === 0 ? CALENDAR : SLIDING);
    const table = this.#tables[ref & TABLE_BIT]!;
    if (slotMs === 0) table.turn(ref >> 1, last[0], end);
    else table.slide(ref >> 1, slotMs, Math.max(now, (last[0] + 0.5) * slotMs));
    for (const [slot, units] of used) table.add(ref >> 1, slot, units, 0);
  }

  /** Puts what was used in the place of what was set aside, where both still count. */
  #replace(hold: MemoryHold, used: readonly number[] | undefined): void {
    for (let i = 0; i < hold.charges.length; i++) {
      const { key, window } = hold.charges[i]!.counter;
      const ref = hold.refs[i]!;
      const row = ref >> 1;
      const table = this.#tables[ref & TABLE_BIT]!;
      // The row may have gone to another count since, and then its window has passed.
      if (this.#names[ref & TABLE_BIT]![row] !== key) continue;
      if (window.kind === 'sliding' && table.span(row) !== slotLength(window)) continue;
      const granted = hold.granted[i]!;
      table.add(row, hold.slots[i]!, used === undefined ? 0 : chargeable(used[i], granted), hold.expired ? 0 : -granted);
    }
  }

  #refOf(counter: Counter, now: number): number {
    const kind = counter.window.kind === 'sliding' ? SLIDING : CALENDAR;
    const ref = this.#refs.get(counter.key);
    if (ref !== undefined) {
      if ((ref & TABLE_BIT) === kind) return ref;
      this.#forget(counter.key, ref);
    }
    if (this.#refs.size >= this.#maxCounters) this.#makeRoom(now);
    return this.#claim(counter.key, kind);
  }

  #claim(key: string, kind: typeof SLIDING | typeof CALENDAR): number {
    const row = this.#tables[kind].claim();
    const ref = row * 2 + kind;
    this.#refs.set(key, ref);
    this.#names[kind]![row] = key;
    return ref;
  }

  #forget(key: string, ref: number): void {
    this.#refs.delete(key);
    this.#names[ref & TABLE_BIT]![ref >> 1] = undefined;
    this.#tables[ref & TABLE_BIT]!.release(ref >> 1);
  }

  #advance(ref: number, { window }: Counter, now: number): number {
    if (window.kind === 'sliding') return this.#tables[SLIDING].slide(ref >> 1, slotLength(window), now);
    const { start, end } = window.at(now);
    return this.#tables[CALENDAR].turn(ref >> 1, start, end);
  }

  #statesOf(charges: readonly Charge[], refs: readonly number[], now: number): CounterState[] {
    const states: CounterState[] = [];
    for (let i = 0; i < charges.length; i++) states.push(this.#state(refs[i]!, charges[i]!.counter.limit, now));
    return states;
  }

  #state(ref: number, limit: number, now: number): CounterState {
    const table = this.#tables[ref & TABLE_BIT]!;
    return stateOf(limit, table.used(ref >> 1), table.reserved(ref >> 1), this.#freesAt(ref, 1, now));
  }

  /** Milliseconds until enough units have come free by themselves, 0 when nothing is counted. */
  #freesAt(ref: number, enough: number, now: number): number {
    const table = this.#tables[ref & TABLE_BIT]!;
    const slot = table.slotThatFrees(ref >> 1, enough);
    if (slot === -1) return 0;
    const span = table.span(ref >> 1);
    const at = (ref & TABLE_BIT) === CALENDAR ? span : (slot + COUNTED) * span;
    return Math.max(0, Math.ceil(at - now));
  }

  #waitFor(ref: number, { counter, least }: Charge, now: number): number {
    const table = this.#tables[ref & TABLE_BIT]!;
    const wanted = Math.max(least, 1);
    if (wanted > counter.limit) return Infinity;
    return this.#freesAt(ref, table.used(ref >> 1) + table.reserved(ref >> 1) + wanted - counter.limit, now);
  }

  #sweep(now: number, steps: number): void {
    for (const kind of [SLIDING, CALENDAR] as const) this.#walk(kind, now, steps);
    if (now < this.#nextHoldSweep && this.#nextHoldSweep - now <= HOLD_SWEEP_MS) return;
    this.#nextHoldSweep = now + HOLD_SWEEP_MS;
    for (const hold of this.#running) {
      if (now - hold.born < this.#maxHoldMs) break;
      this.#running.delete(hold);
      this.#replace(hold, undefined);
      hold.expired = true;
    }
  }

  #walk(kind: typeof SLIDING | typeof CALENDAR, now: number, steps: number): void {
    const table = this.#tables[kind];
    const names = this.#names[kind]!;
    for (let step = Math.min(steps, table.length); step > 0; step--) {
      const row = this.#hands[kind]! % table.length;
      this.#hands[kind] = row + 1;
      const name = names[row];
      if (name !== undefined && table.idle(row, now)) this.#forget(name, row * 2 + kind);
    }
  }

  /** @throws StoreUnavailable */
  #makeRoom(now: number): void {
    if (now >= this.#nextFullSweep || this.#nextFullSweep - now > HOLD_SWEEP_MS) {
      this.#nextFullSweep = now + HOLD_SWEEP_MS;
      for (const kind of [SLIDING, CALENDAR] as const) this.#walk(kind, now, this.#tables[kind].length);
    }
    if (this.#refs.size >= this.#maxCounters) {
      throw new StoreUnavailable(`the memory store keeps ${this.#maxCounters} counts, its most, and none of them is idle`);
    }
  }
}

class MemoryHold implements Hold {
  readonly charges: readonly Charge[];
  readonly granted: readonly number[];
  readonly refs: readonly number[];
  readonly slots: readonly number[];
  readonly born: number;
  expired = false;
  #store: MemoryStore | undefined;

  constructor(
    store: MemoryStore,
    charges: readonly Charge[],
    granted: readonly number[],
    refs: readonly number[],
    slots: readonly number[],
    born: number,
  ) {
    this.#store = store;
    this.charges = charges;
    this.granted = granted;
    this.refs = refs;
    this.slots = slots;
    this.born = born;
  }

  settle(used: readonly number[]): void {
    const store = this.#store;
    this.#store = undefined;
    store?.settle(this, used);
  }
}
