import type { Endpoint } from '#core/attempt/backend';
import type { Outbound, Outcome, Picked } from '#core/attempt/call';
import { readBody } from '#core/read/body';
import type { OrdinaryTarget } from '#core/route/rule';
import { hasBody, OrdinaryCall, type OrdinaryCallOptions } from '#core/serve/ordinary';

import { PodPicking, type PickSubject } from './pick/pod-picking.ts';
import { ServedPool } from './pick/served-pool.ts';
import { ANYBODY, type Asking, isTrusted, subjectFor } from './pick/subject.ts';

/**
 * Traffic to a pool that no model API knows, such as `/health`. A picker that the pool names is asked as it is for every request; else any
 * endpoint that is ready will do.
 */
export class PoolPassage extends OrdinaryCall {
  #picking: PodPicking | undefined;

  /** Runs the request. A picker is to see its body, and may choose a second time: it is read before. @throws GatewayError */
  static async run(options: OrdinaryCallOptions): Promise<void> {
    const { request, rule, body } = options;
    const asks = rule.plan.targets.some(({ backend }) => backend instanceof ServedPool && backend.service.external !== undefined);
    if (!asks || body !== undefined || !hasBody(request.headers)) {
      new PoolPassage(options).run();
      return;
    }
    const { maxBodyBytes, requestReceivedMs } = request.listener!.client;
    const whole = await readBody(request.raw, maxBodyBytes, requestReceivedMs);
    request.bodyBytes = whole.length;
    new PoolPassage({ ...options, body: whole }).run();
  }

  pick(target: OrdinaryTarget, signal: () => AbortSignal): Picked | 'exhausted' | undefined | Promise<Picked | 'exhausted'> {
    const { backend } = target;
    if (this.#picking !== undefined && this.#picking.pool === backend) return this.#picking.next(signal);
    this.#picking?.close();
    this.#picking = undefined;
    if (!(backend instanceof ServedPool)) return undefined;
    if (backend.service.external === undefined) return { endpoint: backend.endpoint(Date.now(), Math.random), watch: undefined };
    this.#picking = new PodPicking(backend, this.#subject(backend), (endpoint) => super.encode(target, endpoint));
    return this.#picking.next(signal);
  }

  #subject(pool: ServedPool): PickSubject {
    const { request } = this.options;
    const { id, headers, identity, bodyBytes, claims } = request;
    const asking: Asking = {
      id,
      headers,
      scan: undefined,
      streaming: false,
      bytes: bodyBytes,
      tenant: claims?.tenant ?? identity.clientId ?? ANYBODY,
      priority: claims?.priority,
      deadlineMs: undefined,
      trusted: isTrusted(request),
    };
    return subjectFor(asking, pool, '', undefined);
  }

  override encode(target: OrdinaryTarget, endpoint: Endpoint): Outbound {
    const outbound = super.encode(target, endpoint);
    return this.#picking !== undefined && this.#picking.pool === target.backend ? this.#picking.apply(outbound) : outbound;
  }

  override settle(outcome: Outcome<OrdinaryTarget>): void {
    this.#picking?.close();
    super.settle(outcome);
  }
}
