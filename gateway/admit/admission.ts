import type { AttemptWatch, Facts, Outcome } from '#core/attempt/call';
import { GatewayError } from '#core/errors';
import type { Cost as LimitCost, CostFacts, LimitRule } from '#core/limits/rule';
import type { Usage } from '#core/llm/usage';
import type { Cost, Unpriced } from '#core/money/cost';
import type { AiRequest, AiTarget } from '#core/providers/target';
import { outputLimitName, outputLimitOf } from '#core/read/output-limit';
import { brokenPolicy } from '#core/route/policies';
import type { RouteInfo } from '#core/route/rule';
import type { ApiRequest } from '#core/serve/pipeline';
import type { GatewayRequest } from '#core/serve/request';
import { usageOf } from '#core/serve/settle';

import type { RowBudget } from '../ledger/row.ts';
import type { AdmissionMetrics } from './admission-metrics.ts';
import { Alerts } from './alerts.ts';
import { boundOf, BudgetItem, budgetItems, CostRange, type OutputWish, pricePlace } from './budget-items.ts';
import type { Counts } from './counts.ts';
import { textBytes } from './embedded.ts';
import { TokenEstimates } from './estimates.ts';
import { costOf, type Item, limitItems, noneHasRoom, tooLittle } from './items.ts';
import { limitHeaders, refusal } from './refusal.ts';
import { type CountReport, SeenCounts } from './seen.ts';
import { type Charge, type CounterState, type Decision, type Hold, StoreUnavailable } from './store/store.ts';
import { costFacts, type Place, settledUsage, type Sizes } from './usage.ts';

export interface AdmissionOptions {
  readonly counts: Counts;
  /** What becomes of a request while the counts of a policy's limit cannot be had; budgets say it themselves. */
  readonly failureMode: Charge['failureMode'];
  /** Told when a budget reaches one of its alerts. */
  readonly alert: (message: string) => void;
  readonly metrics: AdmissionMetrics;
  /** Whether somebody wants to know what requests used that no limit applies to. */
  readonly learns: boolean;
}

/** The admit stage: limits and budgets, before a request may go on. */
export class Admission {
  readonly #counts: Counts;
  readonly #failureMode: Charge['failureMode'];
  readonly #alerts: Alerts;
  readonly #estimates = new TokenEstimates();
  readonly #seen = new SeenCounts();
  readonly #metrics: AdmissionMetrics;
  readonly #learns: boolean;

  constructor({ counts, failureMode, alert, metrics, learns }: AdmissionOptions) {
    this.#learns = learns;
    this.#metrics = metrics;
    this.#counts = counts;
    this.#failureMode = failureMode;
    this.#alerts = new Alerts(alert);
  }

  /**
   * Sets aside what a request to a model API will probably use. Answers without a promise where nothing has to be waited for.
   * @returns undefined where nothing limits the request
   * @throws GatewayError TK_RATE_LIMITED, TK_BUDGET, TK_PRICE_UNKNOWN, TK_LIMITS_UNAVAILABLE
   */
  admit(api: ApiRequest): Admitted | undefined | Promise<Admitted | undefined> {
    const { request, match } = api;
    const { limits, route } = match.rule;
    const { identity, model, listener } = request;
    const covered = { identity, model, route, gateway: listener!.gateway };
    const { money } = request.snapshot;
    const [broken] = money.broken.of(covered);
    if (broken !== undefined) throw brokenPolicy(broken.name);
    const budgets = money.budgets.of(covered);
    if (limits.length === 0 && budgets.length === 0) return undefined;
    const expected = this.#expect(api);
    const items: Item[] = [];
    if (limits.length > 0) items.push(...limitItems(limits, request, expectedFacts(expected, this.#placeOf(api)), this.#failureMode));
    if (budgets.length > 0) items.push(...budgetItems(budgets, covered, expected));
    if (items.length === 0) return undefined;
    const decision = this.#ask(items);
    const admitted = (decided: Decision): Admitted => this.#admitted(decided, items, api, expected);
    return decision instanceof Promise ? decision.then(admitted, unavailable) : admitted(decision);
  }

  /** A request of an HTTPRoute: what counts is that it was made. @throws GatewayError TK_RATE_LIMITED, TK_LIMITS_UNAVAILABLE */
  admitOrdinary(request: GatewayRequest, rules: readonly LimitRule[], route: RouteInfo): void | Promise<void> {
    const facts = costFacts(undefined, { model: '', backend: '', route: `${route.name}.${route.namespace}` });
    const items = limitItems(rules, request, facts, this.#failureMode);
    if (items.length === 0) return undefined;
    const settle = (decided: Decision): void => {
      const used = usedBy(items, facts, undefined);
      this.#holdOf(decided, items, request).settle(used);
      this.#metrics.settled(items, used);
    };
    const decision = this.#ask(items);
    return decision instanceof Promise ? decision.then(settle, unavailable) : settle(decision);
  }

  /**
   * Sets aside what has a price of its own, such as the call of a tool.
   * @throws GatewayError TK_BUDGET, TK_LIMITS_UNAVAILABLE
   */
  hold(items: readonly BudgetItem[], request: GatewayRequest): Hold | Promise<Hold> {
    const held = (decided: Decision): Hold => {
      const hold = this.#holdOf(decided, items, request);
      for (let at = 0; at < items.length; at++) this.#alerts.look(items[at]!, decided.states[at]!);
      return hold;
    };
    const decision = this.#ask(items);
    return decision instanceof Promise ? decision.then(held, unavailable) : held(decision);
  }

  /** @param isPaid whether what {@link hold} set aside was used; else it comes back */
  settleHold(hold: Hold, items: readonly BudgetItem[], isPaid: boolean): void {
    const used = items.map(({ charge }) => (isPaid ? charge.amount : 0));
    hold.settle(used);
    this.#metrics.settled(items, used);
  }

  /**
   * Sets aside a backend's quota for one attempt.
   * @param admitted what was set aside for the request as a whole
   * @returns what was set aside; or the answer to the client, should no other backend do
   * @throws GatewayError TK_LIMITS_UNAVAILABLE
   */
  quota(api: ApiRequest, target: AiTarget, admitted: Admitted | undefined): Quota | GatewayError | Promise<Quota | GatewayError> {
    const expected = admitted?.expected ?? this.#expect(api);
    const place = this.#placeOf(api, target);
    const items = limitItems(target.quotas, api.request, expectedFacts(expected, place), this.#failureMode);
    const decided = (decision: Decision): Quota | GatewayError => {
      const judged = this.#judge(decision, items, 'quota');
      if (judged instanceof GatewayError) return judged;
      return new Quota({ items, hold: judged.hold, expected, place, estimates: this.#estimates, metrics: this.#metrics });
    };
    const decision = this.#ask(items);
    return decision instanceof Promise ? decision.then(decided, unavailable) : decided(decision);
  }

  /**
   * Settles a request that has ended, also one that failed or whose client left.
   * @param admitted what was set aside; undefined: nothing
   */
  settle(api: ApiRequest, outcome: Outcome<AiTarget>, admitted: Admitted | undefined): Settled {
    const { request, match } = api;
    const { prices } = request.snapshot.money;
    const last = outcome.attempts.at(-1);
    const place = this.#placeOf(api, last?.target);
    const usage = this.#usage(api, outcome, admitted);
    const images = outcome.complete ? imagesOf(api) : undefined;
    const isPriced = prices.entries.length > 0 && last !== undefined && (usage !== undefined || images !== undefined);
    const cost = isPriced ? prices.cost(pricePlace(last.target, place.model), { usage, images }, request.startTime) : undefined;
    const facts = costFacts(usage, place);
    return { usage, cost, costs: costsOf(match.rule.costs, facts), budgets: admitted?.settle(facts, cost) ?? [] };
  }

  /** How the counts stand that requests have lately gone to. @throws StoreUnavailable */
  report(wanted: Parameters<SeenCounts['report']>[1]): Promise<CountReport[]> {
    return this.#seen.report(this.#counts, wanted);
  }

  #expect(api: ApiRequest): Expected {
    const { request, json } = api;
    const { rule } = api.match;
    const { operation } = api.endpoint;
    const bytes = json === undefined ? 0 : textBytes(json.scan.bytes);
    const writes = outputLimitName(operation) !== undefined;
    const stated = json === undefined ? undefined : outputLimitOf(json.scan)?.tokens;
    const choices = choicesOf(api);
    const key = `${operation}/${request.model}`;
    const { input, output } = this.#estimates.estimate(key, bytes, stated, writes);
    const { targets } = rule.ai ? rule.plan : rule.pooledPlan!;
    const images = imagesOf(api);
    const wish = { most: stated === undefined ? undefined : stated * choices, expected: output * choices, choices, writes };
    const { prices } = request.snapshot.money;
    const range = new CostRange({ prices, targets, model: request.model!, input, images, now: request.startTime });
    return { key, bytes, uses: api.endpoint.usage !== undefined, writes, input, images, wish, range };
  }

  #usage(api: ApiRequest, outcome: Outcome<AiTarget>, admitted: Admitted | undefined): Usage | undefined {
    // Without a limit requests teach something only where a ledger or prices want the estimates, and large ones cost too much to look through.
    const { bodyBytes, snapshot } = api.request;
    const teaches = (this.#learns || snapshot.money.prices.entries.length > 0) && bodyBytes <= MOST_LEARNED_BYTES;
    if (admitted === undefined && !teaches) {
      const reported = usageOf(outcome);
      if (reported?.source === 'reported') return reported;
    }
    const last = outcome.attempts.at(-1);
    const underWay = outcome.clientGone && last?.endpoint !== undefined && last.failure === undefined;
    const { bytes } = api.request.reply;
    return settledUsage({ ...outcome, underWay }, admitted?.expected ?? this.#expect(api), bytes, this.#estimates);
  }

  #placeOf({ request, match: { rule } }: ApiRequest, target?: AiTarget): Place {
    return placeOf(target ?? (rule.ai ? rule.plan : rule.pooledPlan!).targets[0], request.model!, rule.route);
  }

  #ask(items: readonly Item[]): Decision | Promise<Decision> {
    for (const item of items) this.#seen.add(item);
    try {
      return this.#counts.reserve(items);
    } catch (error) {
      return unavailable(error);
    }
  }

  #admitted(decision: Decision, items: readonly Item[], api: ApiRequest, expected: Expected): Admitted {
    const { request } = api;
    const hold = this.#holdOf(decision, items, request);
    let bound: number | undefined;
    for (const [index, item] of items.entries()) {
      if (!(item instanceof BudgetItem)) continue;
      const state = decision.states[index]!;
      this.#alerts.look(item, state);
      const most = boundOf(item, hold.granted[index]!, state, expected);
      if (most !== undefined && (bound === undefined || most < bound)) bound = most;
    }
    return new Admitted({ items, hold, api, expected, bound, metrics: this.#metrics });
  }

  /**
   * What a store's decision comes to: the store knows counts, and not what is enough.
   * @returns the answer to the client where it is no
   */
  #judge(decision: Decision, items: readonly Item[], kind?: 'quota'): Extract<Decision, { admitted: true }> | GatewayError {
    if (!decision.admitted) return this.#refused(decision, items, kind);
    const { hold, states } = decision;
    const waitsFor = tooLittle(items, hold, states);
    const refusedBy = waitsFor ?? noneHasRoom(items, hold, states);
    if (refusedBy === undefined) {
      this.#metrics.admitted(items, hold.granted, (at) => isOver(states[at]!), kind);
      return decision;
    }
    hold.settle(items.map(() => 0));
    const retryAfterMs = waitsFor === undefined ? states[refusedBy]!.resetMs : SETTLING_MS;
    return this.#refused({ admitted: false, refusedBy, states, retryAfterMs }, items, kind);
  }

  #refused(decision: Extract<Decision, { admitted: false }>, items: readonly Item[], kind: 'quota' | undefined): GatewayError {
    const item = items[decision.refusedBy]!;
    this.#metrics.refused(item, kind);
    return refusal(decision, items, item instanceof BudgetItem ? 'TK_BUDGET' : 'TK_RATE_LIMITED');
  }

  /** @throws GatewayError where the decision is no */
  #holdOf(decision: Decision, items: readonly Item[], request: GatewayRequest): Hold {
    const judged = this.#judge(decision, items);
    if (judged instanceof GatewayError) throw judged;
    const { hold, states } = judged;
    Object.assign(request.reply.extra, limitHeaders(items, states));
    const over = items.filter(({ shadow }, index) => shadow && isOver(states[index]!));
    if (over.length > 0) request.details = { ...request.details, limits_exceeded_in_shadow: over.map(({ name }) => name) };
    return hold;
  }
}

const MOST_LEARNED_BYTES = 16_384;
/** When a request may come again that was refused for others under way. */
const SETTLING_MS = 1000;

/** What a request will probably use. */
export interface Expected extends Sizes {
  readonly images: number | undefined;
  readonly wish: OutputWish;
  readonly range: CostRange;
}

interface AdmittedParts {
  readonly items: readonly Item[];
  readonly hold: Hold;
  readonly api: ApiRequest;
  readonly expected: Expected;
  /** Tokens that the answer may have, where that is less than the client wants. */
  readonly bound: number | undefined;
  readonly metrics: AdmissionMetrics;
}

/** What a request used, and what it came to. */
export interface Settled {
  /** Undefined: nothing was used. */
  readonly usage: Usage | undefined;
  /** Undefined: nothing was used, or there are no prices at all. */
  readonly cost: Cost | Unpriced | undefined;
  /** As llmRequestCosts name them; absent where an expression gives none. */
  readonly costs: Readonly<Record<string, number>>;
  readonly budgets: readonly RowBudget[];
}

/** What was set aside for an admitted request. */
export class Admitted {
  readonly expected: Expected;
  readonly #parts: AdmittedParts;

  constructor(parts: AdmittedParts) {
    this.expected = parts.expected;
    this.#parts = parts;
  }

  /** Bounds the answer to what was set aside for it; undefined where that is enough for what the client wants. */
  get edit(): AiRequest['bound'] {
    const { bound, api, expected } = this.#parts;
    if (bound === undefined || api.json === undefined) return undefined;
    const name = outputLimitOf(api.json.scan)?.name ?? outputLimitName(api.endpoint.operation);
    return name === undefined ? undefined : { set: name, value: String(Math.max(1, Math.floor(bound / expected.wish.choices))) };
  }

  /** Whether a backend may not be asked: a budget that must hold needs its price, and there is none. */
  excludes(target: AiTarget): boolean {
    const { expected, items } = this.#parts;
    return expected.range.unpriced.has(target) && items.some((item) => item instanceof BudgetItem && item.rule.refusesUnknownPrice);
  }

  /** Puts what was used in the place of what was set aside. @returns the budgets that were charged */
  settle(facts: CostFacts, cost: Cost | Unpriced | undefined): readonly RowBudget[] {
    const { items, hold, metrics } = this.#parts;
    const used = usedBy(items, facts, cost);
    hold.settle(used);
    metrics.settled(items, used);
    return items.flatMap((item, index) => (item instanceof BudgetItem ? item.row(used[index]!) : []));
  }
}

interface QuotaParts {
  readonly items: readonly Item[];
  readonly hold: Hold;
  readonly expected: Expected;
  readonly place: Place;
  readonly estimates: TokenEstimates;
  readonly metrics: AdmissionMetrics;
}

/** What was set aside of one backend's quota, for as long as an attempt lasts. */
export class Quota implements AttemptWatch {
  readonly #parts: QuotaParts;
  #tokens = 0;

  constructor(parts: QuotaParts) {
    this.#parts = parts;
  }

  firstToken(): void {
    // Nothing counts yet.
  }

  tokens(count: number): void {
    this.#tokens += count;
  }

  ended({ failure, clientGone, facts = NO_FACTS }: Parameters<AttemptWatch['ended']>[0]): void {
    const { items, hold, expected, place, estimates, metrics } = this.#parts;
    const complete = failure === undefined && !clientGone;
    const usage = settledUsage({ complete, underWay: clientGone, facts, tokens: this.#tokens }, expected, 0, estimates);
    const used = usedBy(items, costFacts(usage, place), undefined);
    hold.settle(used);
    metrics.settled(items, used, 'quota');
  }
}

const NO_FACTS: Facts = { usage: undefined, model: undefined };

function usedBy(items: readonly Item[], facts: CostFacts, cost: Cost | Unpriced | undefined): number[] {
  const use = { facts, cost };
  return items.map((item) => item.used(use));
}

function expectedFacts({ input, wish: { expected } }: Expected, place: Place): CostFacts {
  return costFacts({ input, output: expected, total: input + expected } as Usage, place);
}

function placeOf(target: AiTarget | undefined, model: string, { namespace, name }: RouteInfo): Place {
  const [backendNamespace = '', backend = ''] = target?.backend.name.split('/') ?? [];
  return { model: target?.modelOverride ?? model, backend: `${backend}.${backendNamespace}`, route: `${name}.${namespace}` };
}

/** Answers to one question. */
function choicesOf({ json }: ApiRequest): number {
  return json?.scan.type('n') === 'number' ? Math.max(1, json.scan.number('n') ?? 1) : 1;
}

/** Images that are asked for; undefined where none are. */
function imagesOf(api: ApiRequest): number | undefined {
  return api.endpoint.operation === 'image_generation' ? choicesOf(api) : undefined;
}

function costsOf(costs: ReadonlyMap<string, LimitCost>, facts: CostFacts): Record<string, number> {
  const values: Record<string, number> = Object.create(null) as Record<string, number>;
  for (const [key, cost] of costs) {
    const value = costOf(cost, facts);
    if (value !== undefined) values[key] = value;
  }
  return values;
}

function isOver({ limit, used, reserved }: CounterState): boolean {
  return used + reserved > limit;
}

/** @throws GatewayError where the counts cannot be had, and the limit is to hold all the same */
function unavailable(error: unknown): never {
  if (!(error instanceof StoreUnavailable)) throw error;
  throw new GatewayError('TK_LIMITS_UNAVAILABLE', 'the counts of a limit cannot be had, and it is set to hold all the same', {
    headers: { 'retry-after': '1' },
    cause: error,
  });
}
