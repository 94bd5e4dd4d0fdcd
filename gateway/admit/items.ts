import { type Cost as LimitCost, CostError, type CostFacts, type LimitedRequest, type LimitRule } from '#core/limits/rule';
import type { Cost, Unpriced } from '#core/money/cost';

import type { Charge, CounterState, Hold } from './store/store.ts';

/** One count that a request goes to, and what of its use counts there. */
export interface Item {
  readonly charge: Charge;
  /** For people: whose count it is. */
  readonly name: string;
  /** Within it: a client, a value of a header; empty where all share one count. */
  readonly subject: string;
  /** Units of the count, for people: `requests`, `tokens`, `USD`. */
  readonly unit: string;
  /** Of the items of one such name one that has room is enough. Absent: the item holds for itself. */
  readonly anyOf?: string | undefined;
  /** Whether all replicas count together. */
  readonly shared: boolean;
  /** Whether it refuses nothing, whatever is left. */
  readonly shadow: boolean;
  /** Whether answers say nothing of how the count stands. */
  readonly silent: boolean;
  /** Units as people write them. */
  amount(units: number): string;
  /** Units that a use counts. */
  used(use: Use): number;
}

/** What a request used. */
export interface Use {
  readonly facts: CostFacts;
  /** What it came to; undefined where no price was looked up. */
  readonly cost: Cost | Unpriced | undefined;
}

/** A limit of a policy. */
class LimitItem implements Item {
  readonly charge: Charge;
  readonly subject: string;
  readonly #rule: LimitRule;

  constructor(rule: LimitRule, subject: string, charge: Charge) {
    this.#rule = rule;
    this.subject = subject;
    this.charge = charge;
  }

  get name(): string {
    return this.#rule.name;
  }

  get unit(): string {
    return this.#rule.unit;
  }

  get anyOf(): string | undefined {
    return this.#rule.anyOf;
  }

  get shared(): boolean {
    return this.#rule.shared;
  }

  get shadow(): boolean {
    return this.#rule.shadow;
  }

  get silent(): boolean {
    return this.#rule.shadow || this.#rule.silent === true;
  }

  amount(units: number): string {
    return String(units);
  }

  used({ facts }: Use): number {
    const { requestCost, responseCost } = this.#rule;
    return requestCost + (costOf(responseCost, facts) ?? this.charge.amount - requestCost);
  }
}

/**
 * The counts of limits that apply to a request.
 *
 * What a request asks for itself (usually 1, the request) has to fit; of what its answer will use, as much as is left is set aside: like
 * with the reference a request goes on while anything is left, but see {@link tooLittle}.
 *
 * @param expected what the request will probably use
 */
export function limitItems(
  rules: readonly LimitRule[],
  request: LimitedRequest,
  expected: CostFacts,
  failureMode: Charge['failureMode'],
): Item[] {
  const items: Item[] = [];
  for (const rule of rules) {
    const subject = rule.subject(request);
    if (subject === undefined) continue;
    const { requestCost, responseCost, id, window } = rule;
    const counter = { key: `${id}/${subject}`, window, limit: rule.limit(request) };
    const amount = requestCost + (costOf(responseCost, expected) ?? 0);
    // Where one of several is enough, none alone may refuse.
    const shadow = rule.shadow || rule.anyOf !== undefined;
    items.push(new LimitItem(rule, subject, { counter, amount, least: requestCost, shadow, failureMode }));
  }
  return items;
}

/** @returns undefined where an expression gives no cost for these numbers: then what was set aside counts */
export function costOf(cost: LimitCost | undefined, facts: CostFacts): number | undefined {
  try {
    return cost?.of(facts) ?? 0;
  } catch (error) {
    if (error instanceof CostError) return undefined;
    throw error;
  }
}

/**
 * The item that refuses a request among those of which one that has room is enough: none has. Of those the one that is free first.
 * @param states how the counts stand with this request in them
 */
export function noneHasRoom(items: readonly Item[], { granted }: Hold, states: readonly CounterState[]): number | undefined {
  let soonest: number | undefined;
  for (let index = 0; index < items.length; index++) {
    const { anyOf, shadow } = items[index]!;
    if (anyOf === undefined || shadow) continue;
    const hasRoom = items.some((item, at) => item.anyOf === anyOf && !item.shadow && leftBefore(states[at]!, granted[at]!) > 0);
    if (hasRoom) continue;
    if (soonest === undefined || states[index]!.resetMs < states[soonest]!.resetMs) soonest = index;
  }
  return soonest;
}

function leftBefore({ limit, used, reserved }: CounterState, granted: number): number {
  return limit - used - reserved + granted;
}

/**
 * The limit of which less is left than the request will probably use, while others are under way that have set aside theirs: then it waits
 * for what they really use. So a limit is passed by no more than one request has, and by what answers exceed their estimate.
 *
 * @param states how the counts stand with this request in them
 */
export function tooLittle(items: readonly Item[], { granted }: Hold, states: readonly CounterState[]): number | undefined {
  // What a budget grants bounds the answer: it may be little.
  const refusedBy = items.findIndex(
    (item, index) =>
      item instanceof LimitItem && !item.charge.shadow && granted[index]! < item.charge.amount && states[index]!.reserved > granted[index]!,
  );
  return refusedBy === -1 ? undefined : refusedBy;
}
