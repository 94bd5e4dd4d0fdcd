import type { CoveredRequest, Covers, GatewayInfo } from './covering.ts';
import type { RouteInfo } from './rule.ts';

/** What covers one route at one Gateway: for one client, and not for one client alone. */
interface AtRoute<Rule> {
  readonly byClient: ReadonlyMap<string, readonly Rule[]>;
  readonly others: readonly Rule[];
}

/** All rules of one kind. A request looks only at those of its route and client, however many there are. */
export class CoveringTable<Rule extends Covers> {
  readonly rules: readonly Rule[];
  readonly #atRoute = new WeakMap<RouteInfo, WeakMap<GatewayInfo, AtRoute<Rule>>>();

  constructor(rules: readonly Rule[]) {
    this.rules = rules;
  }

  /** Those that cover a request. */
  of(request: CoveredRequest): Rule[] {
    if (this.rules.length === 0) return [];
    const { byClient, others } = this.#at(request.route, request.gateway);
    const { clientId } = request.identity;
    const own = clientId === undefined ? undefined : byClient.get(clientId);
    const covering = others.filter((rule) => rule.covers(request));
    return own === undefined ? covering : [...covering, ...own.filter((rule) => rule.covers(request))];
  }

  #at(route: RouteInfo, gateway: GatewayInfo): AtRoute<Rule> {
    let byGateway = this.#atRoute.get(route);
    if (byGateway === undefined) this.#atRoute.set(route, (byGateway = new WeakMap()));
    let found = byGateway.get(gateway);
    if (found === undefined) byGateway.set(gateway, (found = sorted(this.rules.filter((rule) => rule.coversRoute(route, gateway)))));
    return found;
  }
}

function sorted<Rule extends Covers>(rules: readonly Rule[]): AtRoute<Rule> {
  const byClient = new Map<string, Rule[]>();
  const others: Rule[] = [];
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
