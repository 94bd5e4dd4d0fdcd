import type { Identity } from '../identify/identity.ts';
import type { Window } from '../limits/window.ts';
import type { RouteInfo } from '../route/rule.ts';

/** What budgets look at in a request. */
export interface BudgetedRequest {
  readonly identity: Identity;
  /** As the client asks for it; undefined where none is asked for. */
  readonly model: string | undefined;
  readonly route: RouteInfo;
  /** Of the listener that took the request. */
  readonly gateway: { readonly namespace: string; readonly name: string };
}

/** One Budget, ready to be asked. Frozen. */
export interface BudgetRule {
  /** The same after a reload while what is counted is the same; its amount may change. At most 200 bytes. */
  readonly id: string;
  /** For people: `Budget default/team`. */
  readonly name: string;
  /** Whether it refuses requests. */
  readonly hard: boolean;
  readonly window: Window;
  /** Money is counted in units of `units.ts`. */
  readonly unit: 'tokens' | { readonly currency: string };
  /** Percent, in ascending order. */
  readonly alerts: readonly number[];
  readonly failureMode: 'open' | 'closed';
  /** Whether a request is refused whose price is not known, or is in another currency. */
  readonly refusesUnknownPrice: boolean;
  /** Models that it covers, as patterns; undefined: all. */
  readonly models: readonly string[] | undefined;
  /** Clients that it covers; undefined: all. */
  readonly clients: readonly string[] | undefined;
  /** Whether requests of a route that came in by a Gateway can be covered at all. */
  coversRoute(route: RouteInfo, gateway: BudgetedRequest['gateway']): boolean;
  covers(request: BudgetedRequest): boolean;
  /** Whose budget a covered request goes to: the empty string where all share one. At most 300 bytes. */
  subject(request: BudgetedRequest): string;
  /** Units in a window; 0 lets nothing through. */
  limit(request: BudgetedRequest): number;
}
