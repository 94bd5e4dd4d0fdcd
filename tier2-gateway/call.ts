import type { Endpoint } from '#core/attempt/backend';
import type { Facts, Outbound, Outcome, Picked } from '#core/attempt/call';
import { GatewayError } from '#core/errors';
import { removeHeaders } from '#core/http/headers';
import type { Usage } from '#core/llm/usage';
import type { AiTarget } from '#core/providers/target';
import { AiCall, type AnswerEditor } from '#core/serve/ai';
import type { ApiRequest } from '#core/serve/pipeline';
import { usageOf } from '#core/serve/settle';
import { errorTypeOf } from '#core/telemetry/metrics/error-type';
import type { SigningKey } from '#core/tiers/jws';
import { receiptComment, RECEIPT_NAME, signReceipt } from '#core/tiers/receipt';

import type { PoolRequestMetrics } from './metrics/request-series.ts';
import { PodPicking } from './pick/pod-picking.ts';
import { ServedPool } from './pick/served-pool.ts';
import { isTrusted, subjectOf } from './pick/subject.ts';
import { restoreModel, restoreModelInEvent } from './restore-model.ts';
import { TracedPick } from './traced-pick.ts';

/** What the names begin with by which a request says whose it is and how important. */
const IMPORTANCE = 'x-llm-d-inference-';

/** The attempts of a request at tier two: at pods that are picked for it, and at providers that stand behind the pools. */
export class TierTwoCall extends AiCall {
  readonly #signing: SigningKey | undefined;
  readonly #metrics: PoolRequestMetrics;
  /** In the pool that is asked now. */
  #picking: PodPicking | undefined;
  #rewritten: string | undefined;

  constructor(api: ApiRequest, signing: SigningKey | undefined, metrics: PoolRequestMetrics) {
    super(api);
    this.#metrics = metrics;
    this.#signing = signing;
  }

  pick(target: AiTarget, signal: () => AbortSignal): Picked | 'exhausted' | undefined | Promise<Picked | 'exhausted'> {
    const { backend } = target;
    if (!this.serves(target)) return 'exhausted';
    if (this.#picking?.pool !== backend) {
      this.#picking?.close();
      this.#picking = undefined;
      if (!(backend instanceof ServedPool)) return undefined;
      const asked = target.modelOverride ?? this.ai.model;
      this.#rewritten = backend.rules.rewrite(asked) ?? target.modelOverride;
      const others = this.plan.targets.some((other) => other.priority > target.priority && other.weight > 0);
      const subject = subjectOf(this.api, backend, this.#rewritten ?? this.ai.model, others);
      this.#picking = new PodPicking(backend, subject, (endpoint) => this.outbound(target, endpoint));
      const { trace, id } = this.api.request;
      if (trace !== undefined) {
        const first = this.#picking.next(signal);
        const traced = new TracedPick(this.#picking, id);
        trace.passes.push(traced);
        if (first instanceof Promise) traced.watch(first);
        return first;
      }
    }
    return this.#picking.next(signal);
  }

  protected override isOurs({ backend }: AiTarget): boolean {
    return backend instanceof ServedPool;
  }

  protected override modelAt(target: AiTarget): string | undefined {
    return target.backend instanceof ServedPool ? this.#rewritten : target.modelOverride;
  }

  protected override outbound(target: AiTarget, endpoint: Endpoint): Outbound {
    const outbound = super.outbound(target, endpoint);
    // Nobody may make a stranger's request important, at our picker or at another.
    if (isTrusted(this.api.request) || !(target.backend instanceof ServedPool)) return outbound;
    const { headers } = outbound;
    removeHeaders(headers, (name) => name.startsWith(IMPORTANCE));
    return outbound;
  }

  protected override prepare(outbound: Outbound, target: AiTarget): Outbound {
    return target.backend instanceof ServedPool ? this.#picking!.apply(outbound) : outbound;
  }

  protected override editor(target: AiTarget): AnswerEditor | undefined {
    const renamed = target.backend instanceof ServedPool && this.#rewritten !== undefined && this.#rewritten !== this.ai.model;
    const receipts = this.#signing !== undefined && this.api.request.claims !== undefined;
    if (!renamed && !receipts) return undefined;
    const model = JSON.stringify(this.ai.model);
    return {
      ...(renamed ? { event: (raw, event) => restoreModelInEvent(raw, event, model) } : {}),
      ...(receipts ? { beforeEnd: (facts) => receiptComment(this.#receipt(facts)) } : {}),
      whole: (scan, facts) => ({
        ...(renamed ? { body: restoreModel(scan, model) } : {}),
        ...(receipts ? { headers: { [RECEIPT_NAME]: this.#receipt(facts) } } : {}),
      }),
    };
  }

  #receipt({ usage, model }: Facts): string {
    const receipt = {
      id: this.api.request.claims!.id,
      model: model ?? this.#rewritten ?? this.ai.model,
      inputTokens: usage?.input,
      outputTokens: usage?.output,
      cachedTokens: usage?.cachedInput,
      source: usage?.source,
      queueMs: Math.round(this.#picking?.waitedMs ?? 0),
      pod: this.#picking?.member?.endpoint.pod ?? '',
      reason: this.#reason(),
    };
    return signReceipt(receipt, this.#signing!);
  }

  #reason(): string {
    return this.#picking?.pool.service.picker.explain(this.api.request.id)?.reason ?? '';
  }

  override settle(outcome: Outcome<AiTarget>): void {
    const picking = this.#picking;
    if (picking !== undefined) {
      // Settled already where the answer was complete; a stream that broke is settled with what passed.
      const usage = usageOf(outcome);
      picking.close(usage?.total);
      this.api.request.waitedMs += picking.waitedMs;
      this.#measure(picking, outcome, usage);
      this.api.request.details = {
        inference_pool: picking.pool.name,
        pod: picking.member?.endpoint.pod,
        queue_ms: Math.round(picking.waitedMs),
        model_rewrite: this.#rewritten,
        tenant: this.api.request.claims?.tenant,
      };
    }
    super.settle(outcome);
  }

  #measure({ subject }: PodPicking, outcome: Outcome<AiTarget>, usage: Usage | undefined): void {
    const { request } = this.api;
    const { startedAt, errorCode } = request;
    const { firstTokenAt, tokens, status } = outcome;
    this.#metrics.record({
      model: this.ai.model,
      target: this.#rewritten ?? this.ai.model,
      tenant: subject.flow,
      priority: subject.pick.priority,
      streaming: this.stream,
      durationMs: performance.now() - startedAt,
      firstTokenMs: tokens > 0 && firstTokenAt !== undefined ? firstTokenAt - startedAt : undefined,
      usage,
      errorType: errorTypeOf({ status, errorCode, outcome }),
    });
  }
}

/** @throws GatewayError TK_FORBIDDEN when tier one signed for another model than the body asks for */
export function checkModel({ request }: ApiRequest): void {
  const { claims, model } = request;
  if (claims !== undefined && claims.model !== model)
    throw new GatewayError('TK_FORBIDDEN', 'the token of tier one is for another model than the request asks for');
}
