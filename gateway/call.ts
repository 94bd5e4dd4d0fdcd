import type { Outbound, Outcome } from '#core/attempt/call';
import type { AiTarget } from '#core/providers/target';
import { AiCall } from '#core/serve/ai';
import type { ApiRequest } from '#core/serve/pipeline';

import type { Reservation } from './admit/admission.ts';
import type { Hooks } from './extensions/hooks.ts';
import { ExtensionView } from './extensions/view.ts';

/** The attempts of a request at tier one: extensions see them, and what was set aside for the request is settled. */
export class TierOneCall extends AiCall {
  readonly #hooks: Hooks;
  #reservation: Reservation | undefined;
  #view: ExtensionView | undefined;

  constructor(api: ApiRequest, hooks: Hooks) {
    super(api);
    this.#hooks = hooks;
  }

  /** What extensions see of the request. */
  get view(): ExtensionView {
    this.#view ??= new ExtensionView(this.api, this.plan.targets);
    return this.#view;
  }

  /** @param reservation what the admit stage set aside; settled with the outcome */
  run(reservation: Reservation | undefined): void {
    this.#reservation = reservation;
    this.start();
  }

  protected override prepare(outbound: Outbound, target: AiTarget, attempt: number): Outbound | Promise<Outbound> {
    if (!this.#hooks.hasAttempt) return outbound;
    return this.#hooks.attempt(this.view, { backend: target.backend.name, attempt }, outbound);
  }

  override settle(outcome: Outcome<AiTarget>): void {
    this.#reservation?.settle(outcome);
    super.settle(outcome);
    if (this.#hooks.hasSettled) this.#hooks.settled(this.view, outcome, performance.now() - this.api.request.startedAt);
  }
}
