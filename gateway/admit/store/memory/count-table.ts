import { SLOTS } from '#core/limits/window';

import { Rows } from './rows.ts';

/** Slots that a stretch can touch: one more than it is long, as it begins and ends within one. */
export const COUNTED = SLOTS + 1;

/** Where things lie in a count. */
const HEAD = 0;
const SPAN = 1;
const USED = 2;
const RESERVED = 3;
/** Row of what is reserved by slot, while anything is. */
const RESERVATION = 4;
const SLOT = 5;

/**
 * Numbers of many counts: 128 bytes for a sliding window, 48 for one of the calendar, and 88 or 8 more while something is reserved.
 *
 * A count has a head (the newest slot, or where the period starts), a span (ms a slot takes, or where the period ends), sums of what is
 * used and reserved, and both by slot. A period of the calendar is one slot, whose number is its start.
 *
 * The clock may be set back: what was counted stays until the clock has caught up, and a count that lies more than a window ahead of the
 * clock starts anew.
 */
export class CountTable {
  readonly #slots: number;
  readonly #counts: Rows;
  readonly #reservations: Rows;

  /** @param slots {@link COUNTED}, or 1 for periods of the calendar */
  constructor(slots: number) {
    this.#slots = slots;
    this.#counts = new Rows(SLOT + slots);
    this.#reservations = new Rows(slots);
  }

  /** All counts are below. Row 0 is none. */
  get length(): number {
    return this.#counts.length;
  }

  claim(): number {
    return this.#counts.claim();
  }

  release(row: number): void {
    this.#forgetReservation(this.#counts.page(row), this.#counts.base(row));
    this.#counts.release(row);
  }

  /** Moves a sliding count to the slot of `now`. @returns the slot to charge, that of `now` or a newer one */
  slide(row: number, slotMs: number, now: number): number {
    const page = this.#counts.page(row);
    const base = this.#counts.base(row);
    const slot = Math.floor(now / slotMs);
    const head = page[base + HEAD]!;
    if (page[base + SPAN] !== slotMs || head - slot > SLOTS || slot - head > SLOTS) {
      this.#begin(row, slot, slotMs);
      return slot;
    }
    if (slot <= head) return head;
    for (let next = head + 1; next <= slot; next++) {
      const at = next % COUNTED;
      page[base + USED]! -= page[base + SLOT + at]!;
      page[base + SLOT + at] = 0;
      this.#reserve(page, base, at, -this.#reservedIn(page, base, at));
    }
    page[base + HEAD] = slot;
    return slot;
  }

  /** Moves a count of the calendar to a period. @returns the start of the period to charge, that one or the next one */
  turn(row: number, start: number, end: number): number {
    const page = this.#counts.page(row);
    const base = this.#counts.base(row);
    const head = page[base + HEAD]!;
    const same = head === start && page[base + SPAN] === end;
    if (same || (head > start && head <= end)) return head;
    this.#begin(row, start, end);
    return start;
  }

  used(row: number): number {
    return this.#counts.page(row)[this.#counts.base(row) + USED]!;
  }

  reserved(row: number): number {
    return this.#counts.page(row)[this.#counts.base(row) + RESERVED]!;
  }

  span(row: number): number {
    return this.#counts.page(row)[this.#counts.base(row) + SPAN]!;
  }

  /** Adds to a slot; nothing happens when the slot does not count any more. */
  add(row: number, slot: number, used: number, reserved: number): void {
    const page = this.#counts.page(row);
    const base = this.#counts.base(row);
    const head = page[base + HEAD]!;
    if (slot > head || (this.#slots === 1 ? slot < head : slot <= head - this.#slots)) return;
    const at = slot % this.#slots;
    page[base + SLOT + at]! += used;
    page[base + USED]! += used;
    this.#reserve(page, base, at, reserved);
  }

  /** @returns the oldest slot that holds something and with whose end `enough` units have come free; -1: none */
  slotThatFrees(row: number, enough: number): number {
    const page = this.#counts.page(row);
    const base = this.#counts.base(row);
    const head = page[base + HEAD]!;
    let freed = 0;
    for (let slot = Math.max(0, head - this.#slots + 1); slot <= head; slot++) {
      const at = slot % this.#slots;
      freed += page[base + SLOT + at]! + this.#reservedIn(page, base, at);
      if (freed > 0 && freed >= enough) return slot;
    }
    return -1;
  }

  /** Whether nothing of a count counts any more at `now`. */
  idle(row: number, now: number): boolean {
    const page = this.#counts.page(row);
    const base = this.#counts.base(row);
    const span = page[base + SPAN]!;
    return this.#slots === 1 ? now >= span : page[base + HEAD]! + COUNTED <= Math.floor(now / span);
  }

  /** Used units by slot, oldest first, for a file. */
  usedSlots(row: number): [slot: number, used: number][] {
    const page = this.#counts.page(row);
    const base = this.#counts.base(row);
    const head = page[base + HEAD]!;
    const slots: [number, number][] = [];
    for (let slot = Math.max(0, head - this.#slots + 1); slot <= head; slot++) {
      const used = page[base + SLOT + (slot % this.#slots)]!;
      if (used > 0) slots.push([slot, used]);
    }
    return slots;
  }

  #begin(row: number, head: number, span: number): void {
    const page = this.#counts.page(row);
    const base = this.#counts.base(row);
    this.#forgetReservation(page, base);
    this.#counts.clear(row);
    page[base + HEAD] = head;
    page[base + SPAN] = span;
  }

  #reservedIn(page: Float64Array, base: number, at: number): number {
    const row = page[base + RESERVATION]!;
    return row === 0 ? 0 : this.#reservations.page(row)[this.#reservations.base(row) + at]!;
  }

  #reserve(page: Float64Array, base: number, at: number, units: number): void {
    if (units === 0) return;
    let row = page[base + RESERVATION]!;
    if (row === 0) page[base + RESERVATION] = row = this.#reservations.claim();
    this.#reservations.page(row)[this.#reservations.base(row) + at]! += units;
    page[base + RESERVED]! += units;
    if (page[base + RESERVED] === 0) this.#forgetReservation(page, base);
  }

  #forgetReservation(page: Float64Array, base: number): void {
    const row = page[base + RESERVATION]!;
    if (row !== 0) this.#reservations.release(row);
    page[base + RESERVATION] = 0;
  }
}
