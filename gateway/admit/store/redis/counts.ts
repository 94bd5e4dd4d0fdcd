import { randomBytes } from 'node:crypto';

import { slotLength, stateOf } from '../charges.ts';
import { type Counter, type CounterState, StoreUnavailable } from '../store.ts';
import { Claim, type ClaimOwner } from './claim.ts';
import { type LinkOptions, RedisLink } from './link.ts';
import { READ, RENEW, RESERVE } from './scripts.ts';
import { type Place, SettleQueue, type SettleQueueOptions } from './settle-queue.ts';
import type { RedisSettings } from './settings.ts';

export interface RedisCountsOptions extends LinkOptions, SettleQueueOptions {
  readonly settings: RedisSettings;
  /** Of one installation. It is the hash tag of all keys. @default tierkit */
  readonly prefix?: string;
  /** What a process that has died had set aside comes back after so long, ms. @default 600,000 */
  readonly holdMs?: number;
  /** What nobody settles is renewed for so long, ms. @default 24 hours */
  readonly maxHoldMs?: number;
  /** Milliseconds since 1970, for periods of the calendar; Redis' own clock decides. @default Date.now */
  readonly now?: () => number;
}

export type Mode = 'normal' | 'shadow' | 'lease';

/** Units that are wanted of one count. */
export interface Want {
  readonly counter: Counter;
  readonly amount: number;
  /** The least that is taken; in mode `lease` the part of what is left that is taken at most, as a divisor. */
  readonly least: number;
  readonly mode: Mode;
}

/** What Redis said, in the order of what was wanted. */
export interface Answer {
  readonly admitted: boolean;
  /** Index of the want that did not fit; -1: all did. */
  readonly refusedBy: number;
  readonly retryAfterMs: number | undefined;
  /** What was set aside; empty when refused. */
  readonly claims: readonly Claim[];
  readonly states: readonly CounterState[];
  /** Redis' time, ms since 1970. */
  readonly now: number;
}

const MODES: Readonly<Record<Mode, number>> = { normal: 0, shadow: 1, lease: 2 };
const ADMITTED = 1;
const OTHER_PERIOD = 2;
const READ_AT_ONCE = 100;
const CLOSE_MS = 2000;

/** Counts in Redis: what is set aside there and by whom, and what was used. Stores are made of it. */
export class RedisCounts implements ClaimOwner {
  readonly claims = new Set<Claim>();
  readonly queue: SettleQueue;
  readonly link: RedisLink;
  readonly holdMs: number;
  readonly #tag: string;
  readonly #process = randomBytes(6).toString('base64url');
  readonly #maxHoldMs: number;
  readonly #clock: () => number;
  readonly #renewer: NodeJS.Timeout;
  #holds = 0;
  /** Redis' clock minus ours. */
  #skew = 0;

  constructor({ settings, prefix = 'tierkit', holdMs = 600_000, maxHoldMs = 24 * 3_600_000, now = Date.now, ...rest }: RedisCountsOptions) {
    this.#tag = `{${prefix}}`;
    this.holdMs = holdMs;
    this.#maxHoldMs = maxHoldMs;
    this.#clock = now;
    this.link = new RedisLink(settings, `${this.#tag}:probe`, rest);
    this.queue = new SettleQueue(this.link, `${this.#tag}:p:${this.#process}`, rest);
    this.#renewer = setInterval(() => void this.#renew(), Math.max(1, holdMs / 3)).unref();
  }

  /** Sets aside in one round trip; in two where a period of the calendar has ended for Redis and not yet for us. @throws StoreUnavailable */
  async reserve(wants: readonly Want[]): Promise<Answer> {
    const first = await this.#reserve(wants, this.#clock() + this.#skew);
    if (typeof first !== 'number') return first;
    const second = await this.#reserve(wants, first);
    if (typeof second !== 'number') return second;
    throw new StoreUnavailable('a period of the calendar ended twice while Redis was asked');
  }

  /** Charges what was used while Redis could not be asked. @param at ms since 1970, by our clock */
  charge({ key, window }: Counter, used: number, at: number): void {
    this.queue.push({ place: this.#place(key, window, at + this.#skew), name: key, member: '', successor: '', back: 0, used });
  }

  /** @throws StoreUnavailable */
  async states(counters: readonly Counter[]): Promise<CounterState[]> {
    const states: CounterState[] = [];
    for (let from = 0; from < counters.length; from += READ_AT_ONCE) {
      const some = counters.slice(from, from + READ_AT_ONCE);
      const keys: string[] = [];
      const args: number[] = [];
      for (const { key, window } of some) {
        const place = this.#place(key, window, this.#clock() + this.#skew);
        keys.push(place.counts, place.holds);
        args.push(place.slotMs, place.end);
      }
      const reply = numbersOf(await this.link.run(READ, keys, args));
      some.forEach(({ limit }, i) => states.push(stateOf(limit, reply[1 + 3 * i]!, reply[2 + 3 * i]!, reply[3 + 3 * i]!)));
    }
    return states;
  }

  async close(): Promise<void> {
    clearInterval(this.#renewer);
    await this.queue.close(this.link.up ? CLOSE_MS : 0);
    this.link.close();
  }

  /** @returns Redis' time where another period of the calendar runs there */
  async #reserve(wants: readonly Want[], now: number): Promise<Answer | number> {
    const id = `${this.#process}${(this.#holds++).toString(36)}`;
    const keys: string[] = [];
    const args: (string | number)[] = [id, this.holdMs];
    const places: Place[] = [];
    for (const { counter, amount, least, mode } of wants) {
      const place = this.#place(counter.key, counter.window, now);
      places.push(place);
      keys.push(place.counts, place.holds);
      const start = counter.window.kind === 'calendar' ? counter.window.at(now).start : 0;
      args.push(place.slotMs, start, place.end, counter.limit, amount, least, MODES[mode]);
    }
    const born = performance.now();
    const reply = await this.link.run(RESERVE, keys, args, (late) => {
      const answer = this.#answer(numbersOf(late), id, wants, places, born);
      // The request was told that Redis is away, and went on without.
      if (typeof answer !== 'number') for (const claim of answer.claims) claim.settle(0);
    });
    return this.#answer(numbersOf(reply), id, wants, places, born);
  }

  #answer(reply: readonly number[], id: string, wants: readonly Want[], places: readonly Place[], born: number): Answer | number {
    const now = reply[1]!;
    this.#skew = now - this.#clock();
    if (reply[0] === OTHER_PERIOD) return now;
    const admitted = reply[0] === ADMITTED;
    const claims: Claim[] = [];
    const states: CounterState[] = [];
    for (let i = 0; i < wants.length; i++) {
      const at = 4 + 5 * i;
      const { key, limit } = wants[i]!.counter;
      states.push(stateOf(limit, reply[at + 2]!, reply[at + 3]!, reply[at + 4]!));
      if (!admitted) continue;
      const { counts, holds, slotMs, end } = places[i]!;
      claims.push(new Claim(this, `${id}.${i}`, key, { counts, holds, slotMs, end, slot: reply[at + 1]! }, reply[at]!, born));
    }
    const wait = reply[3]!;
    return { admitted, refusedBy: reply[2]!, retryAfterMs: wait < 0 ? undefined : wait, claims, states, now };
  }

  #place(key: string, window: Counter['window'], now: number): Place {
    const slotMs = slotLength(window);
    if (window.kind === 'sliding') {
      const counts = `${this.#tag}:s${window.lengthMs}:${key}`;
      return { counts, holds: `${counts}:h`, slotMs, slot: Math.floor(now / slotMs), end: 0 };
    }
    const { start, end } = window.at(now);
    const counts = `${this.#tag}:c${start}-${end}:${key}`;
    return { counts, holds: `${counts}:h`, slotMs: 0, slot: 0, end };
  }

  /** Tells Redis, in one go, what is still in use of what it would give back soon. */
  async #renew(): Promise<void> {
    const now = performance.now();
    const due: Claim[] = [];
    for (const claim of this.claims) {
      if (now - claim.born < this.holdMs / 4) break;
      if (now - claim.born > this.#maxHoldMs) this.claims.delete(claim);
      else due.push(claim);
    }
    const calls: Promise<unknown>[] = [];
    for (let from = 0; from < due.length; from += READ_AT_ONCE) {
      const some = due.slice(from, from + READ_AT_ONCE);
      const keys = some.map((claim) => claim.place.holds);
      calls.push(
        this.link.run(RENEW, keys, [this.holdMs, ...some.map((claim) => claim.member)]).then((kept) => {
          (kept as number[]).forEach((there, i) => {
            if (there === 1) some[i]!.keptUntil = now + this.holdMs;
          });
        }),
      );
    }
    // What is not renewed now is renewed next time, twice before it expires; and what expires is charged all the same.
    await Promise.allSettled(calls);
  }
}

/** Large numbers come as texts. */
function numbersOf(reply: unknown): number[] {
  return (reply as (number | string)[]).map(Number);
}
