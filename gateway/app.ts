import { OrdinaryCall, type OrdinaryCallOptions } from '#core/serve/ordinary';
import type { ApiRequest, Stages } from '#core/serve/pipeline';

import { TierOneCall, type TierOneParts } from './call.ts';

/** Tier one's own stages, behind identify → read → route: authorize → admit → attempt* → settle. */
export class TierOneStages implements Stages {
  readonly #parts: TierOneParts;

  constructor(parts: TierOneParts) {
    this.#parts = parts;
  }

  async callApi(api: ApiRequest): Promise<void> {
    const { hooks, admission } = this.#parts;
    const call = new TierOneCall(api, this.#parts);
    // Before anything is set aside for it: a request that is refused costs nothing.
    if (hooks.hasAuthorize) await hooks.authorize(call.view);
    const admitted = admission.admit(api);
    const held = admitted instanceof Promise ? await admitted : admitted;
    const { trace } = api.request;
    if (trace !== undefined) trace.admittedAt = performance.now();
    call.run(held);
  }

  async callOrdinary(ordinary: OrdinaryCallOptions): Promise<void> {
    const { request, rule } = ordinary;
    if (rule.limits.length > 0) await this.#parts.admission.admitOrdinary(request, rule.limits, rule.route);
    new OrdinaryCall(ordinary).run();
  }
}
