import { chargeable } from '../charges.ts';
import type { Claim } from '../redis/claim.ts';
import type { Hold } from '../store.ts';
import type { Lease } from './lease.ts';

/** Where the units of one charge come from. */
export interface Part {
  readonly lease: Lease | undefined;
  readonly leased: number;
  /** What was set aside in Redis for this request alone. */
  readonly claim: Claim | undefined;
}

export class LeasedHold implements Hold {
  readonly granted: readonly number[];
  readonly #parts: readonly Part[];
  #settled = false;

  constructor(parts: readonly Part[], granted: readonly number[]) {
    this.#parts = parts;
    this.granted = granted;
  }

  settle(used: readonly number[]): void {
    if (this.#settled) return;
    this.#settled = true;
    for (let i = 0; i < this.#parts.length; i++) {
      const { lease, leased, claim } = this.#parts[i]!;
      const all = chargeable(used[i], this.granted[i]!);
      const ofLease = lease === undefined ? 0 : claim === undefined ? all : Math.min(all, leased);
      lease?.settle(leased, ofLease);
      claim?.settle(all - ofLease);
    }
  }
}

/** Gives back what was taken of leases for a decision that came to nothing. */
export function undo(parts: readonly Part[]): undefined {
  for (const { lease, leased } of parts) lease?.settle(leased, 0);
}
