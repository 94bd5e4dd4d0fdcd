import { stateOf } from '../charges.ts';
import type { CounterState } from '../store.ts';
import type { Claim } from '../redis/claim.ts';

/**
 * Units of one count that this replica has set aside in Redis, to give them out by itself.
 *
 * `units of the claim = free + held + used and not yet reported`, always: so Redis never counts less than what was given out.
 */
export class Lease {
  readonly limit: number;
  readonly #claim: Claim;
  readonly #validUntil: number;
  readonly #seen: CounterState;
  readonly #size: number;
  #free: number;
  #held = 0;
  #usedInAll = 0;
  #unreported = 0;
  /** Used beyond what was set aside. */
  #over = 0;
  #closed = false;

  /**
   * @param validUntil when its slot or period ends for Redis, on the clock of `performance.now()`
   * @param seen how the count stood, with the lease in it
   */
  constructor(claim: Claim, validUntil: number, seen: CounterState) {
    this.#claim = claim;
    this.#validUntil = validUntil;
    this.#seen = seen;
    this.#size = claim.units;
    this.#free = claim.units;
    this.limit = seen.limit;
  }

  get free(): number {
    return this.#free;
  }

  /** Whether it is time to look for the next one. */
  get low(): boolean {
    return this.#free < this.#size / 3;
  }

  /** What is given out has to be in the slot in which Redis counts it, and while Redis keeps it. */
  valid(now: number): boolean {
    return !this.#closed && now < this.#validUntil && now < this.#claim.keptUntil;
  }

  /** @param units at most {@link free} */
  take(units: number): void {
    this.#free -= units;
    this.#held += units;
  }

  /** Puts what was used in the place of what was taken. */
  settle(granted: number, used: number): void {
    this.#held -= granted;
    if (this.#closed) {
      if (this.#held === 0) this.#claim.settle(used);
      else this.#claim.shrink(this.#held, used);
      return;
    }
    this.#usedInAll += used;
    const covered = Math.min(used, granted + this.#free);
    this.#unreported += covered;
    this.#over += used - covered;
    this.#free += granted - covered;
  }

  /** Tells Redis what was used. */
  report(): void {
    if (this.#unreported + this.#over === 0) return;
    this.#claim.shrink(this.#free + this.#held, this.#unreported + this.#over);
    this.#unreported = this.#over = 0;
  }

  /** Gives back what is free; what requests hold stays until they settle. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#free = 0;
    const used = this.#unreported + this.#over;
    if (this.#held === 0) this.#claim.settle(used);
    else this.#claim.shrink(this.#held, used);
  }

  /** As far as this replica knows: others go on meanwhile. */
  state(now: number): CounterState {
    const { limit, used, reserved, resetMs } = this.#seen;
    return stateOf(
      limit,
      used + this.#usedInAll,
      Math.max(0, reserved - this.#size) + this.#held,
      Math.max(0, Math.round(resetMs - (now - this.#claim.born))),
    );
  }
}
