import { randomUUID } from 'node:crypto';

import type { Outbound, Outcome, Picked } from '#core/attempt/call';
import type { Failure } from '#core/attempt/failure';
import { GatewayError } from '#core/errors';
import { Unpriced } from '#core/money/cost';
import type { AiTarget } from '#core/providers/target';
import { AiCall, type AnswerEditor } from '#core/serve/ai';
import type { ApiRequest } from '#core/serve/pipeline';
import { usageOf } from '#core/serve/settle';
import { TOKEN_HEADER } from '#core/tiers/request-token';

import type { Admission, Admitted, Quota } from './admit/admission.ts';
import type { Hooks } from './extensions/hooks.ts';
import { ExtensionView } from './extensions/view.ts';
import type { Feedback } from './feedback/feedback.ts';
import type { McpEngine } from './mcp/engine/engine.ts';
import type { Ledger } from './ledger/ledger.ts';
import { rowOf } from './ledger/row.ts';
import type { TierOneMetrics } from './metrics.ts';
import { moneyFields, rowReceipt } from './settle.ts';
import type { ReceiptReader, TierTwoLink } from './tier-two.ts';

/** What all requests of tier one share. */
export interface TierOneParts {
  readonly hooks: Hooks;
  readonly link: TierTwoLink;
  readonly admission: Admission;
  /** Undefined: none is kept. */
  readonly ledger: Ledger | undefined;
  readonly metrics: TierOneMetrics;
  /** Undefined: nobody is asked what he thinks of answers. */
  readonly feedback: Feedback | undefined;
  readonly mcp: McpEngine;
}

/** The attempts of a request at tier one: extensions see them, and what was set aside for the request is settled. */
export class TierOneCall extends AiCall {
  readonly #hooks: Hooks;
  readonly #link: TierTwoLink;
  /** Receipt of the tier two that answers. */
  #receipt: ReceiptReader | undefined;
  readonly #admission: Admission;
  readonly #ledger: Ledger | undefined;
  readonly #metrics: TierOneMetrics;
  readonly #feedback: Feedback | undefined;
  #admitted: Admitted | undefined;
  /** Why backends were passed over that would have been asked. */
  #quotaUsedUp: GatewayError | undefined;
  #view: ExtensionView | undefined;

  constructor(api: ApiRequest, { hooks, link, admission, ledger, metrics, feedback }: TierOneParts) {
    super(api);
    this.#metrics = metrics;
    this.#feedback = feedback;
    this.#hooks = hooks;
    this.#link = link;
    this.#admission = admission;
    this.#ledger = ledger;
  }

  /** What extensions see of the request. */
  get view(): ExtensionView {
    this.#view ??= new ExtensionView(this.api, this.plan.targets);
    return this.#view;
  }

  /** Runs code of extensions: spans that it begins are below the request's. */
  within<T>(run: () => T): T {
    const { trace } = this.api.request;
    return trace === undefined ? run() : trace.within(run);
  }

  /** @param admitted what the admit stage set aside; settled with the outcome */
  run(admitted: Admitted | undefined): void {
    this.#admitted = admitted;
    const bound = admitted?.edit;
    if (bound !== undefined) {
      this.ai.bound = bound;
      const { request } = this.api;
      request.reply.extra['x-tierkit-output-bound'] = `${bound.set}=${bound.value}`;
      request.details = { ...request.details, output_bound: Number(bound.value) };
    }
    this.start();
  }

  /** A backend whose quota is used up is passed over, and one without a price that a budget needs. */
  pick(target: AiTarget): Picked | 'exhausted' | undefined | Promise<Picked | 'exhausted'> {
    if (!this.serves(target) || this.#admitted?.excludes(target) === true) return 'exhausted';
    if (target.quotas.length === 0) return undefined;
    const quota = this.#admission.quota(this.api, target, this.#admitted);
    return quota instanceof Promise ? quota.then((later) => this.#within(later, target)) : this.#within(quota, target);
  }

  #within(quota: Quota | GatewayError, { backend }: AiTarget): Picked | 'exhausted' {
    if (!(quota instanceof GatewayError)) return { endpoint: backend.endpoint(Date.now(), Math.random), watch: quota };
    this.#quotaUsedUp = quota;
    return 'exhausted';
  }

  override refuse(error: GatewayError, last: Failure | undefined, target: AiTarget | undefined) {
    // Where no backend was asked, that all are used up is the reason.
    return super.refuse(last === undefined ? (this.#quotaUsedUp ?? error) : error, last, target);
  }

  protected override prepare(outbound: Outbound, target: AiTarget, attempt: number): Outbound | Promise<Outbound> {
    this.#receipt = undefined;
    const signed = target.tierTwo === undefined ? outbound : this.#signed(outbound, target, attempt);
    if (!this.#hooks.hasAttempt) return signed;
    return this.within(() => this.#hooks.attempt(this.view, { backend: target.backend.name, attempt }, signed));
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
    const { request } = this.api;
    const settled = this.#admission.settle(this.api, outcome, this.#admitted);
    const { usage, cost, budgets } = settled;
    request.usage = usage;
    if (request.trace !== undefined && !(cost instanceof Unpriced)) request.trace.cost = cost;
    const receipt = this.#receipt?.compare(usageOf(outcome), outcome.complete);
    request.details = { ...request.details, ...moneyFields(settled), ...receipt };
    if (this.#ledger !== undefined) {
      const priced = cost instanceof Unpriced ? undefined : cost;
      this.#ledger.write(rowOf({ request, outcome, usage, cost: priced, budgets, receipt: rowReceipt(receipt) }));
    }
    super.settle(outcome);
    this.#feedback?.remember(request);
    const target = outcome.attempts.at(-1)?.target;
    this.#metrics.settled({
      request,
      status: outcome.status,
      settled,
      backend: target?.backend.name,
      model: target?.modelOverride ?? this.ai.model,
      receipt: rowReceipt(receipt)?.result,
    });
    if (this.#hooks.hasSettled) this.within(() => this.#hooks.settled(this.view, outcome, performance.now() - request.startedAt));
  }
}
