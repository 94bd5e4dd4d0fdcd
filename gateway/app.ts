import type { ApiRequest, Stages } from '#core/serve/pipeline';
import { OrdinaryCall, type OrdinaryCallOptions } from '#core/serve/ordinary';

import { type Admission, UNLIMITED } from './admit/admission.ts';
import { TierOneCall } from './call.ts';
import type { Hooks } from './extensions/hooks.ts';
import type { TierTwoLink } from './tier-two.ts';

/** Tier one's own stages, behind identify → read → route: authorize → admit → attempt* → settle. */
export class TierOneStages implements Stages {
  readonly #hooks: Hooks;
  readonly #link: TierTwoLink;
  readonly #admission: Admission;

  constructor(hooks: Hooks, link: TierTwoLink, admission: Admission = UNLIMITED) {
    this.#hooks = hooks;
    this.#link = link;
    this.#admission = admission;
  }

  async callApi(api: ApiRequest): Promise<void> {
    const call = new TierOneCall(api, this.#hooks, this.#link);
    // Before anything is set aside for it: a request that is refused costs nothing.
    if (this.#hooks.hasAuthorize) await this.#hooks.authorize(call.view);
    const { request, endpoint, match } = api;
    const admitted = this.#admission.admit({
      identity: request.identity,
      rule: match.rule,
      model: request.model!,
      operation: endpoint.operation,
      stream: request.stream,
      bodyBytes: request.bodyBytes,
    });
    call.run(admitted instanceof Promise ? await admitted : admitted);
  }

  callOrdinary(ordinary: OrdinaryCallOptions): void {
    new OrdinaryCall(ordinary).run();
  }
}
