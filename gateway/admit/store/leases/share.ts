import type { Lease } from './lease.ts';

/** What this replica does with one count: its lease, and how fast it gives units out. */
export class Share {
  lease: Lease | undefined;
  /** While Redis is asked for a lease. */
  filling: Promise<void> | undefined;
  /** No use to ask for a lease before: there was nothing to have. */
  notBefore = 0;
  usedAt: number;
  #given = 0;
  #since: number;
  #rate = 0;

  constructor(now: number) {
    this.usedAt = now;
    this.#since = now;
  }

  gave(units: number, now: number): void {
    this.#given += units;
    this.usedAt = now;
  }

  /** Units that the next lease should have to last so long; 0 while no more than one request was seen. */
  wanted(horizonMs: number, now: number): number {
    const elapsed = now - this.#since;
    // A rate over less than that says how requests bunch.
    if (elapsed >= 20) {
      const rate = this.#given / elapsed;
      // Rises at once, falls by halves.
      this.#rate = Math.max(rate, this.#rate / 2);
      this.#given = 0;
      this.#since = now;
    }
    return Math.ceil(this.#rate * horizonMs);
  }
}
