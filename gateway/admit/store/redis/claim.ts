import type { Place, SettleQueue } from './settle-queue.ts';

/** Units of one count that are set aside in Redis. */
export class Claim {
  readonly place: Place;
  /** Name of the count. */
  readonly name: string;
  /** When it was set aside, on the clock of `performance.now()`. */
  readonly born: number;
  readonly #owner: ClaimOwner;
  readonly #id: string;
  /** Until then Redis keeps it surely, on the same clock: counted from when Redis was asked. */
  keptUntil: number;
  #units: number;
  #done = false;

  constructor(owner: ClaimOwner, id: string, name: string, place: Place, units: number, born: number) {
    this.#owner = owner;
    this.#id = id;
    this.name = name;
    this.place = place;
    this.#units = units;
    this.born = born;
    this.keptUntil = born + owner.holdMs;
    owner.claims.add(this);
  }

  get units(): number {
    return this.#units;
  }

  /** As the set of what is set aside knows it. */
  get member(): string {
    return `${this.#id}:${this.place.slot}:${this.#units}`;
  }

  /** Charges what was used and gives the rest back. Only the first call counts. */
  settle(used: number): void {
    if (this.#done) return;
    this.#done = true;
    this.#owner.claims.delete(this);
    const { member } = this;
    const back = this.#units;
    this.#units = 0;
    this.#post(member, '', back, used);
  }

  /** Charges what was used of it, and keeps only so many units set aside. */
  shrink(keep: number, used: number): void {
    if (this.#done) return;
    const { member } = this;
    const back = this.#units - keep;
    this.#units = keep;
    this.#post(member, this.member, back, used);
  }

  #post(member: string, successor: string, back: number, used: number): void {
    this.#owner.queue.push({ place: this.place, name: this.name, member, successor, back, used });
  }
}

export interface ClaimOwner {
  /** All that are set aside, oldest first. */
  readonly claims: Set<Claim>;
  readonly queue: SettleQueue;
  readonly holdMs: number;
}
