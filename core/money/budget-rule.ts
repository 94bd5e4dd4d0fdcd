import type { Window } from '../limits/window.ts';
import type { CoveredRequest, Covers } from '../route/covering.ts';

/** One Budget, ready to be asked. Frozen. */
export interface BudgetRule extends Covers {
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
  /** Whether it is written for tools: then one that has no price at all is no free one. */
  readonly aboutTools: boolean;
  /** Models that it covers, as patterns; undefined: all. */
  readonly models: readonly string[] | undefined;
  /** Whose budget a covered request goes to: the empty string where all share one. At most 300 bytes. */
  subject(request: CoveredRequest): string;
  /** Units in a window; 0 lets nothing through. */
  limit(request: CoveredRequest): number;
}
