import { chargeable, checkCharges, checkCounter } from '../charges.ts';
import type { Claim } from '../redis/claim.ts';
import { type Answer, RedisCounts, type RedisCountsOptions, type Want } from '../redis/counts.ts';
import type { SharedStore } from '../redis/redis-store.ts';
import type { Charge, Counter, CounterState, Decision } from '../store.ts';
import { Lease } from './lease.ts';
import { LeasedHold, type Part, undo } from './leased-hold.ts';
import { restOf } from './rest.ts';
import { Share } from './share.ts';

export interface LeasedStoreOptions extends RedisCountsOptions {
  /** A lease takes at most this part of what is left of a count, 0 to 1. @default 0.1 */
  readonly share?: number;
  /** A lease takes at most so many units. @default no bound */
  readonly maxUnits?: number;
  /** A lease is meant to last so long, ms. @default 2000 */
  readonly horizonMs?: number;
  /** A lease of which nothing was taken for so long is given back, ms. @default 2000 */
  readonly idleMs?: number;
  /** What was used is told to Redis so often, ms. @default 1000 */
  readonly reportMs?: number;
  /** Counts that have a lease at once; others are asked for in Redis. @default 10,000 */
  readonly maxLeases?: number;
}

/** After a lease could not be had. */
const NOTHING_LEFT_MS = 100;

/**
 * Counts in Redis, of which this replica leases units in advance: a decision that its leases cover is made at once, without Redis.
 *
 * Bound: as with {@link RedisStore}. A lease is set aside in Redis before anything of it is given out, and is only used in the slot of the
 * sliding window (or the period of the calendar) in which Redis counts it, so all replicas together never grant more than the limit.
 * The price is at the other end: units may lie idle with one replica while another refuses, at most `share × limit`, and `maxUnits`, for each
 * count and replica, until `idleMs` and `reportMs` have passed, or the slot has. A process that is killed forgets what was used and not
 * yet reported, `reportMs`; its leases come back after `holdMs`.
 *
 * The first request to a count asks Redis; so does one that wants more than its lease has, which then takes what the lease has and the rest
 * from Redis, and one whose limit has changed. The size of a lease follows this replica's rate.
 */
export class LeasedStore implements SharedStore {
  readonly #counts: RedisCounts;
  readonly #shares = new Map<string, Share>();
  readonly #divisor: number;
  readonly #maxUnits: number;
  readonly #horizonMs: number;
  readonly #idleMs: number;
  readonly #maxLeases: number;
  readonly #ticker: NodeJS.Timeout;
  #decided = 0;
  #decidedHere = 0;

  constructor(options: LeasedStoreOptions) {
    const {
      share = 0.1,
      maxUnits = Number.MAX_SAFE_INTEGER,
      horizonMs = 2000,
      idleMs = 2000,
      reportMs = 1000,
      maxLeases = 10_000,
    } = options;
    this.#counts = new RedisCounts(options);
    this.#divisor = 1 / share;
    this.#maxUnits = maxUnits;
    this.#horizonMs = horizonMs;
    this.#idleMs = idleMs;
    this.#maxLeases = maxLeases;
    this.#ticker = setInterval(() => this.#tick(), reportMs).unref();
    // Redis may have come back without its data: what it does not know must not be given out.
    this.#counts.link.onUp(() => this.#dropLeases());
  }

  get up(): boolean {
    return this.#counts.link.up;
  }

  get unsettled(): number {
    return this.#counts.queue.size;
  }

  /** Decisions, and those of them that needed no round trip. */
  get decisions(): { readonly all: number; readonly here: number } {
    return { all: this.#decided, here: this.#decidedHere };
  }

  /** What one is told while Redis cannot be asked: where it is, and why. Never shows a password. */
  get unavailable(): string {
    return this.#counts.link.unavailable().message;
  }

  /** Waits for the first contact. @returns whether Redis can be asked */
  connected(withinMs: number): Promise<boolean> {
    return this.#counts.link.connected(withinMs);
  }

  reserve(charges: readonly Charge[]): Decision | Promise<Decision> {
    checkCharges(charges);
    this.#decided++;
    const here = this.#decideHere(charges);
    if (here !== undefined) return here;
    if (!this.#counts.link.up) throw this.#counts.link.unavailable();
    return this.#ask(charges);
  }

  states(counters: readonly Counter[]): Promise<CounterState[]> {
    counters.forEach(checkCounter);
    return this.#counts.states(counters);
  }

  charge(counters: readonly Counter[], used: readonly number[], at: number): void {
    counters.forEach((counter, i) => this.#counts.charge(counter, chargeable(used[i], 0), at));
  }

  async close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#dropLeases();
    await this.#counts.close();
  }

  /** @returns undefined where the leases do not cover it all */
  #decideHere(charges: readonly Charge[]): Decision | undefined {
    const now = performance.now();
    for (const charge of charges) {
      const lease = this.#leaseFor(charge.counter, now);
      if (lease === undefined || lease.free < Math.max(charge.amount, 1)) return undefined;
    }
    const parts: Part[] = [];
    const granted: number[] = [];
    const states: CounterState[] = [];
    for (const { counter, amount } of charges) {
      const share = this.#shares.get(counter.key)!;
      const lease = share.lease!;
      // A count that is charged twice in one decision.
      if (lease.free < amount) return undo(parts);
      lease.take(amount);
      share.gave(amount, now);
      parts.push({ lease, leased: amount, claim: undefined });
      granted.push(amount);
      states.push(lease.state(now));
      if (lease.low && share.filling === undefined && now >= share.notBefore) this.#refill(counter, share, now);
    }
    this.#decidedHere++;
    return { admitted: true, hold: new LeasedHold(parts, granted), states };
  }

  /** A lease of the count that may still be used; one that may not is given back. */
  #leaseFor({ key, limit }: Counter, now: number): Lease | undefined {
    const share = this.#shares.get(key);
    const lease = share?.lease;
    if (share === undefined || lease === undefined) return undefined;
    if (lease.limit === limit && lease.valid(now)) return lease;
    lease.close();
    share.lease = undefined;
    return undefined;
  }

  async #ask(charges: readonly Charge[]): Promise<Decision> {
    if (await this.#waitForLeases(charges)) {
      const decision = this.#decideHere(charges);
      if (decision !== undefined) return decision;
    }
    const now = performance.now();
    const parts: Part[] = [];
    const wants: Want[] = [];
    /** Of each want, the charge that it belongs to. */
    const wantedFor: number[] = [];
    charges.forEach((charge, i) => {
      const lease = this.#leaseFor(charge.counter, now);
      const leased = Math.min(lease?.free ?? 0, charge.amount);
      lease?.take(leased);
      parts.push({ lease: leased > 0 ? lease : undefined, leased, claim: undefined });
      if (leased > 0 && leased === charge.amount) return;
      wants.push(restOf(charge, leased));
      wantedFor.push(i);
    });
    const leases = this.#leasesToTake(wants, now);
    let answer: Answer;
    const filled = this.#fillingBegins(leases);
    try {
      answer = await this.#counts.reserve([...wants, ...leases]);
    } catch (error) {
      undo(parts);
      throw error;
    } finally {
      filled();
    }
    if (!answer.admitted) undo(parts);
    answer.claims.forEach((claim, i) => {
      const at = wantedFor[i];
      if (at === undefined) this.#install(leases[i - wants.length]!, claim, answer, i);
      else parts[at] = { ...parts[at]!, claim };
    });
    const settled = performance.now();
    const states = parts.map(({ lease }, i) => answer.states[wantedFor.indexOf(i)] ?? lease!.state(settled));
    if (!answer.admitted) {
      return { admitted: false, refusedBy: wantedFor[answer.refusedBy]!, retryAfterMs: answer.retryAfterMs, states };
    }
    const granted = parts.map(({ leased, claim }) => leased + (claim?.units ?? 0));
    charges.forEach(({ counter }, i) => this.#shareOf(counter.key, settled)?.gave(granted[i]!, settled));
    return { admitted: true, hold: new LeasedHold(parts, granted), states };
  }

  /** @returns whether a lease was on its way, and has come */
  async #waitForLeases(charges: readonly Charge[]): Promise<boolean> {
    const filling = charges.map(({ counter }) => this.#shares.get(counter.key)?.filling).filter((promise) => promise !== undefined);
    await Promise.all(filling);
    return filling.length > 0;
  }

  /** Leases to ask for together with what a request wants. */
  #leasesToTake(wants: readonly Want[], now: number): Want[] {
    const leases: Want[] = [];
    for (const { counter } of wants) {
      const share = this.#shares.get(counter.key);
      if (share === undefined || share.filling !== undefined || now < share.notBefore) continue;
      const want = this.#leaseWant(counter, share, now);
      if (want !== undefined && !leases.some((other) => other.counter.key === counter.key)) leases.push(want);
    }
    return leases;
  }

  #leaseWant(counter: Counter, share: Share, now: number): Want | undefined {
    const amount = Math.min(share.wanted(this.#horizonMs, now), this.#maxUnits);
    return amount === 0 ? undefined : { counter, amount, least: this.#divisor, mode: 'lease' };
  }

  /** The next lease, before this one is used up. */
  #refill(counter: Counter, share: Share, now: number): void {
    const want = this.#leaseWant(counter, share, now);
    if (want === undefined || !this.#counts.link.up) return;
    const filled = this.#fillingBegins([want]);
    this.#counts.reserve([want]).then(
      (answer) => {
        filled();
        if (answer.claims[0] !== undefined) this.#install(want, answer.claims[0], answer, 0);
      },
      () => {
        filled();
        share.notBefore = performance.now() + NOTHING_LEFT_MS;
      },
    );
  }

  #fillingBegins(leases: readonly Want[]): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    const shares = leases.map(({ counter }) => this.#shares.get(counter.key)!);
    for (const share of shares) share.filling = promise;
    return () => {
      for (const share of shares) share.filling = undefined;
      // Those who wait look after the lease is there.
      setImmediate(resolve);
    };
  }

  #install({ counter }: Want, claim: Claim, answer: Answer, index: number): void {
    const share = this.#shares.get(counter.key);
    const now = performance.now();
    const { slotMs, slot, end } = claim.place;
    const ends = slotMs === 0 ? end : (slot + 1) * slotMs;
    const lease = new Lease(claim, claim.born + ends - answer.now, answer.states[index]!);
    if (share === undefined || claim.units === 0 || !lease.valid(now)) {
      lease.close();
      if (share !== undefined) share.notBefore = now + NOTHING_LEFT_MS;
      return;
    }
    share.lease?.close();
    share.lease = lease;
  }

  #shareOf(key: string, now: number): Share | undefined {
    let share = this.#shares.get(key);
    if (share === undefined && this.#shares.size < this.#maxLeases) {
      share = new Share(now);
      this.#shares.set(key, share);
    }
    return share;
  }

  #tick(): void {
    const now = performance.now();
    for (const [key, share] of this.#shares) {
      if (now - share.usedAt > this.#idleMs && share.filling === undefined) {
        share.lease?.close();
        this.#shares.delete(key);
      } else if (share.lease?.valid(now) === true) {
        share.lease.report();
      } else {
        share.lease?.close();
        share.lease = undefined;
      }
    }
  }

  #dropLeases(): void {
    for (const share of this.#shares.values()) {
      share.lease?.close();
      share.lease = undefined;
    }
  }
}
