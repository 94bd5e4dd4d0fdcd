import type { RouteInfo } from '../route/rule.ts';
import type { BudgetedRequest, BudgetRule } from './budget-rule.ts';

/** Budgets of one route at one Gateway: those of a client, and those that are not a client's alone. */
interface Covering {
  readonly byClient: ReadonlyMap<string, readonly BudgetRule[]>;
  readonly others: readonly BudgetRule[];
}

type GatewayInfo = BudgetedRequest['gateway'];

/** All budgets of a configuration. A request looks only at those of its route and client, however many there are. */
export class BudgetTable {
  readonly rules: readonly BudgetRule[];
  readonly #covering = new WeakMap<RouteInfo, WeakMap<GatewayInfo, Covering>>();

  constructor(rules: readonly BudgetRule[]) {
    this.rules = rules;
  }

  /** Those that cover a request. */
  of(request: BudgetedRequest): BudgetRule[] {
    if (this.rules.length === 0) return [];
    const { byClient, others } = this.#at(request.route, request.gateway);
    const { clientId } = request.identity;
    const own = clientId === undefined ? undefined : byClient.get(clientId);
    const covering = others.filter((rule) => rule.covers(request));
    return own === undefined ? covering : [...covering, ...own.filter((rule) => rule.covers(request))];
  }

  #at(route: RouteInfo, gateway: GatewayInfo): Covering {
    let byGateway = this.#covering.get(route);
    if (byGateway === undefined) this.#covering.set(route, (byGateway = new WeakMap()));
    let covering = byGateway.get(gateway);
    if (covering === undefined) byGateway.set(gateway, (covering = sorted(this.rules.filter((rule) => rule.coversRoute(route, gateway)))));
    return covering;
  }
}

function sorted(rules: readonly BudgetRule[]): Covering {
  const byClient = new Map<string, BudgetRule[]>();
  const others: BudgetRule[] = [];
  for (const rule of rules) {
    if (rule.clients === undefined) others.push(rule);
    for (const client of rule.clients ?? []) {
      const list = byClient.get(client);
      if (list === undefined) byClient.set(client, [rule]);
      else list.push(rule);
    }
  }
  return { byClient, others };
}
