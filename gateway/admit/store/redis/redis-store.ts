import { chargeable, checkCharges, checkCounter } from '../charges.ts';
import type { Charge, Counter, CounterState, CounterStore, Decision, Hold } from '../store.ts';
import type { Claim } from './claim.ts';
import { RedisCounts, type RedisCountsOptions } from './counts.ts';

/** A store that replicas share, and that takes what was used while it could not be asked. */
export interface SharedStore extends CounterStore {
  /** Charges units that no hold of this store stands for, one number for each counter, as of a moment (ms since 1970). Never throws. */
  charge(counters: readonly Counter[], used: readonly number[], at: number): void;
}

/**
 * Counts in Redis, for all replicas. One script and one round trip decide over any number of counts; settlements follow in batches.
 *
 * Bound: decisions are exact by Redis' clock, whatever runs where, with these exceptions. What is used beyond what was granted is charged, and
 * can exceed the limit. A hold whose process could not reach Redis for `holdMs` is given back while its request may still run. A Redis
 * that loses data (a crash without `appendfsync always`, a failover before the replica had all) forgets what it lost: at most what was used
 * or set aside in that time. A clock of Redis that is set back by more than a window begins the window anew.
 *
 * A user of Redis needs: `~{tierkit}:* +eval +evalsha +time +info +hello +client +@read +@write`.
 *
 * All keys of an installation share one hash tag, as a decision may be about any counts and has to be one slot: in a cluster, one
 * master counts for the whole installation, and the others only stand by. That is some 10,000 decisions a second; where it is too few, lease
 * ({@link LeasedStore}), or give each tenant group an installation with its own prefix.
 */
export class RedisStore implements SharedStore {
  readonly #counts: RedisCounts;

  constructor(options: RedisCountsOptions) {
    this.#counts = new RedisCounts(options);
  }

  /** Whether Redis can be asked. */
  get up(): boolean {
    return this.#counts.link.up;
  }

  /** Settlements that Redis has not confirmed. */
  get unsettled(): number {
    return this.#counts.queue.size;
  }

  /** What one is told while Redis cannot be asked: where it is, and why. Never shows a password. */
  get unavailable(): string {
    return this.#counts.link.unavailable().message;
  }

  /** Waits for the first contact. @returns whether Redis can be asked; a store that cannot be asked goes on trying */
  connected(withinMs: number): Promise<boolean> {
    return this.#counts.link.connected(withinMs);
  }

  reserve(charges: readonly Charge[]): Promise<Decision> {
    checkCharges(charges);
    if (!this.#counts.link.up) throw this.#counts.link.unavailable();
    return this.#reserve(charges);
  }

  states(counters: readonly Counter[]): Promise<CounterState[]> {
    counters.forEach(checkCounter);
    return this.#counts.states(counters);
  }

  charge(counters: readonly Counter[], used: readonly number[], at: number): void {
    counters.forEach((counter, i) => this.#counts.charge(counter, chargeable(used[i], 0), at));
  }

  close(): Promise<void> {
    return this.#counts.close();
  }

  async #reserve(charges: readonly Charge[]): Promise<Decision> {
    const wants = charges.map(
      ({ counter, amount, least, shadow }) => ({ counter, amount, least, mode: shadow ? 'shadow' : 'normal' }) as const,
    );
    const { admitted, claims, states, refusedBy, retryAfterMs } = await this.#counts.reserve(wants);
    return admitted ? { admitted, hold: new RedisHold(claims), states } : { admitted, refusedBy, retryAfterMs, states };
  }
}

class RedisHold implements Hold {
  readonly granted: readonly number[];
  readonly #claims: readonly Claim[];

  constructor(claims: readonly Claim[]) {
    this.#claims = claims;
    this.granted = claims.map((claim) => claim.units);
  }

  settle(used: readonly number[]): void {
    for (let i = 0; i < this.#claims.length; i++) this.#claims[i]!.settle(chargeable(used[i], this.granted[i]!));
  }
}
