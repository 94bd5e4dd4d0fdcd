import { GatewayError } from '#core/errors';
import { BrokenBudget } from '#core/money/broken-budget';
import type { BudgetRule } from '#core/money/budget-rule';
import { type ToolCost, Unpriced } from '#core/money/cost';
import { unitsOfCost } from '#core/money/units';
import type { CoveredRequest } from '#core/route/covering';
import { brokenPolicy } from '#core/route/policies';
import type { GatewayRequest } from '#core/serve/request';

import type { Admission } from '../../admit/admission.ts';
import { BudgetItem } from '../../admit/budget-items.ts';
import type { Hold } from '../../admit/store/store.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { toolRowOf } from '../../ledger/row.ts';
import type { TierOneMetrics } from '../../metrics.ts';
import { moneyFields } from '../../settle.ts';
import type { Asked } from '../engine/parts.ts';
import type { HeldToll, TollEnd, Tolls } from '../engine/toll.ts';
import type { Owned } from '../names/naming.ts';

export interface ToolChargesOptions {
  readonly admission: Admission;
  /** Undefined: none is kept. */
  readonly ledger: Ledger | undefined;
  readonly metrics: TierOneMetrics;
}

/** What calls of tools cost: set aside of every budget that covers them, and told where the cost of models is told. */
export class ToolCharges implements Tolls {
  readonly #options: ToolChargesOptions;

  constructor(options: ToolChargesOptions) {
    this.#options = options;
  }

  /** @throws GatewayError TK_BUDGET, TK_PRICE_UNKNOWN, TK_BROKEN_ROUTE, TK_LIMITS_UNAVAILABLE */
  admit(asked: Asked, { server, name }: Owned): HeldToll | undefined | Promise<HeldToll> {
    const { request, route: parts } = asked;
    const { tools, toolBudgets, broken, budgets } = request.snapshot.money;
    const { route } = request.rule!;
    const price = tools.isEmpty ? undefined : tools.of(route).find(server, name, request.startTime);
    if (price === undefined && toolBudgets.rules.length === 0) return undefined;
    const tool = parts.naming.toClient(server, name);
    const covered = { identity: request.identity, model: undefined, tool, route, gateway: request.listener!.gateway };
    if (price === undefined) {
      const [first] = toolBudgets.of(covered);
      if (first === undefined) return undefined;
      if (first instanceof BrokenBudget) throw brokenPolicy(first.name);
      throw unknownPrice(first, `no PriceTable has a price of tool ${JSON.stringify(name)} of ${server}`);
    }
    const [wrong] = broken.of(covered);
    if (wrong !== undefined) throw brokenPolicy(wrong.name);
    const cost = price instanceof Unpriced ? price : price.cost;
    const items = itemsOf(budgets.of(covered), covered, cost);
    const backend = parts.servers.get(server)!.server.backend.name;
    const held = (hold: Hold | undefined): HeldToll => new HeldCall({ ...this.#options, request, tool, backend, cost, items, hold });
    if (items.length === 0) return held(undefined);
    const hold = this.#options.admission.hold(items, request);
    return hold instanceof Promise ? hold.then(held) : held(hold);
  }
}

/** @throws GatewayError TK_PRICE_UNKNOWN where a budget that must hold needs a price that there is not */
function itemsOf(budgets: readonly BudgetRule[], covered: CoveredRequest, cost: ToolCost | Unpriced): BudgetItem[] {
  const items: BudgetItem[] = [];
  for (const rule of budgets) {
    if (rule.unit === 'tokens') continue;
    const { currency } = rule.unit;
    const why =
      cost instanceof Unpriced
        ? cost.reason
        : cost.currency !== currency
          ? `the price of the tool is in ${cost.currency}, not in ${currency}`
          : undefined;
    if (cost instanceof Unpriced || why !== undefined) {
      if (rule.refusesUnknownPrice) throw unknownPrice(rule, why!);
      continue;
    }
    const amount = unitsOfCost(cost.nanos);
    const limit = rule.limit(covered);
    // What is free fits into a budget that is used up, and into none that is suspended.
    if (amount === 0 && limit > 0) continue;
    const subject = rule.subject(covered);
    const counter = { key: `${rule.id}/${subject}`, window: rule.window, limit };
    items.push(new BudgetItem(rule, subject, { counter, amount, least: amount, shadow: !rule.hard, failureMode: rule.failureMode }));
  }
  return items;
}

function unknownPrice({ name }: BudgetRule, why: string): GatewayError {
  return new GatewayError('TK_PRICE_UNKNOWN', `${name} covers the call, and ${why}`);
}

interface HeldCallParts extends ToolChargesOptions {
  readonly request: GatewayRequest;
  /** As the client calls it. */
  readonly tool: string;
  /** `namespace/name` of the server's backend. */
  readonly backend: string;
  readonly cost: ToolCost | Unpriced;
  readonly items: readonly BudgetItem[];
  /** Undefined: no budget covers it. */
  readonly hold: Hold | undefined;
}

/** One call that may be made. */
class HeldCall implements HeldToll {
  readonly #parts: HeldCallParts;

  constructor(parts: HeldCallParts) {
    this.#parts = parts;
  }

  settle({ isDue, wasSent, complete, clientGone }: TollEnd): Readonly<Record<string, unknown>> {
    const { request, tool, backend, cost, items, hold, admission, ledger, metrics } = this.#parts;
    if (hold !== undefined) admission.settleHold(hold, items, isDue);
    const budgets = items.map((item) => item.row(isDue ? item.charge.amount : 0));
    if (isDue) metrics.toolSettled({ request, backend, tool, cost });
    const paid = isDue && !(cost instanceof Unpriced) ? cost : undefined;
    const status = clientGone && !request.reply.started ? 499 : request.reply.status;
    ledger?.write(toolRowOf({ request, tool, backend, status, complete, clientGone, attempts: wasSent ? 1 : 0, cost: paid, budgets }));
    return moneyFields({ cost: isDue ? cost : undefined, costs: {}, budgets });
  }
}
