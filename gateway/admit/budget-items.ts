import { GatewayError } from '#core/errors';
import type { BudgetRule } from '#core/money/budget-rule';
import type { CoveredRequest } from '#core/route/covering';
import { type Cost, Unpriced } from '#core/money/cost';
import type { Place as PricePlace, Prices } from '#core/money/prices';
import { nanosOfUnits, unitsOfCost } from '#core/money/units';
import type { AiTarget } from '#core/providers/target';
import { amountOf } from '#core/resources/tierkit/money';
import { NO_DETAILS, type Usage } from '#core/llm/usage';

import type { RowBudget } from '../ledger/row.ts';
import type { Item, Use } from './items.ts';
import type { Charge, CounterState } from './store/store.ts';

/** Tokens of an answer that a hard budget sets aside where the client states no maximum. */
const ASSUMED_OUTPUT = 4096;
/** An answer of fewer tokens is none: for less the request is refused. */
const LEAST_OUTPUT = 16;

/** A Budget of tokens or of money. */
export class BudgetItem implements Item {
  readonly charge: Charge;
  readonly subject: string;
  readonly rule: BudgetRule;
  readonly shared = true;
  readonly anyOf = undefined;
  // Amounts in ten-millionths of a currency are no x-ratelimit headers.
  readonly silent = true;

  constructor(rule: BudgetRule, subject: string, charge: Charge) {
    this.rule = rule;
    this.subject = subject;
    this.charge = charge;
  }

  get name(): string {
    return this.rule.name;
  }

  get unit(): string {
    return this.rule.unit === 'tokens' ? 'tokens' : this.rule.unit.currency;
  }

  get shadow(): boolean {
    return !this.rule.hard;
  }

  amount(units: number): string {
    return this.rule.unit === 'tokens' ? String(units) : amountOf(nanosOfUnits(units));
  }

  /** As the ledger has it. */
  row(units: number): RowBudget {
    const { id, unit } = this.rule;
    return { id, units: unit === 'tokens' ? units : Number(nanosOfUnits(units)) };
  }

  used({ facts, cost }: Use): number {
    const { unit } = this.rule;
    if (unit === 'tokens') return facts.totalTokens;
    if (facts.totalTokens === 0 && (cost === undefined || cost instanceof Unpriced)) return 0;
    // What has no price after all, such as a kind of tokens that nobody foresaw, keeps what was set aside.
    return unitsIn(cost, unit.currency) ?? this.charge.amount;
  }
}

/** What a request may cost at the backends that may answer it. */
export class CostRange {
  readonly #request: CostQuestion;
  /** Backends whose price is not known. */
  readonly unpriced = new Set<AiTarget>();
  reason: string | undefined;

  constructor(request: CostQuestion) {
    this.#request = request;
  }

  /** The most that so many output tokens come to, in units; undefined where no backend has a price in the currency. */
  most(output: number, currency: string): number | undefined {
    const { prices, targets, model, input, images, now } = this.#request;
    let most: number | undefined;
    for (const target of targets) {
      const place = pricePlace(target, target.modelOverride ?? model);
      const cost = prices.cost(place, { usage: usageOf(input, output), images }, now);
      const units = unitsIn(cost, currency);
      if (units === undefined) {
        this.unpriced.add(target);
        this.reason ??= cost instanceof Unpriced ? cost.reason : `the price of ${place.model} is in ${cost.currency}, not in ${currency}`;
      } else if (most === undefined || units > most) most = units;
    }
    return most;
  }
}

export interface CostQuestion {
  readonly prices: Prices;
  readonly targets: readonly AiTarget[];
  readonly model: string;
  /** Estimated tokens of the prompt. */
  readonly input: number;
  readonly images: number | undefined;
  readonly now: number;
}

/** Where a price is looked up. @param model as the backend calls it */
export function pricePlace({ backend, schema }: AiTarget, model: string): PricePlace {
  return { model, backend: backend.name, provider: schema.name };
}

/** How many tokens an answer may have, and is expected to have. */
export interface OutputWish {
  /** What the client allows, for all choices together; undefined: it states no maximum. */
  readonly most: number | undefined;
  readonly expected: number;
  /** Answers to one question. */
  readonly choices: number;
  /** Whether the answer is text at all. */
  readonly writes: boolean;
}

interface Wished {
  readonly wish: OutputWish;
  readonly range: CostRange;
  /** Estimated tokens of the prompt. */
  readonly input: number;
}

/**
 * The charges to the budgets that cover a request.
 *
 * A hard one sets aside all that the answer may cost, and where less is left, what is left: the answer is then bounded to it. A soft one
 * counts what is expected.
 *
 * @throws GatewayError TK_PRICE_UNKNOWN where one needs a price that no backend of the request has
 */
export function budgetItems(budgets: readonly BudgetRule[], request: CoveredRequest, { wish, range, input }: Wished): BudgetItem[] {
  const items: BudgetItem[] = [];
  for (const rule of budgets) {
    const wanted = !wish.writes ? 0 : rule.hard ? (wish.most ?? ASSUMED_OUTPUT * wish.choices) : wish.expected;
    const least = Math.min(wanted, LEAST_OUTPUT);
    const units = unitsFor(rule, range, input);
    const amount = units(wanted);
    if (amount === undefined) {
      if (!rule.refusesUnknownPrice) continue;
      throw new GatewayError('TK_PRICE_UNKNOWN', `${rule.name} covers the request, and ${range.reason ?? 'its price is not known'}`);
    }
    const subject = rule.subject(request);
    const counter = { key: `${rule.id}/${subject}`, window: rule.window, limit: rule.limit(request) };
    const charge = { counter, amount, least: Math.min(amount, units(least) ?? amount), shadow: !rule.hard, failureMode: rule.failureMode };
    items.push(new BudgetItem(rule, subject, charge));
  }
  return items;
}

function unitsFor({ unit }: BudgetRule, range: CostRange, input: number): (output: number) => number | undefined {
  return unit === 'tokens' ? (output) => input + output : (output) => range.most(output, unit.currency);
}

/**
 * The output tokens that what was set aside is enough for; undefined: for all that are wanted.
 *
 * Where the client states no maximum, an answer is left unbounded while plenty is left: what is longer than {@link ASSUMED_OUTPUT} is then
 * paid from that. So an answer can pass a budget only by what it has beyond {@link PLENTY} times that.
 */
export function boundOf(item: BudgetItem, granted: number, state: CounterState, { wish, range, input }: Wished): number | undefined {
  const { rule, charge } = item;
  if (!rule.hard || !wish.writes) return undefined;
  const whole = granted >= charge.amount;
  if (whole && (wish.most !== undefined || state.remaining >= PLENTY * charge.amount)) return undefined;
  if (whole) return ASSUMED_OUTPUT * wish.choices;
  const units = unitsFor(rule, range, input);
  // The cost of output is linear: two points give it.
  const base = units(0) ?? granted;
  const perToken = ((units(PROBE) ?? base) - base) / PROBE;
  return perToken <= 0 ? undefined : Math.max(1, Math.floor((granted - base) / perToken));
}

const PLENTY = 10;
const PROBE = 1_000_000;

function unitsIn(cost: Cost | Unpriced | undefined, currency: string): number | undefined {
  return cost === undefined || cost instanceof Unpriced || cost.currency !== currency ? undefined : unitsOfCost(cost.nanos);
}

function usageOf(input: number, output: number): Usage {
  return { ...NO_DETAILS, input, output, total: input + output, source: 'estimated' };
}
