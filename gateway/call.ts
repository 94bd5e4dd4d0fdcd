import { randomUUID } from 'node:crypto';

import type { Outbound, Outcome } from '#core/attempt/call';
import type { AiTarget } from '#core/providers/target';
import { AiCall, type AnswerEditor } from '#core/serve/ai';
import type { ApiRequest } from '#core/serve/pipeline';
import { usageOf } from '#core/serve/settle';
import { TOKEN_HEADER } from '#core/tiers/request-token';

import type { Reservation } from './admit/admission.ts';
import type { Hooks } from './extensions/hooks.ts';
import { ExtensionView } from './extensions/view.ts';
import type { ReceiptReader, TierTwoLink } from './tier-two.ts';

/** The attempts of a request at tier one: extensions see them, and what was set aside for the request is settled. */
export class TierOneCall extends AiCall {
  readonly #hooks: Hooks;
  readonly #link: TierTwoLink;
  /** Receipt of the tier two that answers. */
  #receipt: ReceiptReader | undefined;
  #reservation: Reservation | undefined;
  #view: ExtensionView | undefined;

  constructor(api: ApiRequest, hooks: Hooks, link: TierTwoLink) {
    super(api);
    this.#hooks = hooks;
    this.#link = link;
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
    this.#receipt = undefined;
    const signed = target.tierTwo === undefined ? outbound : this.#signed(outbound, target, attempt);
    if (!this.#hooks.hasAttempt) return signed;
    return this.#hooks.attempt(this.view, { backend: target.backend.name, attempt }, signed);
  }

  /** The request with tier one's word for it. */
  #signed(outbound: Outbound, target: AiTarget, attempt: number): Outbound {
    const { request } = this.api;
    // A client may use one request id twice; tier two takes each token once.
    const id = `${request.id}/${attempt}.${randomUUID()}`;
    const { requestTimeoutMs } = this.plan;
    const token = this.#link.sign(
      {
        id,
        tenant: request.identity.clientId ?? 'anonymous',
        model: this.modelAt(target) ?? this.ai.model,
        deadline: requestTimeoutMs === 0 ? undefined : request.startTime + requestTimeoutMs,
        priority: 0,
      },
      target.tierTwo!,
    );
    if (token === undefined) return outbound;
    this.#receipt = this.#link.receipts(id);
    return { ...outbound, headers: [...outbound.headers, TOKEN_HEADER, token] };
  }

  protected override editor(): AnswerEditor | undefined {
    return this.#receipt;
  }

  override settle(outcome: Outcome<AiTarget>): void {
    this.#reservation?.settle(outcome);
    if (this.#receipt !== undefined) this.api.request.details = this.#receipt.compare(usageOf(outcome), outcome.complete);
    super.settle(outcome);
    if (this.#hooks.hasSettled) this.#hooks.settled(this.view, outcome, performance.now() - this.api.request.startedAt);
  }
}
