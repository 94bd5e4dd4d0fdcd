import type { CoveredRequest, Covering, Covers, GatewayInfo } from '../route/covering.ts';
import type { RouteInfo } from '../route/rule.ts';

/** A Budget that cannot be read, as only a cluster has them: files with one are refused as a whole. */
export class BrokenBudget implements Covers {
  /** For people: `Budget default/team`. */
  readonly name: string;
  readonly clients: undefined;
  /** Whether it was written for tools, as far as that can be read. */
  readonly aboutTools: boolean;
  readonly #covering: Covering;

  constructor(name: string, covering: Covering, aboutTools: boolean) {
    this.name = name;
    this.aboutTools = aboutTools;
    this.#covering = covering;
  }

  coversRoute(route: RouteInfo, gateway: GatewayInfo): boolean {
    return this.#covering.coversRoute(route, gateway);
  }

  covers(request: CoveredRequest): boolean {
    return this.#covering.covers(request);
  }
}
