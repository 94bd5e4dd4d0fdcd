import { OrdinaryCall, type OrdinaryCallOptions } from '#core/serve/ordinary';
import type { OwnAnswer } from '#core/serve/own';
import type { ApiEndpoint } from '#core/read/endpoints';
import type { ApiRequest, McpRequest, Stages } from '#core/serve/pipeline';

import type { Admitted } from './admit/admission.ts';
import { TierOneCall, type TierOneParts } from './call.ts';
import { FEEDBACK, REQUEST_ID_HEADER } from './feedback/endpoint.ts';

/** Tier one's own stages, behind identify → read → route: authorize → admit → attempt* → settle. */
export class TierOneStages implements Stages {
  readonly #parts: TierOneParts;

  constructor(parts: TierOneParts) {
    this.#parts = parts;
  }

  own(endpoint: ApiEndpoint): OwnAnswer | undefined {
    return endpoint === FEEDBACK ? this.#parts.feedback?.answer : undefined;
  }

  async callApi(api: ApiRequest): Promise<void> {
    const { hooks, admission, feedback, metrics } = this.#parts;
    if (feedback !== undefined) api.request.reply.extra[REQUEST_ID_HEADER] = api.request.id;
    const call = new TierOneCall(api, this.#parts);
    // Before anything is set aside for it: a request that is refused costs nothing.
    if (hooks.hasAuthorize) await call.within(() => hooks.authorize(call.view));
    let held: Admitted | undefined;
    try {
      const admitted = admission.admit(api);
      held = admitted instanceof Promise ? await admitted : admitted;
    } catch (error) {
      metrics.refused(api.request, error);
      throw error;
    }
    const { trace } = api.request;
    if (trace !== undefined) trace.admittedAt = performance.now();
    call.run(held);
  }

  async callMcp(asked: McpRequest): Promise<void> {
    const { request, rule } = asked;
    // To listen to a stream, or to end a session, asks for nothing: a client that comes back to its stream would use up its own calls.
    if (rule.limits.length > 0 && request.method === 'POST') await this.#parts.admission.admitOrdinary(request, rule.limits, rule.route);
    await this.#parts.mcp.handle(asked);
  }

  async callOrdinary(ordinary: OrdinaryCallOptions): Promise<void> {
    const { request, rule } = ordinary;
    if (rule.limits.length > 0) await this.#parts.admission.admitOrdinary(request, rule.limits, rule.route);
    new OrdinaryCall(ordinary).run();
  }
}
