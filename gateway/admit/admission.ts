import type { Outcome } from '#core/attempt/call';

import type { Identity } from '#core/identify/identity';
import type { AiTarget } from '#core/providers/target';
import type { Rule } from '#core/route/rule';

/** What limits and budgets look at before a request may go on. */
export interface AdmissionRequest {
  readonly identity: Identity;
  readonly rule: Rule;
  readonly model: string;
  readonly operation: string;
  readonly stream: boolean;
  readonly bodyBytes: number;
}

/** What was set aside for an admitted request. */
export interface Reservation {
  /** Replaces what was set aside by what was used. Called once, also for a request that failed or whose client left. */
  settle(outcome: Outcome<AiTarget>): void;
}

/** The admit stage. Answers without a promise where nothing has to be waited for. */
export interface Admission {
  /** @throws GatewayError TK_RATE_LIMITED */
  admit(request: AdmissionRequest): Reservation | undefined | Promise<Reservation | undefined>;
}

/** No limit is configured: every request goes on, and nothing is set aside. */
export const UNLIMITED: Admission = { admit: () => undefined };
